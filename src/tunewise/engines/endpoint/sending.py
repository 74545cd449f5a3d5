"""One attempt at one request, through the official SDK; what became of it, in our own words.

Given an address and a request's body, gives back the response's JSON, or says whether it was turned
away (and costs nothing), lost on the way (and may have been paid), or refused for good. The SDK's
own retries are off: waiting.py and pace.py decide. Knows nothing of books or rows.
"""

from __future__ import annotations

import datetime
import json
import re
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tunewise.engines.endpoint.address import OPENAI, Address
from tunewise.engines.endpoint.waiting import retry_after
from tunewise.errors import BadInput, ModelError, Unreachable, did_you_mean, one_line

if TYPE_CHECKING:
    import openai

T = TypeVar("T")
CONNECT = 10.0  # seconds to reach the endpoint
MOST_BYTES = 32 << 20  # of a response
KNOWN_MODELS = 8  # named when one isn't there
PASSES = (408, 409, 425, 429)  # statuses below 500 that another try may mend
BETWEEN = (408, 502, 504, 522, 524)  # of something on the way: the model may have answered


@dataclass(frozen=True, slots=True)
class Answered:
    """A response: its JSON, and the seconds it took."""

    body: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """An attempt that was not answered.

    Attributes:
        why: in words.
        free: whether it surely costs nothing; else it may have been answered and paid.
        busy: whether the endpoint asks for fewer requests.
        wait: seconds it asks to wait; None where it doesn't say.
        reached: whether the endpoint was reached at all.
    """

    why: str
    free: bool
    busy: bool = False
    wait: float | None = None
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is wrong as it is: the parameter at fault where it is named, and why."""

    why: str
    param: str | None
    code: str | None


Outcome = Answered | TurnedAway | Refused


class Sender:
    """Makes attempts at an address.

    Args:
        address: where the model is.
        timeout: seconds that one attempt may take in all.

    Raises:
        BadInput: the key's variable isn't set, or the SDK isn't installed.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self.address, self.timeout = address, timeout
        self._client = _client(address, timeout)
        self.close = weakref.finalize(self, self._client.close)  # lets go of connections

    def send(self, body: dict[str, Any], name: str) -> Outcome:
        """Make one attempt.

        Args:
            body: of the request, without the model.
            name: the same for every attempt at one request, so that an endpoint which knows
                Idempotency-Key answers, and charges, once.

        Raises:
            TunewiseError: a child of it where no other request would fare better: the key, the
                model, the account's credit.
        """
        import httpx2
        import openai

        given = dict(body)
        messages = given.pop("messages")
        began = time.monotonic()
        try:
            with self._client.chat.completions.with_streaming_response.create(
                model=self.address.model,
                messages=messages,
                extra_body=given,
                extra_headers={"Idempotency-Key": name},
            ) as response:
                data = self._read(response, began)
        except openai.APIStatusError as error:
            return self._status(error)
        except (openai.APIConnectionError, httpx2.HTTPError, _TooSlow) as error:
            return self._failed(error)
        found = _completion(data)
        if found is None:
            shown = self._said(data[:200].decode("utf-8", "replace"))
            why = f"the answer isn't a chat completion: '{shown}'" if shown else "no answer in it"
            return TurnedAway(why, free=False)
        return Answered(found, time.monotonic() - began)

    def carried_out(self, work: Callable[[openai.OpenAI], T]) -> T | TurnedAway | Refused:
        """Return what other calls to the API give, or what became of them.

        Raises:
            TunewiseError: as `send` does.
        """
        import httpx2
        import openai

        try:
            return work(self._client)
        except openai.APIStatusError as error:
            outcome = self._status(error)
            assert not isinstance(outcome, Answered), "a status of an error is no answer"
            return outcome
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            return self._failed(error)
        except (openai.APIError, ValueError) as error:
            return TurnedAway(f"the answer can't be read ({self._said(str(error))})", free=False)

    def _read(self, response: Any, began: float) -> bytes:
        """Return a response's bytes; one that trickles is given up at the time limit."""
        data = bytearray()
        for chunk in response.iter_bytes():
            data += chunk
            if time.monotonic() - began > self.timeout or len(data) > MOST_BYTES:
                raise _TooSlow
        return bytes(data)

    def _failed(self, error: Exception) -> TurnedAway:
        """Return what became of an attempt that has no response, or not a whole one."""
        import httpx2
        import openai

        cause = error.__cause__
        unsent = isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
        if unsent:
            why = f"no connection ({self._said(str(cause)) or type(cause).__name__})"
            return TurnedAway(why, free=True, reached=False)
        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException | _TooSlow):
            return TurnedAway(f"no whole answer within {self.timeout:g} s", free=False)
        why = self._said(str(cause or error)) or type(error).__name__
        return TurnedAway(f"the answer broke off ({why})", free=False)

    def _status(self, error: openai.APIStatusError) -> Outcome:
        status = error.status_code
        why = self._said(_message(error))
        if status == 401:
            raise self._refused_key(why)
        if status in (402, 403) or error.code in ("insufficient_quota", "billing_not_active"):
            raise ModelError(
                f"the endpoint refuses to serve this account ({why})",
                where=self._place,
                mend="Look at the account's credit and rights at the provider.",
            )
        if status == 404:
            raise self._no_model(why)
        if status in PASSES or status >= 500:
            wait = retry_after(error.response.headers, datetime.datetime.now(datetime.UTC))
            busy = status in (429, 503, 529)
            free = status not in BETWEEN
            return TurnedAway(f"status {status}: {why}", free=free, busy=busy, wait=wait)
        return Refused(why, error.param, error.code)

    def _refused_key(self, why: str) -> BadInput:
        name = self.address.key_env
        mend = f"Check the key in {name}." if name else "Name its variable with `key_env`."
        return BadInput(
            f"the endpoint refuses the key ({why})" if name else f"it wants a key ({why})",
            where=self._place,
            mend=mend,
        )

    def _no_model(self, why: str) -> ModelError:
        """Return the error for a model or path that isn't there, with the models that are."""
        import openai

        try:
            names = [model.id for model in self._client.models.list(timeout=CONNECT)]
        except openai.OpenAIError:
            return ModelError(
                f"there is nothing at this address ({why})",
                where=self._place,
                mend="Check the endpoint, which mostly ends in /v1, and the model's name.",
            )
        near = did_you_mean(self.address.model, names)
        many = len(names) > KNOWN_MODELS and not near.startswith("Did you mean")
        some = ", ".join(sorted(names)[:KNOWN_MODELS])
        return ModelError(
            f"the endpoint has no model '{self.address.model}' ({why})",
            where=self.address.url,
            mend=f"It has {len(names):,} others, such as {some}." if many else near,
        )

    @property
    def _place(self) -> str:
        return f"{self.address.url}, model {self.address.model}"

    def _said(self, text: str) -> str:
        return one_line(self.address.without_key(text), 300)


def unreachable(address: Address, why: str) -> Unreachable:
    """Return the error for an endpoint that gives no answer."""
    local = " Is the server running?" if address.is_local else ""
    return Unreachable(
        f"the endpoint gives no answer: {why}",
        where=address.url,
        mend=f"Check the address and the connection.{local} What was answered is kept; run the"
        " same command again.",
    )


class _TooSlow(Exception):
    pass


def _client(address: Address, timeout: float) -> openai.OpenAI:
    try:
        import httpx2
        import openai
    except ImportError as error:
        raise BadInput(
            "asking an endpoint needs the openai package",
            mend="Install it with: pip install 'tunewise[endpoints]'",
        ) from error
    # The SDK reads the user's OpenAI organisation from the environment; only OpenAI is told it.
    ours = {} if address.host == OPENAI else {
        "OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()
    }  # fmt: skip
    return openai.OpenAI(
        base_url=address.url,
        api_key=address.key(),
        max_retries=0,
        timeout=httpx2.Timeout(timeout, connect=min(CONNECT, timeout)),
        default_headers=ours,
    )


def _message(error: openai.APIStatusError) -> str:
    """Return what an endpoint says is wrong, in whichever of the usual forms."""
    body = error.body
    if isinstance(body, dict):
        for key in ("message", "error", "detail"):
            if isinstance(body.get(key), str):
                return str(body[key])
        return json.dumps(body, ensure_ascii=False)
    return re.sub(r"<[^>]*>", " ", str(body or error.message))


def _completion(data: bytes) -> dict[str, Any] | None:
    """Return the JSON of a chat completion, None if it isn't a whole one."""
    try:
        found = json.loads(data)
        message = found["choices"][0]["message"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    said = message.get("content") if isinstance(message, dict) else 0
    return found if said is None or isinstance(said, str) else None
