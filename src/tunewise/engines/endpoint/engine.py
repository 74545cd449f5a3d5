"""A model at an endpoint, as an engine: many asks at once, each paid at most once.

Given asks, gives back replies: from the book where they were paid for before, else from the
endpoint, at the pace it bears and within the cap. What leaves this machine is announced before the
first request. Knows nothing of tasks.
"""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from tunewise.engines.asks import Abilities, Ask, Reply
from tunewise.engines.endpoint.address import Address
from tunewise.engines.endpoint.book import Amount, Book, Cap, Kept, UnderWay
from tunewise.engines.endpoint.bounds import MARGIN, likely_tokens, most_tokens
from tunewise.engines.endpoint.dialect import Dialect, is_policy, name_of, reply_of, usage_of
from tunewise.engines.endpoint.faults import refusal, too_long, unlimited, unpriced, would_pass
from tunewise.engines.endpoint.pace import Pace
from tunewise.engines.endpoint.prices import Price, dollars
from tunewise.engines.endpoint.sending import Answered, Refused, Sender, TurnedAway, unreachable
from tunewise.engines.endpoint.waiting import PATIENCE, TRIES, back_off
from tunewise.errors import TunewiseError
from tunewise.progress import Progress, showing

NO_CAP = Cap()
ANNOUNCED: set[tuple[str, str, str]] = set()  # account, endpoint and model, in this process
UNREACHED = 3  # tries before an endpoint that never answered is given up


@dataclass(frozen=True, slots=True)
class Terms:
    """How an endpoint is to be asked.

    Attributes:
        price: of the model; None if unknown.
        account: whose spending is counted, such as the run folder.
        cap: of that account.
        timeout: seconds that one attempt may take.
        most: requests at once at most.
        extra: the user's own parameters of every request.
    """

    price: Price | None
    account: str
    cap: Cap = NO_CAP
    timeout: float = 60.0
    most: int = 32
    extra: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Request:
    name: str
    body: dict[str, Any]
    ask: Ask
    most: Amount


class Endpoint:
    """A model at an endpoint.

    Args:
        address: where it is.
        terms: how it is asked.
        book: where responses and spending are kept.
        dialect: which parameters it takes, where that is known.
        identity: what the model is known by in the book; left out, its address.

    Attributes:
        dialect: as far as it has been learnt.
        announced: whether the user was told what leaves the machine.
        sent: requests of the last `generate` that were not in the book.

    Raises:
        ModelError: the cap is in dollars, and no price is known.
    """

    concluder = None  # an endpoint gives whole replies

    def __init__(
        self,
        address: Address,
        terms: Terms,
        book: Book,
        dialect: Dialect | None = None,
        identity: str | None = None,
    ) -> None:
        self.address, self.book = address, book
        self._identity = identity or address.url
        self.dialect = dialect or Dialect()
        self.announced, self.sent = False, 0
        self._margin = MARGIN
        self._pace = Pace(terms.most)
        self._chance = random.Random()  # noqa: S311 - jitter, no secret hangs on it
        self._reached, self._taken = False, set[frozenset[str]]()
        self._settled = threading.Condition()
        self._open = 0
        self.bind(terms)

    def bind(self, terms: Terms) -> None:
        """Ask on these terms from now on.

        Raises:
            ModelError: the cap is in dollars, and no price is known.
        """
        if terms.cap.pico is not None and terms.price is None:
            raise unpriced(self.address)
        self.terms = terms

    def announce(self, what: str, personal: Sequence[str], progress: Progress) -> None:
        """Say what will leave the machine, once per account and process.

        Args:
            what: is sent, such as 'up to 150 validation rows'.
            personal: what the audit found of personal data, each as a clause.
            progress: that says it.
        """
        told = (self.terms.account, self.address.url, self.address.model)
        if self.announced or told in ANNOUNCED:
            self.announced = True
            return
        ANNOUNCED.add(told)
        self.announced = True
        to = "stays on this machine" if self.address.is_local else "leaves this machine"
        held = "; ".join(personal) if personal else "none"
        price, cap, spent = (
            self.terms.price,
            self.terms.cap.pico,
            self.book.spent(self.terms.account),
        )
        cost = "unknown price" if price is None else (
            f"${price.input:g} and ${price.output:g} per million tokens read and written"
            + (f" ({price.date})" if price.date else "")
        )  # fmt: skip
        limit = "no spending cap" if cap is None else f"spending cap {dollars(cap)}"
        used = f", {dollars(spent.pico)} of it used" if cap is not None else ""
        progress.line(
            f"To {self.address.url} ({self.address.model}), what {to}: {what}. Personal data in"
            f" them, by the audit: {held}. Cost: {cost}; {limit}{used}."
        )
        if self.address.sends_key_in_clear:
            progress.warn(
                f"The key in {self.address.key_env} goes to {self.address.host} unencrypted; use"
                " https."
            )

    @property
    def abilities(self) -> Abilities:
        """What the endpoint can do, as far as it has refused nothing."""
        return Abilities(bool(self.dialect.alternatives), self.dialect.schema)

    def generate(self, asks: Sequence[Ask], progress: Progress, title: str) -> list[Reply]:
        """Return a reply to each ask, in their order.

        Raises:
            CapReached: one more request could pass the cap.
            Unreachable: the endpoint gives no answer.
            DataError: a row is longer than the model reads.
            ModelError: the endpoint refuses the model or the request.
        """
        unknown = self.unknown(asks)
        sent = len(unknown)
        if unknown and frozenset(unknown[0].body) not in self._taken:
            self._first_contact(unknown[0].ask, sent, progress)
            unknown = self.unknown(asks)  # in the dialect that was learnt
        if unknown:
            self._ask_all(unknown, progress, title)
        self.sent = sent
        return [self._kept(self._request(ask)) for ask in asks]

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has at most, in any usual script."""
        return [likely_tokens(text) for text in texts]

    def close(self) -> None:
        """Let go of connections and of the book."""
        if "_sender" in vars(self):
            self._sender.close()
        self.book.close()

    @functools.cached_property
    def _sender(self) -> Sender:
        """What makes attempts; made when the first is, since answers that are kept need no key."""
        return Sender(self.address, self.terms.timeout)

    def unknown(self, asks: Sequence[Ask]) -> list[_Request]:
        """Return the requests whose responses aren't kept, each once."""
        found = {request.name: request for request in map(self._request, asks)}
        return [one for one in found.values() if self.book.answer(one.name) is None]

    def _request(self, ask: Ask) -> _Request:
        body = self.dialect.body(ask, self.terms.extra or {})
        name = name_of(self._identity, self.address.model, body, ask.sample)
        most = most_tokens(body) + self._margin
        return _Request(name, body, ask, self._amount(most, ask.max_new_tokens))

    def _amount(self, prompt: int, completion: int, cached: int = 0) -> Amount:
        price = self.terms.price
        pico = None if price is None else price.cost(prompt, completion, cached)
        return Amount(prompt + completion, pico)

    def _kept(self, request: _Request) -> Reply:
        kept = self.book.answer(request.name)
        assert kept is not None, "what was asked is kept"
        return reply_of(kept.body, kept.seconds, self.terms.price)

    def _first_contact(self, ask: Ask, of: int, progress: Progress) -> None:
        """Ask once by itself, so that what is wrong shows at once, and learn the dialect.

        Done for the first of so many requests, and for the first with other parameters than those
        taken.
        """
        if not self.announced:
            self.announce(f"{of:,} requests", (), progress)
        self._sender  # noqa: B018 - so that a missing key shows before anything is entered
        while True:
            request = self._request(ask)
            if self.book.answer(request.name) is not None:
                return
            refused = self._answered(request)
            if refused is None:
                self._reached = True
                self._taken.add(frozenset(request.body))
                return
            if is_policy(refused) or not self._learnt(self.dialect.without(refused), progress):
                self._refuse(request, refused)
                return

    def _learnt(self, change: tuple[Dialect, str] | None, progress: Progress) -> bool:
        if change is None:
            return False
        self.dialect, meaning = change
        if meaning:
            progress.line(f"{self.address.host} and {meaning}.")
        return True

    def _ask_all(self, requests: Sequence[_Request], progress: Progress, title: str) -> None:
        """Ask what isn't known, many at once; what is under way when one fails is still kept."""
        pool = ThreadPoolExecutor(min(self.terms.most, len(requests)), "endpoint")
        running: set[Future[None]] = set()
        try:
            with showing(progress, title, len(requests)) as bar:
                running = {pool.submit(self._ask_one, request) for request in requests}
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for one in done:
                        one.result()
                    bar.note(f"{int(self._pace.limit)} at once")
                    bar.advance(len(done))
        except BaseException:
            self._pace.stop()
            with self._settled:
                self._settled.notify_all()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            self._pace.resume()

    def _ask_one(self, request: _Request) -> None:
        refused = self._answered(request)
        if refused is not None:
            self._refuse(request, refused)

    def _refuse(self, request: _Request, refused: Refused) -> None:
        """Keep a refusal that is about the row's words as its answer; raise all others."""
        if not is_policy(refused):
            raise too_long(self.address, request.ask, refused) or refusal(
                self.address, request.ask, refused
            )
        attempt = self.book.enter(self.terms.account, request.name, Amount(0, 0), NO_CAP)
        assert attempt is not None, "nothing passes no cap"
        self.book.paid(attempt, Kept({"refused": refused.why}, 0.0), Amount(0, 0), Amount(0, 0))

    def _answered(self, request: _Request) -> Refused | None:
        """Ask until there is an answer, which is then kept; return a refusal for good."""
        tries, held_up, reached = 0, 0.0, self._reached
        while True:
            with self._pace.turn():
                try:
                    outcome = self._attempt(request)
                except UnderWay:
                    outcome = TurnedAway("another process asks the same", free=True, busy=True)
            if isinstance(outcome, Refused):
                return outcome
            if isinstance(outcome, Answered):
                return None
            reached = reached or outcome.reached
            tries += 0 if outcome.busy and outcome.free else 1
            pause = outcome.wait if outcome.wait is not None else 0.0
            pause += back_off(max(1, tries), self._chance)
            held_up += pause if outcome.busy else 0.0
            if tries >= (TRIES if reached else UNREACHED) or held_up > PATIENCE:
                raise unreachable(self.address, outcome.why)
            self._pace.rest(pause)
            if self.book.answer(request.name) is not None:  # another process has asked it
                return None

    def _attempt(self, request: _Request) -> Answered | TurnedAway | Refused:
        """Make one attempt, entered in the book before and settled after it."""
        attempt = self._entered(request)
        known = self.book.answer(request.name)
        if known is not None:  # another process has paid it since it was looked for
            self._settle(lambda: self.book.free(attempt))
            return Answered(known.body, known.seconds)
        try:
            outcome = self._sender.send(request.body, request.name)
        except TunewiseError:  # refused for good: nothing was answered
            self._settle(lambda: self.book.free(attempt))
            raise
        except BaseException:
            self._settle(lambda: self.book.lost(attempt))
            raise
        if isinstance(outcome, Answered):
            self._pace.went_well()
            prompt, completion, cached = usage_of(outcome.body)
            now, most = request.most, request.most
            if prompt is not None and completion is not None:
                # What stands around the messages is part of every prompt: no more than the least.
                self._margin = min(self._margin, prompt)
                now = self._amount(prompt, completion, cached)
                most = self._amount(prompt, max(completion, request.ask.max_new_tokens))
            kept = Kept(outcome.body, outcome.seconds)
            self._settle(lambda: self.book.paid(attempt, kept, now, most))
            if self.terms.cap != NO_CAP and (completion or 0) > request.ask.max_new_tokens:
                raise unlimited(self.address, request.ask, completion or 0)
            return outcome
        if isinstance(outcome, TurnedAway) and outcome.busy:
            self._pace.objected(outcome.wait or 0.0)
        free = isinstance(outcome, Refused) or outcome.free
        self._settle(lambda: (self.book.free if free else self.book.lost)(attempt))
        return outcome

    def _entered(self, request: _Request) -> int:
        """Enter an attempt; near the cap, wait for those under way to tell what they cost.

        Raises:
            CapReached: nothing is under way, and the attempt could pass the cap.
        """
        while True:
            with self._settled:
                attempt = self.book.enter(
                    self.terms.account, request.name, request.most, self.terms.cap
                )
                if attempt is not None:
                    self._open += 1
                    return attempt
                if self._open == 0:
                    spent = self.book.spent(self.terms.account)
                    raise would_pass(self.address, self.terms.cap, spent, request.most)
                self._settled.wait()

    def _settle(self, entry: Any) -> None:
        with self._settled:
            entry()
            self._open -= 1
            self._settled.notify_all()
