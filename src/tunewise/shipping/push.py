"""An exported folder goes to the Hugging Face Hub: private unless told otherwise, proved, current.

Given a run folder and a format, uploads what lies in RUN/shipped/FORMAT. Refuses what nobody should
publish by accident: files that aren't proved or belong to an older fit, and models that learnt from
rows with personal data, each unless allowed by its name. Knows nothing of how files are written.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tunewise.data.store import load_dataset
from tunewise.errors import BadInput, did_you_mean
from tunewise.files import read_record
from tunewise.hub import Repo, hub_errors
from tunewise.progress import Progress
from tunewise.records import Finding, Splits
from tunewise.shipping.manifest import Manifest, read_manifest
from tunewise.workspace.folder import RunFolder, opened
from tunewise.workspace.stages import record_of

RISKS = ("personal", "unproven", "outdated")


def push(
    run: Path,
    form: str,
    name: str,
    progress: Progress,
    *,
    public: bool = False,
    allow: Collection[str] = (),
) -> str:
    """Upload an exported folder and return the address of its commit.

    Args:
        run: the run folder.
        form: the format whose export is uploaded.
        name: of the repository, 'owner/name'.
        progress: where to say what goes on.
        public: whether everybody may see it.
        allow: of RISKS, what is uploaded in spite of it.

    Raises:
        BadInput: a risk that isn't allowed, no token, or a repository that is public already.
        RunFolderError: there is no such export, or a file was changed since.
        Unreachable: the Hub gives no answer.
    """
    for risk in allow:
        if risk not in RISKS:
            raise BadInput(
                f"there is no risk '{risk}'", where="--allow", mend=did_you_mean(risk, RISKS)
            )
    files = opened(run)
    folder = files.path / "shipped" / form
    manifest = read_manifest(folder)
    _refuse_risks(files, manifest, folder, allow)
    repo = Repo("model", name)
    _refuse_without_token()
    import huggingface_hub

    api = huggingface_hub.HfApi()
    with hub_errors(repo):
        api.create_repo(name, private=not public, exist_ok=True, repo_type="model")
        if not public and not api.repo_info(name, repo_type="model").private:
            raise BadInput(
                f"'{name}' is public already",
                where="push",
                mend="Say --public if everybody may see this model, or name another repository.",
            )
        progress.line(f"Uploading {len(manifest.files) + 1:,} files to {name}.")
        done = api.upload_folder(
            repo_id=name,
            folder_path=str(folder),
            repo_type="model",
            commit_message=f"{manifest.candidate} as {form}, proof {manifest.proof}",
            allow_patterns=[*manifest.files, "manifest.json"],
        )
    return str(done.commit_url)


def _refuse_risks(
    files: RunFolder, manifest: Manifest, folder: Path, allow: Collection[str]
) -> None:
    """Raise BadInput for the first risk that isn't allowed."""
    again = f"Export it again (tunewise export RUN --to {manifest.format}), or"
    if manifest.proof != "passed" and "unproven" not in allow:
        raise BadInput(
            f"the proof of this export is '{manifest.proof}'",
            where=str(folder),
            mend=f"{again} --allow unproven.",
        )
    fit = record_of(files, f"{manifest.candidate}.fit")
    if (fit is None or fit.fingerprint != manifest.fit) and "outdated" not in allow:
        raise BadInput(
            f"'{manifest.candidate}' was fitted anew since this export",
            where=str(folder),
            mend=f"{again} --allow outdated.",
        )
    found = learnt_personal_data(files)
    if found and "personal" not in allow:
        raise BadInput(
            f"the audit found personal data in rows that the model learnt from: {found[0].reason}",
            where=str(files.path),
            mend="Replace it (tunewise audit writes the fixes) and run again; or, if this model may"
            " go out with it, --allow personal.",
        )


def learnt_personal_data(files: RunFolder) -> list[Finding]:
    """Return the audit's findings of personal data in rows that were trained or chosen on."""
    path = files.findings if files.findings.exists() else files.audit
    findings = [one for one in read_record(path, list[Finding]) if one.check == "personal"]
    if not findings:
        return []
    splits = read_record(files.splits, Splits)
    learnt = {*splits.train, *splits.validation}
    rows = {f"{e.source}:{e.row}" for e in load_dataset(files).examples if e.id in learnt}
    return [finding for finding in findings if not finding.rows or rows & {*finding.rows}]


def _refuse_without_token() -> None:
    import huggingface_hub

    if huggingface_hub.get_token() is None:
        raise BadInput(
            "nobody is logged in to the Hub on this machine",
            mend="Log in with: hf auth login (or set HF_TOKEN).",
        )
