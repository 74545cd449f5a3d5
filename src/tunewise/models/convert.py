"""A GGUF file becomes a folder of bf16 safetensors with its tokenizer, checked by reading it back.

transformers unpacks the quantised blocks; the result is an ordinary folder that can be tuned and
saved. Knows nothing of where the file came from.
"""

from __future__ import annotations

import io
import re
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewise.errors import ModelError, one_line
from tunewise.models.loading import load_causal, load_tokenizer, quiet_transformers
from tunewise.progress import Progress, showing

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAGIC = b"GGUF"
SAMPLE = "  What's my card's PIN? ¿Dónde está mi tarjeta? 42 €\n\tnaïve 漢字 <|im_start|>user"


def convert_gguf(file: Path, folder: Path, name: str, progress: Progress) -> None:
    """Write the model in a GGUF file to `folder`, as save_pretrained would, in bfloat16.

    Args:
        file: the GGUF file.
        folder: exists and is empty.
        name: of the model, for the bar and for errors.
        progress: gets a bar over the tensors.

    Raises:
        ModelError: the file isn't a GGUF that transformers reads, or reads back otherwise.
    """
    with file.open("rb") as opened:
        if opened.read(4) != MAGIC:
            raise ModelError("this isn't a GGUF file", where=str(file))
    with showing(progress, f"Converting {name}", 100, "%") as bar, quiet_transformers():
        tokenizer = _tokenizer(file)
        bar.advance(15)
        with _tensor_bar(progress, lambda share: bar.advance(70 * share)):
            model = _model(file)
        _save(model, tokenizer, folder)
        bar.advance(10)
        check_tokenizer(tokenizer, load_tokenizer(folder), name)
        _check_weights(model, folder, name)
        bar.advance(5)


def _tokenizer(file: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    with _understood(file), redirect_stderr(io.StringIO()):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(file.parent), gguf_file=file.name, local_files_only=True
        )
    return tokenizer


def _model(file: Path) -> PreTrainedModel:
    """Return the model with plain bf16 weights, and nothing in it that says it was quantised."""
    import torch
    import transformers

    unpacked: dict[str, Any] = {}
    if hasattr(transformers, "GgufConfig"):  # newer versions could keep the blocks packed
        unpacked["quantization_config"] = transformers.GgufConfig(dequantize=True)
    with _understood(file):
        model: PreTrainedModel = transformers.AutoModelForCausalLM.from_pretrained(
            str(file.parent),
            gguf_file=file.name,
            dtype=torch.bfloat16,
            local_files_only=True,
            **unpacked,
        )
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write config, generation config, weights and tokenizer."""
    longest = getattr(model.config, "max_position_embeddings", None)
    if longest:
        tokenizer.model_max_length = longest
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def check_tokenizer(
    before: PreTrainedTokenizerBase, after: PreTrainedTokenizerBase, name: str
) -> None:
    """Check that a saved tokenizer reads as the one that was saved, special tokens included.

    Raises:
        ModelError: it doesn't.
    """
    specials = [str(token) for token in before.all_special_tokens]
    same = {
        "chat template": before.chat_template == after.chat_template,
        "end token": before.eos_token_id == after.eos_token_id,
        "text": before(SAMPLE).input_ids == after(SAMPLE).input_ids,
        "special tokens": all(_whole(after, token) for token in specials),
    }
    wrong = [what for what, holds in same.items() if not holds]
    if wrong:
        raise ModelError(f"the tokenizer of {name} isn't the same after saving: {wrong[0]}")


def _whole(tokenizer: PreTrainedTokenizerBase, token: str) -> bool:
    """Whether a special token is one id, which decodes to it again."""
    ids = tokenizer(token, add_special_tokens=False).input_ids
    return len(ids) == 1 and tokenizer.decode(ids) == token


def _check_weights(model: PreTrainedModel, folder: Path, name: str) -> None:
    """Check that the saved folder loads with exactly the weights that were saved."""
    import torch

    before, after = model.state_dict(), load_causal(folder).state_dict()
    wrong = [key for key in before if key not in after or not torch.equal(before[key], after[key])]
    if wrong or before.keys() != after.keys():
        first = wrong[0] if wrong else sorted(after.keys() - before.keys())[0]
        raise ModelError(f"the weights of {name} aren't the same after saving: {first}")


@contextmanager
def _understood(file: Path) -> Iterator[None]:
    """Turn what the GGUF reader says of a broken or unknown file into a ModelError."""
    try:
        yield
    except (OSError, ValueError, KeyError, IndexError, RuntimeError, struct.error) as error:
        raise ModelError(
            f"the GGUF file can't be converted ({one_line(str(error), 300)})",
            where=str(file),
            mend="Fetch it again, or use the model's safetensors.",
        ) from error


@contextmanager
def _tensor_bar(progress: Progress, advance: Callable[[float], None]) -> Iterator[None]:
    """Advance a bar by the share of tensors unpacked, read off transformers' own bar.

    That bar can't be turned off; here it is taken from standard error. Whatever else is said
    there is handed on as a warning.
    """
    listener = _Listener(advance)
    try:
        with redirect_stderr(listener):
            yield
    finally:
        for line in listener.other_lines():
            progress.warn(line)


class _Listener(io.StringIO):
    """Standard error for a while: counts 'n/m' of one bar, keeps all else."""

    counted = re.compile(
        r"^(?P<title>Converting[^|]*|Loading[^|]*)\|[^|]*\| *(?P<n>\d+)/(?P<m>\d+) "
    )

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self.advance, self.share = advance, 0.0
        self.rich_proxied_file = sys.stderr  # where a rich bar goes on drawing meanwhile

    def write(self, text: str) -> int:
        """Take a piece of text, advancing the bar if it is a state of it."""
        state = self.counted.match(text.strip("\r\n \x1b[A"))
        if state and state["title"].startswith("Converting"):
            share = int(state["n"]) / max(1, int(state["m"]))
            self.advance(max(0.0, share - self.share))
            self.share = max(self.share, share)
        elif not state:
            super().write(text)
        return len(text)

    def other_lines(self) -> list[str]:
        """Return what was said beside the bars."""
        return [line.strip() for line in self.getvalue().splitlines() if line.strip()]
