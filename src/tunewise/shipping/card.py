"""The model card of an exported folder: what it is, how to ask it, and the proof.

Given the manifest, how the task is asked and the proofs, gives back Markdown with the front matter
that the Hub reads. It holds no row of the user's data. Knows nothing of files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tunewise.models.catalogue import hub_id
from tunewise.report.text import markdown
from tunewise.shipping.asking import Asking
from tunewise.shipping.manifest import Manifest
from tunewise.shipping.proof.records import Proof

LIBRARIES = {"adapter": "peft", "merged": "transformers", "gguf": "gguf", "onnx": "onnx"}
STATES = {
    "unproven": "**Not proved yet:** nobody has held these files against the trained model.",
    "passed": "Proved: these files answer as the trained model did.",
    "failed": "**The proof failed:** these files don't answer as the trained model did.",
}


def card(manifest: Manifest, asking: Asking, proofs: Sequence[Proof]) -> str:
    """Return the model card as Markdown."""
    base, writes = manifest.base, asking.kind == "generation"
    known = hub_id(base.name)  # the Hub's card takes no other name
    task = "text-generation" if writes else "text-classification"
    front = {
        "license": (base.licence or "unknown").lower(),
        **({"base_model": known} if known else {}),
        "library_name": LIBRARIES.get(manifest.format, "gguf"),
        "pipeline_tag": task,
        "tags": ["tunewise", manifest.kind],
    }
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", ""]
    lines += [
        f"# {markdown(manifest.task)}: {markdown(manifest.candidate)} as {manifest.format}",
        "",
        f"{_what(asking)} Tuned by tunewise ({manifest.kind}) from {markdown(base.source)}, licence"
        f" {markdown(base.licence or 'unknown')}, which holds for this model too; the fingerprint"
        f" of its weights begins with `{base.fingerprint[:16]}`.",
        "",
        STATES[manifest.proof],
        "",
        *_table(proofs),
        *_causes(proofs),
        "`task.json` says how a text is asked, `parity.json` has all figures of the proof, and"
        " `manifest.json` the SHA-256 of each file.",
        "",
    ]
    return "\n".join(lines)


def _what(asking: Asking) -> str:
    if asking.kind == "generation":
        return "Writes an answer to a text."
    return f"Sorts a text into one of {len(asking.labels):,} labels."


def _table(proofs: Sequence[Proof]) -> list[str]:
    """Return the proofs as a table, one line for each model file."""
    if not proofs:
        return []
    lines = [
        f"On {proofs[0].rows:,} {proofs[0].side} rows, beside the trained model in process:",
        "",
        "| file | runtime | same prompt | likeliest token agrees | needed | greedy tokens agree"
        " | log-probability off by (mean, largest) | metric, trained | exported"
        " | difference (95% interval) | proof |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    return [*lines, *(_row(proof) for proof in proofs), ""]


def _row(proof: Proof) -> str:
    unknown = "—"
    off = unknown
    if proof.logp_mean is not None and proof.logp_largest is not None:
        off = f"{proof.logp_mean:.4f}, {proof.logp_largest:.4f}"
    greedy = unknown if proof.greedy_agreement is None else f"{proof.greedy_agreement:.2%}"
    d = proof.difference
    cells = [
        f"`{proof.model}`",
        markdown(proof.runtime),
        f"{proof.prompts_equal:,} of {proof.rows:,}",
        f"{proof.agreement:.2%} of {proof.positions:,}"
        + (f", tied {proof.tied / proof.positions:.2%}" if proof.tied else ""),
        f"{proof.bar:.0%}",
        greedy,
        off,
        f"{markdown(proof.metric)} {proof.trained:.3f}",
        f"{proof.exported:.3f}",
        f"{d.value:+.3f} ({d.low:+.3f} to {d.high:+.3f})",
        "passed" if proof.passed else "failed",
    ]
    return f"| {' | '.join(cells)} |"


def _causes(proofs: Sequence[Proof]) -> list[str]:
    """Return what failed and what is likely wrong, for each model file that didn't pass."""
    lines = []
    for proof in proofs:
        if not proof.passed:
            lines += [f"What failed in `{proof.model}`:", ""]
            lines += [f"- {markdown(failure)}" for failure in proof.failures]
            lines += [
                f"- likely cause: {cause.name} ({markdown(cause.words)})" for cause in proof.causes
            ]
            lines.append("")
    return lines
