"""A GGUF file in llama.cpp: its server renders, reads tokens and answers, as it would for users.

The server runs in a child process (llama_cpp_server.py) and is asked over HTTP on this machine.
Knows nothing of what is expected.
"""

from __future__ import annotations

import heapq
import importlib.util
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tunewise.engines.llama_cpp_child import LlamaCppChild
from tunewise.errors import BadInput, ModelError, one_line
from tunewise.shipping.runtimes import Rendered, Steps, Wrote

TOLD = 100  # most probable tokens that the server tells the log-probabilities of
SECONDS = 600  # that one request may take
MEND = "Export it again; if that doesn't help, tell us of this model."
END = "eos"  # what the server says when it stopped at an end token


class LlamaCppRuntime:
    """A GGUF file, loaded.

    Args:
        file: the GGUF file.
        tokens: of the longest prompt with its answer.
        threads: that compute; None for all cores.
        together: answers that are written side by side.

    Attributes:
        address: of the server.

    Raises:
        BadInput: llama.cpp isn't installed.
        ModelError: it doesn't load the file.
    """

    def __init__(
        self, file: Path, tokens: int, *, threads: int | None = None, together: int = 1
    ) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise BadInput(
                "llama.cpp isn't installed, and a GGUF file is answered by it",
                mend="Install it: pip install 'tunewise[gguf]'",
            )
        self.name = f"llama.cpp (xllamacpp {version('xllamacpp')}), {file.stem}"
        self.place = "the GGUF"
        self._child = LlamaCppChild(file, tokens, together, threads=threads, mend=MEND)
        self.address = self._child.address

    def rendered(self, messages: Sequence[dict[str, str]]) -> Rendered:
        """Return the prompt of llama.cpp's chat endpoint: its template's text, and its tokens."""
        try:
            text = self._asked("/apply-template", {"messages": list(messages)})["prompt"]
        except _Refused as refusal:
            return Rendered("", (), str(refusal))
        return Rendered(text, tuple(self.ids_of(text, add_special=True)))

    def ids_of(self, text: str, *, add_special: bool = False) -> list[int]:
        """Return a text's tokens, and those that the file says are put around one if asked."""
        body = {"content": text, "add_special": add_special, "parse_special": True}
        found: list[int] = self._asked("/tokenize", body)["tokens"]
        return found

    def along(self, prompt: Sequence[int], answer: Sequence[int]) -> Steps:
        """Return what the model would say along an answer.

        The server writes greedily; for as long as it writes the answer itself, each of its steps
        is a step along the answer. Where it leaves it, it is asked again from there.
        """
        likeliest: list[int] = []
        logps: list[float | None] = []
        while len(likeliest) < len(answer):
            done = len(likeliest)
            for step in self._steps([*prompt, *answer[:done]], len(answer) - done):
                wanted, said = answer[len(likeliest)], step["top_logprobs"]
                told = {token["id"]: token["logprob"] for token in said}
                likeliest.append(said[0]["id"])
                logps.append(told.get(wanted))
                if said[0]["id"] != wanted:
                    break
            if len(likeliest) == done:
                raise ModelError("llama.cpp wrote no token", where=self.name)
        return Steps(tuple(likeliest), tuple(logps))

    def wrote(self, prompt: Sequence[int], max_new_tokens: int) -> Wrote:
        """Return what the server writes greedily."""
        found = self._completed(prompt, max_new_tokens, told=0)
        return Wrote(tuple(found["tokens"]), found["stop_type"] == END)

    def best(self, prompt: Sequence[int], labels: Sequence[Sequence[int]]) -> int:
        """Return the most probable label, found by looking along the likeliest beginnings first.

        A label's log-probability is at most that of any of its beginnings, so the first whole label
        that comes out of the queue is the best. A token that isn't among those told counts as the
        least probable of them.
        """
        numbers = {tuple(label): number for number, label in enumerate(labels)}
        queue: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
        while queue:
            cost, begun = heapq.heappop(queue)
            if begun in numbers:
                return numbers[begun]
            place = len(begun)
            following = {label[place] for label in numbers if label[:place] == begun}
            said = self._steps([*prompt, *begun], 1)[0]["top_logprobs"]
            told = {token["id"]: token["logprob"] for token in said}
            least = min(told.values())
            for token in following:
                heapq.heappush(queue, (cost - told.get(token, least), (*begun, token)))
        raise ModelError("there is no label to choose from", where=self.name)

    def close(self) -> None:
        """End the server."""
        self._child.close()

    def _steps(self, prompt: Sequence[int], most: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._completed(prompt, most, TOLD)[
            "completion_probabilities"
        ]
        return found

    def _completed(self, prompt: Sequence[int], most: int, told: int) -> dict[str, Any]:
        return self._asked(
            "/completion",
            {
                "prompt": list(prompt),
                "n_predict": most,
                "temperature": 0.0,
                "samplers": ["temperature"],
                "n_probs": told,
                "return_tokens": True,
                "cache_prompt": True,
            },
        )

    def _asked(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the address is our own child's
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise _Refused(one_line(error.read().decode("utf-8", "replace"), 300)) from error
        except (urllib.error.URLError, ConnectionError) as error:
            raise ModelError(
                f"llama.cpp ended while it was asked ({self._child.last_words()})", where=self.name
            ) from error
        return found


class _Refused(ModelError):
    """The server answered with an error."""
