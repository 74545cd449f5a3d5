"""The engine for an exported GGUF file: llama.cpp's own server writes, in a child process.

Given a proved file and how its task is asked, puts each text into the task's messages, lets
llama.cpp render them, and passes on what it writes as it comes. Knows nothing of HTTP towards
clients.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tunewise.engines.window import check_room
from tunewise.errors import BadInput, ModelError, Unreachable, one_line
from tunewise.files import read_record
from tunewise.records import Example
from tunewise.rendering.control import defused
from tunewise.serving.engine import Card
from tunewise.serving.jobs import Failed, Job, Piece, Sampling, Write, Wrote, post
from tunewise.shipping.asking import TASK, Asking
from tunewise.shipping.runtimes.in_llama_cpp import LlamaCppRuntime

TOGETHER = 4  # answers written side by side
AHEAD = 2  # questions that wait in llama.cpp itself, so that none of its places stays empty
AT_ONCE = TOGETHER + AHEAD
TOKENS = 4096  # of a prompt with its answer
LOOKS = 0.005  # seconds between two looks for those that wait, while there is room
HEARS = 0.05  # seconds between two looks whether anybody still waits for an answer
SECONDS = 600.0  # without a byte, after which an answer has failed
TOO_LONG = "exceed_context_size_error"
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


class LlamaCppEngine:
    """Passes questions on to llama.cpp.

    Args:
        card: what is served.
        file: the GGUF file; task.json lies beside it.
        threads: that compute; None for all cores.

    Raises:
        BadInput: llama.cpp isn't installed, or the task's rows are conversations.
        ModelError: it doesn't load the file.
    """

    def __init__(self, card: Card, file: Path, threads: int | None) -> None:
        self.card = card
        self._asking = read_record(file.parent / TASK, Asking)
        if not self._asking.messages or self._asking.max_new_tokens is None:
            raise BadInput("task.json doesn't say how a text is asked", where=str(file.parent))
        self._most = self._asking.max_new_tokens
        self._server = LlamaCppRuntime(file, TOKENS, threads=threads, together=TOGETHER)
        place = urlsplit(self._server.address)
        self._host, self._port = place.hostname or "", place.port
        self._threads = ThreadPoolExecutor(AT_ONCE, "llama.cpp")

    def warm_up(self, example: Example) -> None:
        """Write two tokens, so that the first request finds the file read."""
        for _ in self._events(Write(example, Sampling(max_tokens=2)), lambda: False):
            pass

    def work(self, jobs: Sequence[Job], more: Callable[[int], list[Job]]) -> None:
        """Write until no answer is left; those that wait join as soon as there is room."""
        waiting, writing = list(jobs), set[Future[None]]()
        while waiting or writing:
            while waiting and len(writing) < AT_ONCE:
                writing.add(self._threads.submit(self._answer, waiting.pop(0)))
            room = AT_ONCE - len(writing)
            _, writing = wait(writing, LOOKS if room else None, FIRST_COMPLETED)
            if not waiting and len(writing) < AT_ONCE:
                waiting = more(AT_ONCE - len(writing))

    def close(self) -> None:
        """End llama.cpp."""
        self._threads.shutdown()
        self._server.close()

    def _answer(self, job: Job) -> None:
        """Post the events of one answer to its job."""
        if job.cancelled:
            return
        try:
            if not isinstance(job.ask, Write):
                raise BadInput("the candidate writes its answers: it has no others")
            for event in self._events(job.ask, lambda: job.cancelled):
                post([(job, event)])
        except Exception as error:  # noqa: BLE001 - posted to its job, whose route tells it
            post([(job, Failed(error))])

    def _events(self, ask: Write, cancelled: Callable[[], bool]) -> Iterator[Piece | Wrote]:
        """Give the pieces of an answer, if they are wanted, and its end; no white space around it.

        Each piece is an event of llama.cpp, which costs both processes a part of a token's time.
        """
        with self._posted(self._body(ask), cancelled) as answer:
            if answer is None:
                return
            if ask.in_pieces:
                yield from self._pieces(answer, cancelled)
                return
            told = json.loads(answer.read())
            choice = told["choices"][0]
            text = (choice["message"].get("content") or "").strip()
            yield _wrote(text, choice["finish_reason"], told["usage"])

    def _pieces(
        self, answer: http.client.HTTPResponse, cancelled: Callable[[], bool]
    ) -> Iterator[Piece | Wrote]:
        """Give the pieces and the end of an answer that comes as events."""
        whole, sent, reason = "", 0, None
        usage: dict[str, int] = {}
        for chunk in self._chunks(answer):
            if cancelled():
                return
            for choice in chunk.get("choices", ()):
                whole += choice["delta"].get("content") or ""
                reason = choice.get("finish_reason") or reason
            text = whole.strip()
            if len(text) > sent:
                yield Piece(text[sent:])
                sent = len(text)
            usage = chunk.get("usage") or usage
        if cancelled():
            return
        if reason is None:
            raise Unreachable("llama.cpp broke an answer off", where=self._server.name)
        yield _wrote(whole.strip(), reason, usage)

    def _body(self, ask: Write) -> dict[str, Any]:
        """Return a question as llama.cpp takes it; what isn't asked for is as in the proof."""
        wanted = ask.sampling
        text = defused(ask.example.input, self._asking.kept_out)
        return {
            "messages": self._asking.asked(text),
            **(STREAMED if ask.in_pieces else {}),
            "max_tokens": wanted.max_tokens or self._most,
            "temperature": wanted.temperature,
            "top_p": wanted.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "reasoning_format": "none",
            **({"seed": wanted.seed % 2**32} if wanted.seed is not None else {}),
            **({"stop": list(wanted.stop)} if wanted.stop else {}),
        }

    def _chunks(self, answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
        """Give llama.cpp's events."""
        for row in answer:
            if row.startswith(b"data: {"):
                chunk = json.loads(row[6:])
                if "error" in chunk:
                    raise self._refused(json.dumps(chunk).encode())
                yield chunk

    @contextmanager
    def _posted(
        self, body: dict[str, Any], cancelled: Callable[[], bool]
    ) -> Iterator[http.client.HTTPResponse | None]:
        """Give llama.cpp's response once it begins; None when nobody waits for it any more.

        Hanging up, at the end of the block, ends its work.

        Raises:
            Unreachable: it gives none, or breaks it off.
            DataError, ModelError: it refuses the question.
        """
        line = http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        try:
            headers = {"Content-Type": "application/json"}
            line.request("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
            if not _heard(line.sock, cancelled):
                yield None
                return
            answer = line.getresponse()
            if answer.status != http.client.OK:
                raise self._refused(answer.read())
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable("llama.cpp gives no answer", where=self._server.name) from error
        finally:
            line.close()

    def _refused(self, body: bytes) -> Exception:
        """Return why llama.cpp doesn't answer.

        Raises:
            DataError: the prompt leaves no room for an answer.
        """
        said = json.loads(body)["error"]
        if said.get("type") == TOO_LONG:
            check_room(said["n_prompt_tokens"], said["n_ctx"], "the text")
        return ModelError(
            f"llama.cpp refuses it ({one_line(str(said.get('message')), 200)})",
            where=self._server.name,
        )


def _heard(line: socket.socket, cancelled: Callable[[], bool]) -> bool:
    """Wait for the first byte; return whether it came before nobody waited for it any more.

    Raises:
        TimeoutError: it didn't come in time.
    """
    until = time.monotonic() + SECONDS
    line.settimeout(HEARS)
    while True:
        try:
            line.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            if cancelled():
                return False
            if time.monotonic() > until:
                raise
        else:
            line.settimeout(SECONDS)
            return True


def _wrote(text: str, reason: str, usage: dict[str, int]) -> Wrote:
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Wrote(text, reason == "stop", read, written)
