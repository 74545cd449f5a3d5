"""Ollama's Modelfile: written from what a chat template does, and read back to be proved.

Ollama doesn't run Jinja; its templates are Go's. What the model's own template writes before,
between and after what is said is read off it by rendering made-up turns, and written down as Go.
Only these few actions are used, so that this file can also evaluate what it wrote. Knows nothing
of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tunewise.errors import ModelError
from tunewise.records import Message
from tunewise.rendering.chat import ANSWER, PROBES, SYSTEM, Chat

QUOTES = '"""'
JOINED = "\n\n"  # between the system's words and a question, where both are one message
OPENING = '{{ "{{" }}'  # how a Go template writes two braces
FORM = re.compile(
    r"\A\{\{ if \.System \}\}(?P<before>.*?)\{\{ \.System \}\}(?P<between>.*?)\{\{ else \}\}"
    r"(?P<alone>.*?)\{\{ end \}\}\{\{ \.Prompt \}\}(?P<after>.*?)\{\{ \.Response \}\}(?P<end>.*)\Z",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a template writes around one turn.

    Attributes:
        before: the system's words.
        between: the system's words and the question.
        alone: before a question without a system's words.
        after: the question: the answer's header.
        end: after the answer.
    """

    before: str
    between: str
    alone: str
    after: str
    end: str

    def go(self) -> str:
        """Return the frame as a Go template."""
        before, between, alone, after, end = (
            part.replace("{{", OPENING)
            for part in (self.before, self.between, self.alone, self.after, self.end)
        )
        return (
            f"{{{{ if .System }}}}{before}{{{{ .System }}}}{between}"
            f"{{{{ else }}}}{alone}{{{{ end }}}}"
            f"{{{{ .Prompt }}}}{after}{{{{ .Response }}}}{end}"
        )

    def rendered(self, system: str, prompt: str) -> str:
        """Return what Ollama makes of a first turn, the answer still to come."""
        first = f"{self.before}{system}{self.between}" if system else self.alone
        return f"{first}{prompt}{self.after}"


def frame_of(chat: Chat, *, adds_bos: bool, with_system: bool) -> Frame:
    """Return what a chat template writes around a turn.

    Args:
        chat: of the model.
        adds_bos: whether the runtime puts the beginning token there itself; then it is left out.
        with_system: whether the task has words of its own, so that a turn without them is a later
            one.

    Raises:
        ModelError: the template writes something else around other words, so no frame holds.
    """
    question = Message("user", PROBES[0])
    alone, after = _around(chat, [question], PROBES[0])
    before, between = alone, JOINED
    if chat.system == "first":
        system = Message("system", SYSTEM)
        start, after = _around(chat, [system, question], PROBES[0])
        before, _, between = start.partition(SYSTEM)
    if with_system:
        again = Message("user", PROBES[1])
        answer = Message("assistant", ANSWER)
        whole = chat.render([question, answer, again], answer_follows=True)
        inner = whole.partition(ANSWER)[2].partition(PROBES[1])[0]
        alone = inner.removeprefix(chat.end)
    bos = str(chat.tokenizer.bos_token or "")
    if adds_bos and bos:
        before, alone = before.removeprefix(bos), alone.removeprefix(bos)
    return Frame(before, between, alone, after, chat.end)


def modelfile(
    frame: Frame, gguf: str, system: str | None, stops: tuple[str, ...], parameters: dict[str, int]
) -> str:
    """Return a Modelfile.

    Args:
        frame: of the model's template.
        gguf: name of the file beside it.
        system: the task's own words; None where there are none.
        stops: tokens that end an answer.
        parameters: num_predict and num_ctx.

    Raises:
        ModelError: words that a Modelfile can't hold.
    """
    go = frame.go()
    for words in (go, system or ""):
        if QUOTES in words:
            raise ModelError(
                "a Modelfile can't hold three quotes in a row, and the task's words have them",
                mend="Change the instruction in task.yaml, or export to gguf.",
            )
    lines = [f"FROM ./{gguf}", f"TEMPLATE {QUOTES}{go}{QUOTES}"]
    if system:
        lines.append(f"SYSTEM {QUOTES}{system}{QUOTES}")
    lines += [f'PARAMETER stop "{stop}"' for stop in stops]
    lines += ["PARAMETER temperature 0"]
    lines += [f"PARAMETER {name} {value}" for name, value in parameters.items()]
    return "\n".join(lines) + "\n"


def read_frame(text: str) -> Frame | None:
    """Return the frame in a Modelfile; None where its template isn't one of ours."""
    found = re.search(f"^TEMPLATE {QUOTES}(.*?){QUOTES}", text, re.DOTALL | re.MULTILINE)
    parts = FORM.match(found[1].replace(OPENING, "\0")) if found else None
    if parts is None:
        return None
    return Frame(**{name: part.replace("\0", "{{") for name, part in parts.groupdict().items()})


def read_system(text: str) -> str:
    """Return the SYSTEM words in a Modelfile; empty where there are none."""
    found = re.search(f"^SYSTEM {QUOTES}(.*?){QUOTES}", text, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def _around(chat: Chat, turns: list[Message], words: str) -> tuple[str, str]:
    """Return what the template writes before and after some words of the last turn."""
    whole = chat.render(turns, answer_follows=True)
    before, found, after = whole.rpartition(words)
    other = chat.render([*turns[:-1], Message("user", PROBES[2])], answer_follows=True)
    if not found or other != f"{before}{PROBES[2]}{after}":
        raise ModelError(
            "the model's chat template can't be written as an Ollama template",
            where=chat.place,
            mend="Export to gguf; llama.cpp runs the template as it is.",
        )
    return before, after
