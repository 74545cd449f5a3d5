"""What a prompt that isn't the trained one, or an answer that doesn't stop, is likely due to.

Given what was expected and what a runtime made of it, names the cause. Knows nothing of weights.
"""

from __future__ import annotations

from tunewise.errors import one_line
from tunewise.shipping.proof.records import Cause
from tunewise.shipping.runtimes import LanguageRuntime, Rendered, Wrote
from tunewise.shipping.trained import Row, Trained

SHOWN = 60  # characters of a prompt that a sentence shows


def rendering_cause(
    row: Row, found: Rendered, trained: Trained, runtime: LanguageRuntime
) -> Cause | None:
    """Return why a runtime's prompt hasn't the tokens it was trained with; None where it has."""
    if found.ids == row.ids:
        return None
    if found.refusal is not None:
        words = f"{runtime.place} has no template that renders the task ({found.refusal})"
        return Cause("template lost", words)
    if runtime.ids_of(trained.end_token) != [trained.end_id]:
        words = (
            f"the end token '{trained.end_token}' isn't the one token {trained.end_id} in the"
            " exported vocabulary"
        )
        return Cause("end token missing", words)
    twice = len(found.ids) > 1 and found.ids[0] == found.ids[1] and found.ids[1:] == row.ids
    if twice:
        words = (
            f"the prompt begins with token {found.ids[0]} twice: the template writes it and the"
            " tokenizer adds it again"
        )
        return Cause("special tokens added twice", words)
    same_text = found.text == row.text or row.text.endswith(found.text)
    if runtime.ids_of(row.text) != list(row.ids) or same_text:
        words = "the exported tokenizer reads the very same prompt as other tokens"
        return Cause("tokenizer swapped", words)
    return _template_cause(row, found, runtime.place)


def _template_cause(row: Row, found: Rendered, place: str) -> Cause:
    """Return in what a runtime's template differs from the one that was trained with."""
    if found.text and row.text.startswith(found.text):
        missing = one_line(row.text[len(found.text) :], SHOWN)
        words = f"the template in {place} lacks the generation prompt ('{missing}')"
        return Cause("template lacks the generation prompt", words)
    if not any(message["content"] in found.text for message in row.messages):
        return Cause("template lost", f"the template in {place} drops what was said")
    return Cause("template differs", _first_difference(row.text, found.text, place))


def _first_difference(wanted: str, found: str, place: str) -> str:
    pairs = zip(wanted, found, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(wanted), len(found)))
    return (
        f"the template in {place} writes '{one_line(found[same : same + SHOWN], SHOWN)}' where the"
        f" trained one writes '{one_line(wanted[same : same + SHOWN], SHOWN)}'"
    )


def stopping_cause(row: Row, found: Wrote, trained: Trained) -> Cause | None:
    """Return why an answer that the trained candidate ends goes on; None where it doesn't."""
    if found.stopped or not row.wrote.stopped:
        return None
    if trained.end_id in found.ids:
        words = (
            f"the model writes the end token '{trained.end_token}' and the runtime goes on: its"
            " stop tokens lack it"
        )
        return Cause("stop token lost", words)
    return None
