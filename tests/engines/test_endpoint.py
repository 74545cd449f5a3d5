"""Faults these catch: an answer paid twice, a cap that is passed, a fault that ends a run, a key
that is shown.

A local server that answers as the OpenAI API publishes it, with faults to order.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from chat_server import FAULTS, ChatServer, by_lot, serving

from tunewise.engines.asks import Abilities, Ask, Reply
from tunewise.engines.endpoint.address import Address, address_of
from tunewise.engines.endpoint.book import Amount, Book, Cap, Kept, process_of
from tunewise.engines.endpoint.engine import ANNOUNCED, Endpoint, Terms
from tunewise.engines.endpoint.prices import PICO, Price
from tunewise.errors import BadInput, CapReached, DataError, ModelError, Unreachable
from tunewise.progress import Silent
from tunewise.records import Message

PRICE = Price(input=1.0, output=4.0)
SYSTEM = Message("system", "Sort.\nLabels:\nred apple\nred pear\nblue plum")
KEY = "sk-Very-Secret-0123456789"


class Told(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no longer than a test should."""
    monkeypatch.setattr("tunewise.engines.endpoint.waiting.FIRST", 0.02)
    monkeypatch.setattr("tunewise.engines.endpoint.waiting.LONGEST", 0.1)
    ANNOUNCED.clear()


def asks(count: int, first: int = 0) -> list[Ask]:
    return [
        Ask(f"t.csv:{n}", (SYSTEM, Message("user", f"text {n}")), 16)
        for n in range(first, first + count)
    ]


def endpoint(
    server: ChatServer, folder: Path, key_env: str | None = None, **terms: object
) -> Endpoint:
    told = Terms(**{"price": PRICE, "account": "run", "timeout": 0.5, **terms})  # type: ignore[arg-type]
    return Endpoint(Address(server.url, "big-model", key_env), told, Book(folder))


def asked(engine: Endpoint, what: list[Ask], progress: Silent | None = None) -> list[Reply]:
    try:
        return engine.generate(what, progress or Silent(), "Asking")
    finally:
        engine.close()


def dollars_of(server: ChatServer) -> int:
    """Return the picodollars that the server has charged."""
    return PRICE.cost(*server.tokens)


def test_every_ask_is_answered_and_charged_once_whatever_goes_wrong(tmp_path: Path) -> None:
    with serving(ChatServer(fault=by_lot(0.2), idempotent=True)) as server:
        replies = asked(endpoint(server, tmp_path), asks(150))
        assert asked(endpoint(server, tmp_path), asks(150)) == replies
    assert {r.text for r in replies} <= {"red apple", "red pear", "blue plum"}
    assert len(replies) == len(server.charged) == 150
    assert set(server.charged.values()) == {1}
    assert {server.fault(name, 0) for name in server.charged} == {None, *FAULTS}


def test_a_second_run_asks_nothing_and_needs_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EP_KEY", KEY)
    with serving(ChatServer(key=KEY)) as server:
        first = asked(endpoint(server, tmp_path, "EP_KEY"), asks(8))
        monkeypatch.delenv("EP_KEY")
        assert asked(endpoint(server, tmp_path, "EP_KEY"), asks(8)) == first
    assert len(server.asked) == 8


def test_rows_alike_are_asked_once(tmp_path: Path) -> None:
    with serving(ChatServer()) as server:
        replies = asked(endpoint(server, tmp_path), asks(3) + asks(3))
    assert replies[:3] == replies[3:]
    assert len(server.asked) == 3


@pytest.mark.parametrize("idempotent", [True, False])
def test_the_cap_is_never_passed_by_what_the_server_charges(
    tmp_path: Path, idempotent: bool
) -> None:
    """Answers that are lost on the way are charged too, and count."""
    cap = dollars_of(ChatServer(tokens=[2_000, 300]))
    with serving(ChatServer(fault=by_lot(0.3), idempotent=idempotent)) as server:
        with pytest.raises(CapReached, match=r"spending cap of \$0.0032 could be passed"):
            asked(endpoint(server, tmp_path, cap=Cap(cap)), asks(400))
        charged = dollars_of(server)
        assert 0 < charged <= cap
        assert len(asked(endpoint(server, tmp_path, cap=Cap(100 * cap)), asks(60))) == 60


def test_near_the_cap_it_waits_for_what_requests_really_cost(tmp_path: Path) -> None:
    """The most that a request can cost is many times what it does cost; both must not add up."""
    with serving(ChatServer()) as server:
        one = endpoint(server, tmp_path / "one")
        most = one._request(asks(1)[0]).most.pico
        asked(one, asks(1))
        each = dollars_of(server)
        assert most is not None
        cap = most + 20 * each
        with pytest.raises(CapReached):
            asked(endpoint(server, tmp_path / "two", cap=Cap(cap)), asks(60))
    assert cap - most <= dollars_of(server) - each <= cap


@pytest.mark.parametrize(
    ("cap", "words"), [(Cap(requests=5), "5 requests"), (Cap(tokens=1_500), "1,500 tokens")]
)
def test_requests_and_tokens_can_be_capped_where_no_price_is_known(
    tmp_path: Path, cap: Cap, words: str
) -> None:
    with serving(ChatServer()) as server, pytest.raises(CapReached, match=words):
        asked(endpoint(server, tmp_path, price=None, cap=cap), asks(200))
    assert len(server.charged) <= (cap.requests or 200)
    assert sum(server.tokens) <= (cap.tokens or 10**9)


def test_dollars_cannot_be_capped_where_no_price_is_known(tmp_path: Path) -> None:
    with serving(ChatServer()) as server, pytest.raises(ModelError, match="no price is known"):
        endpoint(server, tmp_path, price=None, cap=Cap(pico=PICO))
    assert server.asked == []


def test_an_unknown_price_stays_unknown(tmp_path: Path) -> None:
    with serving(ChatServer()) as server:
        reply = asked(endpoint(server, tmp_path, price=None), asks(1))[0]
        spent = Book(tmp_path).spent("run")
    assert reply.cost is None
    assert (spent.requests, spent.unpriced) == (1, 1)


def test_an_endpoint_that_writes_past_the_limit_ends_a_capped_run(tmp_path: Path) -> None:
    what = [Ask("t.csv:1", (Message("user", "text"),), 8)]
    with serving(ChatServer(says=lambda _: "word " * 40, ignores=("max_tokens",))) as server:
        assert len(asked(endpoint(server, tmp_path / "a"), what)[0].text.split()) == 40
        with pytest.raises(ModelError, match="counts 40 tokens for a reply that may have 8"):
            asked(endpoint(server, tmp_path / "b", cap=Cap(PICO)), what)


KILLED = """
import sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from test_endpoint import Address, Book, Endpoint, Silent, Terms, PRICE, asks
address = Address(sys.argv[1], "big-model", None)
engine = Endpoint(address, Terms(PRICE, "run"), Book(Path(sys.argv[2])))
engine.generate(asks(400), Silent(), "Asking")
"""


def test_a_killed_run_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    here = Path(__file__).parent
    reached = 60
    with serving(ChatServer(idempotent=True)) as server:
        told = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(here)])}
        run = subprocess.Popen(
            [sys.executable, "-c", KILLED, server.url, str(tmp_path), str(here)], env=told
        )
        while len(server.charged) < reached and run.poll() is None:
            server.ending.wait(0.005)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        before = len(server.charged)
        assert reached <= before < 400
        kept = sum(Book(tmp_path).answer(name) is not None for name in server.charged)
        assert kept >= before - 32  # all but those that were under way
        asked_before = len(server.asked)
        asked(endpoint(server, tmp_path), asks(400))
    late = 32  # of the killed process, that the server reads only now
    assert 400 - kept <= len(server.asked) - asked_before <= 400 - kept + late
    assert set(server.charged.values()) == {1}
    spent = Book(tmp_path).spent("run")
    assert spent.pico - spent.perhaps == dollars_of(server)
    assert spent.lost <= 32


def test_two_books_on_one_file_keep_one_cap(tmp_path: Path) -> None:
    one, other = Book(tmp_path), Book(tmp_path)
    cap = Cap(requests=3)
    entered = [book.enter("run", "x", Amount(1, 1), cap) for book in (one, other, one, other)]
    assert [entry is not None for entry in entered] == [True, True, True, False]


def test_two_processes_at_once_pay_for_one_answer(tmp_path: Path) -> None:
    """The other process, alive, has asked one of the rows already and settles it in a while."""
    other = Book(tmp_path)
    other.process = process_of(os.getppid())
    with serving(ChatServer()) as server:
        engine = endpoint(server, tmp_path)
        name = engine._request(asks(3)[1]).name
        attempt = other.enter("other", name, Amount(1, 1), Cap())
        assert attempt is not None
        body = {"choices": [{"message": {"content": "of the other"}}]}
        settle = threading.Timer(
            0.3, lambda: other.paid(attempt, Kept(body, 0.1), Amount(1, 1), Amount(1, 1))
        )
        settle.start()
        replies = asked(engine, asks(3))
        settle.join()
    assert replies[1].text == "of the other"
    assert len(server.asked) == 2


def test_what_another_process_pays_between_the_look_and_the_attempt_is_not_paid_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Book(tmp_path)
    other.process = process_of(os.getppid())
    with serving(ChatServer()) as server:
        engine = endpoint(server, tmp_path)
        looked = engine.unknown

        def look(of: Sequence[Ask]) -> list[Any]:
            found = looked(of)
            for request in found[:1] if server.asked else ():
                attempt = other.enter("other", request.name, Amount(1, 1), Cap())
                assert attempt is not None
                body = {"choices": [{"message": {"content": "of the other"}}]}
                other.paid(attempt, Kept(body, 0.1), Amount(1, 1), Amount(1, 1))
            return found

        monkeypatch.setattr(engine, "unknown", look)
        replies = asked(engine, asks(3))
        spent = Book(tmp_path).spent("run")
    assert replies[1].text == "of the other"
    assert len(server.asked) == 2
    assert (spent.requests, spent.lost) == (2, 0)


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere starts aren't counted from the machine's")
def test_a_process_is_told_alike_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = process_of(os.getpid())
    for changed in (psutil.boot_time() + 3, psutil.boot_time() - 3600):
        monkeypatch.setattr(psutil, "boot_time", lambda at=changed: at)
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda at=changed: at)
        assert process_of(os.getpid()) == before


def test_what_a_dead_process_was_asking_is_asked_again(tmp_path: Path) -> None:
    other = Book(tmp_path)
    other.process = other.process.replace(str(os.getpid()), "999999999")
    with serving(ChatServer()) as server:
        engine = endpoint(server, tmp_path)
        other.enter("other", engine._request(asks(1)[0]).name, Amount(1, 1), Cap())
        assert asked(engine, asks(1))[0].text
    assert len(server.asked) == 1


def test_retry_after_holds_back_all_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(
        "tunewise.engines.endpoint.pace.Pace.objected",
        lambda _self, pause=0.0: pauses.append(pause),
    )
    once = ChatServer(fault=lambda _, attempt: "429" if attempt == 0 else None, retry_after="0.07")
    with serving(once) as server:
        asked(endpoint(server, tmp_path), asks(5))
    assert pauses == [0.07] * 5
    assert len(server.asked) == 10


@pytest.mark.parametrize("model", ["big-model", "other"])
def test_a_wrong_key_is_told_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("EP_KEY", KEY)
    with serving(ChatServer(key="another")) as server:
        engine = endpoint(server, tmp_path, "EP_KEY")
        with pytest.raises(BadInput, match="refuses the key") as refused:
            asked(engine, asks(3))
    assert "EP_KEY" in str(refused.value)
    assert KEY not in str(refused.value)
    assert "[key]" in str(refused.value)  # the server said it
    assert all(KEY.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    assert len(server.asked) == 1


def test_a_missing_key_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with serving(ChatServer()) as server, pytest.raises(BadInput, match="EP_MISSING"):
        asked(endpoint(server, tmp_path, "EP_MISSING"), asks(1))
    assert server.asked == []
    assert Book(tmp_path).spent("run").requests == 0


def test_the_users_openai_account_is_told_to_no_other_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, KEY)
    with serving(ChatServer()) as server:
        asked(endpoint(server, tmp_path), asks(1))
    assert KEY not in str(server.headers)


def test_an_unknown_model_is_told_with_those_there_are(tmp_path: Path) -> None:
    with (
        serving(ChatServer(models=("big-modell", "small"))) as server,
        pytest.raises(ModelError, match="Did you mean 'big-modell'"),
    ):
        asked(endpoint(server, tmp_path), asks(1))


def test_a_refused_connection_is_told_at_once(tmp_path: Path) -> None:
    with serving(ChatServer()) as server:
        pass
    with pytest.raises(Unreachable, match="Is the server running"):
        asked(endpoint(server, tmp_path), asks(1))
    assert Book(tmp_path).spent("run").requests == 0


def test_an_answer_that_never_is_json_ends_the_run_with_what_it_was(tmp_path: Path) -> None:
    with (
        serving(ChatServer(fault=lambda *_: "malformed")) as server,
        pytest.raises(Unreachable, match=r"isn't a chat completion: '\{\"id\""),
    ):
        asked(endpoint(server, tmp_path), asks(1))
    assert Book(tmp_path).spent("run").lost == len(server.asked) == 10


def test_a_prompt_too_long_says_by_how_much_and_what_would_be_cut(tmp_path: Path) -> None:
    words = " ".join(f"word{n}" for n in range(130))
    with serving(ChatServer(window=120)) as server, pytest.raises(DataError) as refused:
        asked(endpoint(server, tmp_path), [Ask("t.csv:7", (Message("user", words),), 8)])
    assert "t.csv:7: the prompt has 130 tokens and big-model reads 120, 10 too many" in str(
        refused.value
    )
    assert "about the last 72 of the text's 929 characters would be cut" in str(refused.value)


def test_parameters_that_it_refuses_are_left_out_and_told(tmp_path: Path) -> None:
    refuses = {
        "max_tokens": "Unsupported parameter: use 'max_completion_tokens' instead.",
        "temperature": "Unsupported value: 'temperature' does not support 0.",
        "top_logprobs": "'logprobs' is not supported with this model.",
        "response_format": "response_format json_schema is not supported.",
    }
    ask = Ask("t.csv:1", (SYSTEM, Message("user", "x")), 8, {"type": "object"}, alternatives=True)
    told = Told()
    with serving(ChatServer(refuses=refuses)) as server:
        engine = endpoint(server, tmp_path)
        assert asked(engine, [ask], told)[0].text
    assert engine.dialect.limit == "max_completion_tokens"
    assert engine.abilities == Abilities(alternatives=False, schema=False)
    assert set(server.asked[-1]) == {"model", "messages", "max_completion_tokens"}
    assert len([line for line in told.lines if "log-prob" in line or "schema" in line]) == 2


def test_a_row_that_the_endpoint_will_not_speak_about_is_an_answer_that_says_so(
    tmp_path: Path,
) -> None:
    server = ChatServer()
    plain = server.respond

    def respond(body: dict[str, object], headers: dict[str, str]):  # type: ignore[no-untyped-def]
        if "text 2" in str(body):
            return server._error(400, "Filtered by policy.", code="content_filter")
        return plain(body, headers)

    server.respond = respond  # type: ignore[method-assign]
    with serving(server):
        replies = asked(endpoint(server, tmp_path), asks(4))
    assert [reply.refused for reply in replies] == [None, None, "Filtered by policy.", None]
    assert replies[2].text == ""


def test_what_leaves_is_announced_before_the_first_request(tmp_path: Path) -> None:
    told = Told()
    with serving(ChatServer()) as server:
        engine = endpoint(server, tmp_path, cap=Cap(PICO))
        engine.announce("up to 3 validation rows", ("2 rows hold 2 phone numbers",), told)
        assert server.asked == []
        asked(engine, asks(3), told)
    (line,) = told.lines
    for words in (server.url, "big-model", "3 validation rows", "2 phone numbers", "$1.00"):
        assert words in line


def test_the_book_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    Book(tmp_path).close()
    assert (tmp_path / "answers.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("api.example.com", "isn't a URL"),
        ("ftp://example.com", "isn't a URL"),
        ("https://me:pw@example.com/v1", "more than an address"),
        ("https://example.com/v1?key=abc", "more than an address"),
    ],
)
def test_what_is_no_endpoint_is_refused_without_repeating_a_secret(url: str, fault: str) -> None:
    with pytest.raises(ModelError, match=fault) as refused:
        address_of(url, "m", None)
    assert "pw" not in str(refused.value)
    assert "abc" not in str(refused.value)


def test_addresses_are_one_however_they_are_written() -> None:
    urls = ("https://h/v1", "https://h/v1/", "https://h/v1/chat/completions")
    assert len({address_of(url, "m", None) for url in urls}) == 1


def test_books_hold_no_prompt(tmp_path: Path) -> None:
    with serving(ChatServer()) as server:
        asked(endpoint(server, tmp_path), asks(3))
    assert b"text 1" not in (tmp_path / "answers.sqlite").read_bytes()
