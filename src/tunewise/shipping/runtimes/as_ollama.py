"""A Modelfile's prompt in llama.cpp: the template as Ollama would fill it in, read by the engine.

Ollama itself isn't run; the GGUF's numbers are llama.cpp's, which it is built on. Knows nothing of
what is expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewise.shipping.formats.modelfile import JOINED, read_frame, read_system
from tunewise.shipping.runtimes import Rendered
from tunewise.shipping.runtimes.in_llama_cpp import LlamaCppRuntime


class OllamaRuntime(LlamaCppRuntime):
    """A GGUF file with the Modelfile beside it.

    Args:
        file: the GGUF file.
        tokens: of the longest prompt with its answer.
    """

    def __init__(self, file: Path, tokens: int) -> None:
        super().__init__(file, tokens)
        self.place = "the Modelfile"
        self.name = f"{self.name}, prompt by the Modelfile"
        self._text = (file.parent / "Modelfile").read_text(encoding="utf-8")

    def rendered(self, messages: Sequence[dict[str, str]]) -> Rendered:
        """Return the prompt of one question, the Modelfile's SYSTEM before it."""
        frame = read_frame(self._text)
        if frame is None:
            return Rendered("", (), "its TEMPLATE isn't as it was exported")
        if any(message["role"] == "assistant" for message in messages):
            return super().rendered(messages)  # Ollama's own loop over turns isn't modelled here
        system = read_system(self._text)
        question = messages[-1]["content"].removeprefix(f"{system}{JOINED}")
        text = frame.rendered(system, question)
        return Rendered(text, tuple(self.ids_of(text, add_special=True)))
