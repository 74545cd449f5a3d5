"""The model card that lies beside tuned weights: what they are, of what, made how.

Given the settings on record, gives back Markdown with the front matter that the Hub reads. Knows
nothing of files.
"""

from __future__ import annotations

from typing import Any


def card(about: dict[str, Any]) -> str:
    """Return the model card for a tuned model's settings.json."""
    training, model = about["training"], about["model"]
    licence = model["licence"] or "unknown"
    adapter = training["method"] != "full"
    front = [
        "---",
        f"base_model: {model['name']}",
        f"license: {licence.lower()}",
        f"library_name: {'peft' if adapter else 'transformers'}",
        "pipeline_tag: text-generation",
        "tags: [tunewise" + (", lora" if adapter else "") + "]",
        "---",
    ]
    losses = ", ".join(f"{loss:.4f}" for loss in about["validation_loss"]) or "not measured"
    made = [
        f"# {'An adapter' if adapter else 'Tuned weights'} for {model['name']}",
        "",
        f"Base model: {model['source']}, licence {licence}; its weights' fingerprint begins with"
        f" `{model['fingerprint'][:16]}`. The licence of the base model holds for this one too.",
        "",
        f"Tuned on {about['rows']:,} rows ({about['tokens']:,} tokens, of which"
        f" {about['supervised_tokens']:,} were learned: the answers and their end tokens).",
        f"Validation loss by epoch: {losses}; epoch {about['chosen_epoch']} is kept.",
        "",
        "| setting | value |",
        "|---|---|",
    ]
    rows = [f"| {name} | {value} |" for name, value in sorted(training.items())]
    return "\n".join([*front, "", *made, *rows, ""])
