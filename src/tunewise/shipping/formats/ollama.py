"""An Ollama model: a GGUF file, and the Modelfile with template, system prompt and stops.

Knows nothing of proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewise.candidates.lora import FittedLora
from tunewise.models.loading import positions_of
from tunewise.progress import Progress
from tunewise.shipping.asking import asking_of
from tunewise.shipping.formats import gguf_file
from tunewise.shipping.formats.modelfile import frame_of, modelfile
from tunewise.shipping.subject import Subject

MODELFILE = "Modelfile"
DEFAULT = "q8_0"
MOST_CONTEXT = 4096  # tokens that Ollama keeps room for; more costs memory at once


def write(
    subject: Subject,
    fitted: FittedLora,
    folder: Path,
    quantisations: Sequence[str],
    progress: Progress,
) -> list[str]:
    """Write GGUF files and a Modelfile that names the first; return the files' names.

    Raises:
        ModelError: a chat template that can't be written as Ollama's.
    """
    asking, chat = asking_of(subject, fitted), fitted.chat
    frame = frame_of(chat, adds_bos=adds_bos(chat.tokenizer), with_system=bool(asking.system))
    names = gguf_file.write(subject, fitted, folder, quantisations or (DEFAULT,), progress)
    parameters = {"num_predict": asking.max_new_tokens or 128}
    limit = positions_of(fitted.model.config)
    if limit is not None:
        parameters["num_ctx"] = min(limit, MOST_CONTEXT)
    text = modelfile(frame, names[0], asking.system, asking.stop, parameters)
    (folder / MODELFILE).write_text(text, encoding="utf-8")
    return names


def adds_bos(tokenizer: object) -> bool:
    """Whether a tokenizer puts its beginning token before a text by itself."""
    ids = tokenizer("a")["input_ids"]  # type: ignore[operator]
    bos = getattr(tokenizer, "bos_token_id", None)
    return bos is not None and ids[:1] == [bos]
