"""An ask as the body of a request, in the parameters that the endpoint takes.

Endpoints that call themselves compatible differ in a few parameters. What one refuses, or takes and
ignores, is learnt from its first answers and kept on record; every change is a line the user sees.
Knows nothing of connections.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from tunewise.engines.asks import ALTERNATIVES, Ask, Reply, Token
from tunewise.engines.endpoint.prices import PICO, Price
from tunewise.engines.endpoint.sending import Refused
from tunewise.files import value_sha256

FEWER = 5  # alternatives that some endpoints give at most
POLICIES = ("content_filter", "content_policy_violation")  # codes of a refusal for what is said


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which parameters an endpoint takes.

    Attributes:
        limit: what it calls the most tokens of a reply.
        temperature: whether it may be told one.
        alternatives: tokens whose log-probabilities it gives at each place; 0 for none.
        schema: whether it makes replies follow a JSON schema.
    """

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    alternatives: int = ALTERNATIVES
    schema: bool = True

    def body(self, ask: Ask, extra: dict[str, Any]) -> dict[str, Any]:
        """Return the request's body for an ask, but for the model.

        Args:
            ask: what is asked.
            extra: the user's own parameters; they come before ours.
        """
        found: dict[str, Any] = {
            "messages": [{"role": m.role, "content": m.content} for m in ask.messages],
            self.limit: ask.max_new_tokens,
        }
        if self.temperature:
            found["temperature"] = ask.temperature
        if ask.alternatives and self.alternatives:
            found |= {"logprobs": True, "top_logprobs": self.alternatives}
        if ask.schema is not None and self.schema:
            schema = {"name": "answer", "strict": True, "schema": ask.schema}
            found["response_format"] = {"type": "json_schema", "json_schema": schema}
        return found | extra

    def without(self, refused: Refused) -> tuple[Dialect, str] | None:
        """Return the dialect without what was refused, and what that means; None if nothing is.

        Args:
            refused: by the endpoint; its parameter or its words name what it doesn't take.
        """
        said = f"{refused.param or ''} {refused.why}".lower()
        if "logprobs" in said and self.alternatives:
            fewer = FEWER if self.alternatives > FEWER and any(c.isdigit() for c in said) else 0
            what = f"gives {fewer} log-probabilities a token" if fewer else "gives none"
            return replace(self, alternatives=fewer), f"log-probabilities: it {what}"
        if any(w in said for w in ("response_format", "json_schema", "guided")) and self.schema:
            return replace(self, schema=False), "JSON schemas: it takes none"
        if "temperature" in said and self.temperature:
            return replace(self, temperature=False), "temperature: it sets its own"
        if "max_completion_tokens" in said and self.limit == "max_tokens":
            return replace(self, limit="max_completion_tokens"), ""
        return None


def name_of(url: str, model: str, body: dict[str, Any], sample: int) -> str:
    """Return the hash under which a request's response is kept."""
    return value_sha256({"endpoint": url, "model": model, "body": body, "sample": sample})


def is_policy(refused: Refused) -> bool:
    """Whether a request was refused for what its row says, not for how it is made."""
    return refused.code in POLICIES or any(code in refused.why for code in POLICIES)


def reply_of(body: dict[str, Any], seconds: float, price: Price | None) -> Reply:
    """Return what a response says.

    Args:
        body: its JSON, which `sending.py` has found to be a chat completion.
        seconds: that it took.
        price: of the model; None if unknown.
    """
    if "refused" in body:
        return Reply("", refused=str(body["refused"]), cost=0.0)
    choice = body["choices"][0]
    message = choice["message"]
    prompt, completion, cached = usage_of(body)
    cost = None
    if price is not None and prompt is not None and completion is not None:
        cost = price.cost(prompt, completion, cached) / PICO
    refusal = message.get("refusal")
    thought = message.get("reasoning_content") or message.get("reasoning")
    return Reply(
        text=message.get("content") or "",
        reasoning=thought if isinstance(thought, str) else None,
        ended=choice.get("finish_reason") != "length",
        refused=refusal if isinstance(refusal, str) else _filtered(choice),
        tokens=tuple(_tokens(choice)),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=cost,
        seconds=seconds,
    )


def usage_of(body: dict[str, Any]) -> tuple[int | None, int | None, int]:
    """Return tokens read and written, None where not told, and tokens read that were cached."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None, None, 0
    prompt, completion = (_count(usage.get(f"{kind}_tokens")) for kind in ("prompt", "completion"))
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return prompt, completion, min(cached or 0, prompt or 0)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _filtered(choice: dict[str, Any]) -> str | None:
    return "filtered" if choice.get("finish_reason") == "content_filter" else None


def _tokens(choice: dict[str, Any]) -> Iterator[Token]:
    """Yield the tokens of a reply; none at all where the endpoint gives something else."""
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    for token in content if isinstance(content, list) else ():
        others = token.get("top_logprobs") or ()
        pairs = tuple((str(o["token"]), float(o["logprob"])) for o in others)
        yield Token(str(token["token"]), _at_most_nil(token["logprob"]), pairs)


def _at_most_nil(logp: Any) -> float:
    found = float(logp)
    return min(found, 0.0) if not math.isnan(found) else -math.inf
