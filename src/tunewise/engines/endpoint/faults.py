"""What an endpoint refuses, as errors with a mend: a prompt too long, a request, one too many.

Given an ask and what the endpoint said of it, gives back the error to raise. Knows nothing of how
it was asked.
"""

from __future__ import annotations

import re

from tunewise.engines.asks import Ask
from tunewise.engines.endpoint.address import Address
from tunewise.engines.endpoint.book import Amount, Cap, Spent
from tunewise.engines.endpoint.prices import dollars
from tunewise.engines.endpoint.sending import Refused
from tunewise.errors import CapReached, DataError, ModelError


def too_long(address: Address, ask: Ask, refused: Refused) -> DataError | None:
    """Return the error for a prompt longer than the model reads; None if that isn't the matter.

    Endpoints say both lengths in words: 'maximum context length is 8192 tokens. However, your
    messages resulted in 8310 tokens'.
    """
    said = refused.why.lower()
    names_it = refused.code == "context_length_exceeded"
    if not names_it and not re.search(r"context (length|window|size)|too many tokens", said):
        return None
    counts = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]{2,}", said)]
    text = ask.messages[-1].content
    if len(counts) < 2 or max(counts) <= min(counts):
        what = f"the prompt is longer than the model reads ({refused.why})"
        return DataError(what, where=ask.place, mend=_mend(ask))
    reads, has = min(counts), max(counts)
    over = has - reads
    characters = sum(len(m.content) for m in ask.messages)
    cut = min(len(text), -(-over * characters // has))
    return DataError(
        f"the prompt has {has:,} tokens and {address.model} reads {reads:,}, {over:,} too many;"
        f" about the last {cut:,} of the text's {len(text):,} characters would be cut",
        where=ask.place,
        mend=_mend(ask),
    )


def _mend(ask: Ask) -> str:
    examples = sum(m.role == "assistant" for m in ask.messages)
    fewer = f"Show fewer than {examples} examples (`shots`), shorten" if examples else "Shorten"
    return f"{fewer} the text, or take a model that reads more; nothing is cut by itself."


def refusal(address: Address, ask: Ask, refused: Refused) -> ModelError:
    """Return the error for a request that the endpoint can't take."""
    named = f" (parameter {refused.param})" if refused.param else ""
    return ModelError(
        f"{address.url} refuses the request{named}: {refused.why}",
        where=ask.place,
        mend="Look whether the model takes chat messages; `extra` sets further parameters.",
    )


def unpriced(address: Address) -> ModelError:
    """Return the error for a cap in dollars on requests whose price nobody knows."""
    return ModelError(
        f"no price is known for '{address.model}', so a spending cap in dollars can't be kept",
        where=address.url,
        mend="Give `price: {input: …, output: …}` in US dollars per million tokens, 0 where the"
        " server is yours; or cap requests or tokens.",
    )


def unlimited(address: Address, ask: Ask, written: int) -> ModelError:
    """Return the error for an endpoint that writes more than it is allowed to."""
    return ModelError(
        f"the endpoint counts {written:,} tokens for a reply that may have {ask.max_new_tokens:,},"
        " so no spending cap can be kept",
        where=address.url,
        mend="Take another endpoint, or leave out the cap.",
    )


def would_pass(address: Address, cap: Cap, spent: Spent, most: Amount) -> CapReached:
    """Return the error for an attempt that could pass the cap."""
    passed = cap.passed(spent, most)
    if passed == "pico":
        of, used, more = dollars(cap.pico or 0), dollars(spent.pico), dollars(most.pico or 0)
    elif passed == "requests":
        of, used, more = f"{cap.requests:,} requests", f"{spent.requests:,}", "1"
    else:
        of, used, more = f"{cap.tokens:,} tokens", f"{spent.tokens:,}", f"{most.tokens:,}"
    perhaps = (
        f", {dollars(spent.perhaps)} of it for {spent.lost:,} requests whose answers never came"
        if spent.lost
        else ""
    )
    return CapReached(
        f"the spending cap of {of} could be passed by the next request: {used} is used{perhaps},"
        f" and it can take {more}",
        where=address.url,
        mend="Raise `spending` in the task and run the same command again; what was answered is"
        " kept and not paid again.",
    )
