"""Faults these catch: an endpoint asked in a way it can't answer, rows sent unannounced, a second
run that pays, replies that are no label and are hidden.

Whole tasks against a local server that answers as the OpenAI API publishes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import ChatServer, by_lot, serving

from tunewise import api
from tunewise.candidates import Outward, Setup
from tunewise.candidates.prompt.asked import AskedPrompt
from tunewise.candidates.prompt.asked_file import AskedFit
from tunewise.cli.main import status
from tunewise.engines.endpoint.engine import ANNOUNCED
from tunewise.errors import CapReached, ModelError, RunFolderError, TaskFileError
from tunewise.files import read_record
from tunewise.progress import Silent
from tunewise.records import Example, Prediction, Scorecard, Timing
from tunewise.task.load import load_task
from tunewise.task.settings import PromptSettings
from tunewise.workspace.folder import RunFolder

LABELS = ("blue_plum", "red_apple", "red_pear")
KEY = "sk-Very-Secret-0123456789"


def row(number: int) -> Example:
    label = LABELS[number % 3]
    colour, fruit = label.split("_")
    return Example(
        f"id{number}", f"A {colour} thing like a {fruit}, no. {number}", label, number, "t.csv"
    )


TRAIN, VALIDATION, TEST = ([row(n) for n in range(*part)] for part in ((0, 24), (24, 54), (54, 84)))


def fruit(messages: list[dict[str, str]]) -> str:
    """Return the label of the fruit that the question names."""
    text = messages[-1]["content"]
    return next(label.replace("_", " ") for label in LABELS if label.split("_")[1] in text)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep answers and models of other tests out; the models' own folder is linked in."""
    from tunewise.cache import cache_folder

    models = cache_folder()
    monkeypatch.setenv("TUNEWISE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    for folder in models.iterdir():
        if folder.name != "answers":
            (tmp_path / "cache" / folder.name).symlink_to(folder)
    monkeypatch.setattr("tunewise.engines.endpoint.waiting.FIRST", 0.02)
    ANNOUNCED.clear()


class Told(Silent):
    """Keeps what is said, with how much had been asked by then."""

    def __init__(self, server: ChatServer | None = None) -> None:
        self.lines: list[str] = []
        self.asked: list[int] = []
        self.server = server

    def line(self, text: str) -> None:
        self.lines.append(text)
        self.asked.append(len(self.server.asked) if self.server else 0)

    def warn(self, text: str) -> None:
        self.line(text)


def prompt(server: ChatServer, labels: tuple[str, ...] = LABELS, **settings: object) -> AskedPrompt:
    told = PromptSettings.model_validate(
        {"endpoint": server.url, "model": "big-model", "shots": [0], "timeout": 1.0, **settings}
    )
    kind = "classification" if labels else "generation"
    setup = Setup(labels, 0, Path(), "Which fruit?", "prompt", kind, outward=Outward("run"))  # type: ignore[arg-type]
    return AskedPrompt(told, setup)


@pytest.mark.parametrize(
    ("server", "answering"),
    [
        (lambda: ChatServer(fruit), "scored"),
        (lambda: ChatServer(fruit, ignores=("logprobs",)), "constrained"),
        (lambda: ChatServer(fruit, refuses={"logprobs": "logprobs: not supported"}), "constrained"),
        (lambda: ChatServer(fruit, ignores=("logprobs", "response_format")), "parsed"),
        (
            lambda: ChatServer(
                fruit, ignores=("logprobs",), refuses={"response_format": "no response_format here"}
            ),
            "parsed",
        ),
    ],
)
def test_labels_are_got_in_the_first_way_that_the_endpoint_bears(
    tmp_path: Path, server: Callable[[], ChatServer], answering: str
) -> None:
    told = Told()
    with serving(server()) as asked:
        fitted = prompt(asked).fit(TRAIN, VALIDATION, tmp_path, told)
        answers = fitted.predict(TEST, Silent())
    assert fitted.fit.answering == answering
    assert [a.answer for a in answers] == [one.target for one in TEST]
    assert (answers[0].scores is not None) == (answering == "scored")
    assert all(a.prompt_tokens and a.completion_tokens for a in answers)
    assert all(a.cost is None for a in answers)  # no price is known
    passed_over = [line for line in told.lines if "trying the next way" in line]
    assert len(passed_over) == ("scored", "constrained", "parsed").index(answering)


def test_what_is_asked_again_is_announced_too(tmp_path: Path) -> None:
    with serving(ChatServer(fruit)) as server:
        made, told = prompt(server), Told(server)
        made.setup = replace(made.setup, outward=Outward("run", fits=2, again=50))
        made.fit(TRAIN, VALIDATION, tmp_path, told)
    said = next(n for n, line in enumerate(told.lines) if "what stays on this machine" in line)
    assert told.asked[said] == 0
    assert "up to 60 validation rows and up to 400 test rows" in told.lines[said]
    assert "up to 50 test rows that are asked again" in told.lines[said]


def test_replies_that_are_no_label_count_as_wrong_and_are_told(tmp_path: Path) -> None:
    def says(messages: list[dict[str, str]]) -> str:
        return "" if "no. 30" in messages[-1]["content"] else "an apple or a pear, who knows"

    told = Told()
    with serving(ChatServer(says)) as server:
        fitted = prompt(server, answer="parsed").fit(TRAIN, VALIDATION, tmp_path, told)
        answers = fitted.predict(VALIDATION, told)
    assert fitted.fit.unread == 30
    assert sum("30 of 30 replies are no answer" in line for line in told.lines) == 2
    assert {a.answer for a in answers} == {"(no answer)", "an apple or a pear, who knows"}


def test_a_choice_that_the_endpoint_cannot_keep_is_refused(tmp_path: Path) -> None:
    with (
        serving(ChatServer(fruit, ignores=("logprobs",))) as server,
        pytest.raises(ModelError, match="no log-probabilities, which 'answer: scored' needs"),
    ):
        prompt(server, answer="scored").fit(TRAIN, VALIDATION, tmp_path, Silent())


def test_a_model_that_thinks_first_gets_room_for_it(tmp_path: Path) -> None:
    server = ChatServer(fruit)
    make = server._answer

    def answer(name: str, body: dict[str, object], words: int) -> bytes:
        data = json.loads(make(name, body, words))
        if body["max_tokens"] < 1000:  # type: ignore[operator]
            choice = data["choices"][0]
            choice["message"]["content"], choice["finish_reason"] = "", "length"
        return json.dumps(data).encode()

    server._answer = answer  # type: ignore[method-assign]
    with serving(server):
        fitted = prompt(server).fit(TRAIN, VALIDATION, tmp_path, Silent())
    assert fitted.fit.max_new_tokens == 4096
    assert fitted.fit.tried[0].score == 1


def test_what_was_fitted_answers_the_same_once_it_is_loaded(tmp_path: Path) -> None:
    with serving(ChatServer(fruit, likely=0.7)) as server:
        made = prompt(server, price={"input": 1.0, "output": 4.0})
        fitted = made.fit(TRAIN, VALIDATION, tmp_path, Silent())
        first = fitted.predict(TEST, Silent())
        asked = len(server.asked)
        again = made.load(tmp_path)
        assert again.predict(TEST, Silent()) == first
        assert len(server.asked) == asked
        assert again.from_memory
        assert again.request_seconds is not None
    assert all(a.cost is not None and a.cost > 0 for a in first)
    assert first[0].scores is not None
    assert max(first[0].scores) == pytest.approx(0.7 + 0.3 / 3, abs=0.2)
    with pytest.raises(RunFolderError, match="labels that aren't those"):
        prompt(server, ("a", "b")).load(tmp_path)


def test_shots_are_chosen_on_validation_and_shown_as_answered_turns(tmp_path: Path) -> None:
    def needs_examples(messages: list[dict[str, str]]) -> str:
        return fruit(messages) if len(messages) > 2 else "red pear"

    with serving(ChatServer(needs_examples)) as server:
        made = prompt(server, shots=[0, 3])
        fitted = made.fit(TRAIN, VALIDATION, tmp_path, Silent())
        (answer,) = fitted.predict(TEST[:1], Silent())
        asked = len(server.asked)
        assert made.load(tmp_path).predict(TEST[:1], Silent()) == [answer]
        assert len(server.asked) == asked  # the same shots, to the letter
    assert fitted.fit.chosen.shots == 3
    turns = server.asked[-1]["messages"]
    assert [turn["role"] for turn in turns] == ["system", *["user", "assistant"] * 3, "user"]
    assert {turn["content"] for turn in turns[2::2]} <= {"blue plum", "red apple", "red pear"}


def test_texts_are_written_and_compared_by_rouge(tmp_path: Path) -> None:
    rows = [Example(f"id{n}", f"say {n}", f"you said {n}", n, "t.csv") for n in range(40)]

    def says(messages: list[dict[str, str]]) -> str:
        return f"<think>hm</think>you said {messages[-1]['content'].split()[-1]}"

    with serving(ChatServer(says)) as server:
        fitted = prompt(server, ()).fit(rows[:20], rows[20:], tmp_path, Silent())
        answers = fitted.predict(rows[:3], Silent())
    assert [a.answer for a in answers] == ["you said 0", "you said 1", "you said 2"]
    assert fitted.fit.answering == "written"
    assert fitted.fit.tried[0].score == 1


TASK = """
task: fruits
instruction: Which fruit?
data: {{train: rows.jsonl}}
spending: {{usd: {usd}}}
candidates:
  - majority
  - prompt: {{endpoint: "{url}", model: big-model, key_env: EP_KEY, shots: [0], timeout: 1.0,
      price: {{input: 1.0, output: 4.0}}}}
"""


def task_in(folder: Path, server: ChatServer, usd: float = 1.0, text: str = TASK) -> Path:
    # letters before the number keep rows unlike enough to be no near copies
    words = ["amber", "birch", "cedar", "dusk", "ember", "frost", "grove", "haze", "iris", "jade"]
    lines = []
    for n in range(180):
        one = row(n)
        odd = " ".join(words[(n * k + k) % len(words)] for k in (1, 3, 5, 7))
        lines.append(
            {"input": f"{odd}: {one.input}; call +44 20 7946 0{n:03d}", "target": one.target}
        )
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "task.yaml").write_text(text.format(url=server.url, usd=usd))
    return folder / "task.yaml"


def test_a_task_reaches_its_verdict_and_a_second_run_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EP_KEY", KEY)
    with serving(ChatServer(fruit, key=KEY, fault=by_lot(0.1), hold=3.0)) as server:
        task = task_in(tmp_path, server)
        assert status(["run", str(task)]) == 0
        said = capsys.readouterr()
        asked = len(server.asked)
        run = api.run(task, quiet=True)
        folder = RunFolder(run.folder)
        files = folder.candidate("prompt-big-model")
        for path in ("settings.json", "predictions.test.jsonl"):
            (files.path / path).unlink()  # fitted and answered anew, but nothing is asked anew
        run = api.run(task, quiet=True)
        assert len(server.asked) == asked
        assert api.load(run.folder).predict(["a plum"]) == ["blue_plum"]
    assert run.verdict.winner == "prompt-big-model"
    card = read_record(files.scorecard("test"), Scorecard)
    assert card.cost_per_1000
    assert card.tokens_per_request
    timing = read_record(files.timing("test"), Timing)
    assert timing.rows == 0  # what was read from the book tells no speed
    assert min(timing.latencies) > 0.0005  # nor is its time that of the book
    announced = said.err.index("what stays on this machine")
    assert announced < said.err.index("Asking big-model")
    assert "180 rows hold 180 phone numbers" in said.err
    everything = said.out + said.err
    for file in tmp_path.rglob("*"):
        if file.is_file() and "cache" not in file.relative_to(tmp_path).parts[:1]:
            everything += file.read_text(encoding="utf-8", errors="replace")
    assert KEY not in everything
    assert KEY.encode() not in (tmp_path / "cache" / "answers" / "answers.sqlite").read_bytes()


def test_a_cap_that_is_reached_ends_the_run_and_a_higher_one_carries_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EP_KEY", KEY)
    with serving(ChatServer(fruit)) as server:
        with pytest.raises(CapReached, match="Raise `spending`"):
            api.run(task_in(tmp_path, server, usd=0.002), quiet=True)
        first = len(server.asked)
        assert 0 < sum(server.tokens) * 1e-6 < 0.002
        api.run(task_in(tmp_path, server, usd=0.1), quiet=True)
        assert len(server.asked) == len(server.charged) > first
        fit = read_record(
            tmp_path / "runs/fruits/candidates/prompt-big-model/settings.json", AskedFit
        )
    assert fit.spent.usd is not None
    assert fit.spent.usd < 0.1


def test_offline_forbids_endpoints(tmp_path: Path) -> None:
    with serving(ChatServer(fruit)) as server:
        task = task_in(tmp_path, server, text="offline: true\n" + TASK.lstrip())
        with pytest.raises(TaskFileError, match="'offline: true' forbids"):
            load_task(task)
        assert status(["run", str(task)]) == 2
    assert server.asked == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("endpoint: 'https://h/v1'", "an endpoint needs 'model'"),
        ("key_env: SOME_KEY", "'key_env' is for an endpoint"),
        (f"endpoint: 'https://h/v1', model: m, key_env: '{KEY}'", "never the key itself"),
    ],
)
def test_settings_that_make_no_endpoint_are_refused_and_no_key_is_repeated(
    tmp_path: Path, settings: str, words: str
) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(f"task: t\ndata: {{train: x.csv}}\ncandidates:\n  - prompt: {{{settings}}}\n")
    with pytest.raises(TaskFileError, match=words) as refused:
        load_task(path)
    assert KEY not in str(refused.value)


def test_prices_of_the_user_come_before_the_catalogue(tmp_path: Path) -> None:
    from tunewise.engines.endpoint.address import Address
    from tunewise.engines.endpoint.prices import price_of
    from tunewise.errors import BadInput

    there = Address("https://api.openai.com/v1", "gpt-4o-mini", None)
    known = price_of(there, tmp_path)
    assert known is not None
    assert known.date is not None
    assert known.source is not None
    own = tmp_path / "prices.toml"
    own.write_text(
        '[[price]]\nendpoint = "https://api.openai.com/v1/"\nmodel = "gpt-4o-mini"\n'
        "input = 7\noutput = 8.5\n"
    )
    found = price_of(there, tmp_path)
    assert found is not None
    assert (found.input, found.output) == (7, 8.5)
    assert found.cost(1_000_000, 2) == 7 * 10**12 + 17 * 10**6
    assert price_of(Address("https://api.openai.com/v1", "none", None), tmp_path) is None
    own.write_text("[[price]]\nmodel = 3\n")
    with pytest.raises(BadInput, match=r"prices\.toml"):
        price_of(there, tmp_path)


def test_predictions_of_an_endpoint_are_records_like_any_other(tmp_path: Path) -> None:
    with serving(ChatServer(fruit)) as server:
        fitted = prompt(server).fit(TRAIN, VALIDATION, tmp_path, Silent())
        assert all(isinstance(p, Prediction) for p in fitted.predict(TEST, Silent()))
        assert fitted.predict([], Silent()) == []


def thinks(messages: list[dict[str, str]]) -> str:
    """Return a right answer where the model is let think, else always the same."""
    if "step by step" not in messages[0]["content"]:
        return "red pear"
    return f"It names a fruit.\nAnswer: {fruit(messages)}"


@pytest.mark.parametrize("ignores", [(), ("logprobs",), ("logprobs", "response_format")])
def test_thinking_is_chosen_where_it_helps_and_kept_apart(
    tmp_path: Path, ignores: tuple[str, ...]
) -> None:
    with serving(ChatServer(thinks, ignores=ignores)) as server:
        fitted = prompt(server, think=[False, True]).fit(TRAIN, VALIDATION, tmp_path, Silent())
        answers = fitted.predict(TEST, Silent())
    assert fitted.fit.chosen.think
    assert [a.answer for a in answers] == [one.target for one in TEST]
    assert all("answer" not in a.answer for a in answers)
    if "response_format" in ignores or not ignores:  # else all of it stands in the JSON's answer
        assert all(a.reasoning == "It names a fruit." for a in answers)


@pytest.mark.parametrize(
    ("ignores", "answering"), [((), "constrained"), (("response_format",), "parsed")]
)
def test_a_model_that_always_thinks_has_its_thoughts_in_the_schema_where_it_can(
    tmp_path: Path, ignores: tuple[str, ...], answering: str
) -> None:
    with serving(ChatServer(thinks, ignores=ignores)) as server:
        fitted = prompt(server, think=[True]).fit(TRAIN, VALIDATION, tmp_path, Silent())
        answers = fitted.predict(TEST, Silent())
        asked = server.asked[-1]
    assert fitted.fit.answering == answering
    assert "logprobs" not in asked
    bound = asked.get("response_format", {}).get("json_schema", {}).get("schema", {})
    assert [*bound.get("properties", {})] == ["reasoning", "answer"] * (not ignores)
    assert [a.answer for a in answers] == [one.target for one in TEST]


def test_votes_decide_and_their_shares_are_the_probabilities(tmp_path: Path) -> None:
    def wavers(messages: list[dict[str, str]]) -> str:
        asked = sum(body["messages"][-1] == messages[-1] for body in server.asked)
        return f"Hm.\nAnswer: {fruit(messages) if asked % 3 else 'red pear'}"

    with serving(ChatServer(wavers)) as server:
        made = prompt(server, think=[True], votes=3, answer="parsed", concurrency=1)
        fitted = made.fit(TRAIN, VALIDATION, tmp_path, Silent())
        (answer,) = fitted.predict([row(60)], Silent())
        single = server.asked[-1]
    assert answer.answer == "blue_plum"
    assert answer.scores == pytest.approx((2 / 3, 0, 1 / 3))
    assert single["temperature"] == 0.7
    assert answer.prompt_tokens == 3 * sum(len(m["content"].split()) for m in single["messages"])


def test_passages_are_looked_up_and_shown_with_the_row(tmp_path: Path) -> None:
    facts = tmp_path / "facts"
    facts.mkdir()
    for number in range(84):
        kind = LABELS[number % 3].replace("_", " ")
        (facts / f"{number}.md").write_text(f"Parcel number{number} holds a {kind}.")
    rows = [
        Example(f"id{n}", f"What is in parcel number{n}?", LABELS[n % 3], n, "t.csv")
        for n in range(84)
    ]

    def reads(messages: list[dict[str, str]]) -> str:
        said = messages[-1]["content"]
        wanted = said.rsplit("number", 1)[1].rstrip("?")
        return said.split(f"number{wanted} holds a ")[-1].split(".")[0] if "holds" in said else "no"

    with serving(ChatServer(reads)) as server:
        made = prompt(server, documents=str(facts), passages=[0, 1])
        fitted = made.fit(rows[:24], rows[24:54], tmp_path / "fit", Silent())
        answers = made.load(tmp_path / "fit").predict(rows[54:], Silent())
    assert fitted.fit.chosen.passages == 1
    assert [a.answer for a in answers] == [r.target for r in rows[54:]]


def test_templates_of_the_user_are_used_listed_and_make_a_fit_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EP_KEY", KEY)
    with serving(ChatServer(fruit)) as server:
        task = task_in(tmp_path, server)
        assert status(["prompts", str(task)]) == 0
        said = capsys.readouterr().out
        assert "system.jinja     tunewise's" in said
        assert "Which fruit?" in said
        assert "hasn't been fitted" in said
        assert server.asked == []
        api.run(task, quiet=True)
        first = len(server.asked)
        assert status(["prompts", str(task), "--copy"]) == 0
        own = tmp_path / "prompts" / "user.jinja"
        own.write_text("Fruit in: {{ text }}")
        assert status(["prompts", str(task), "--copy", "--candidate", "prompt-big-model"]) == 0
        assert own.read_text() == "Fruit in: {{ text }}"  # never written over
        api.run(task, quiet=True)
        assert len(server.asked) > first
        assert server.asked[-1]["messages"][-1]["content"].startswith("Fruit in: ")
        capsys.readouterr()
        assert status(["prompts", str(task), "2"]) == 0
        said = capsys.readouterr().out
        assert "user.jinja       yours" in said
        assert "As the run fitted it: 0 shots, answers scored" in said
        assert "Fruit in: " in said
        own.write_text("{{ txet }}")
        assert status(["prompts", str(task)]) == 0  # as the run fitted it
        assert status(["run", str(task)]) == 2
        assert "prompts/user.jinja: the template can't be rendered" in capsys.readouterr().err
        own.write_text("{% if %}")
        assert status(["run", str(task)]) == 2
        assert "isn't a Jinja template" in capsys.readouterr().err


def test_templates_that_come_with_a_run_reach_nothing_outside(tmp_path: Path) -> None:
    from tunewise.errors import BadInput
    from tunewise.rendering.wording import rendered

    attack = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(BadInput, match="can't be rendered"):
        rendered({"user.jinja": attack}, "user.jinja", text="x")


def test_a_search_finds_the_instruction_that_helps_within_its_budget(tmp_path: Path) -> None:
    def helped(messages: list[dict[str, str]]) -> str:
        if "Below are examples" in messages[0]["content"]:
            return '"Name the fruit, please."'
        right = "Name the fruit, please." in messages[0]["content"]
        return fruit(messages) if right else "red pear"

    told = Told()
    with serving(ChatServer(helped)) as server:
        made = prompt(server, search={"requests": 200, "proposals": 2, "draws": 0})
        fitted = made.fit(TRAIN, VALIDATION, tmp_path, told)
        asked = len(server.asked)
        answers = made.load(tmp_path).predict(TEST, Silent())
    fit = read_record(tmp_path / "settings.json", AskedFit)
    assert fit.instructions[fit.chosen.instruction] == "Name the fruit, please."
    assert fit.instructions[0] == "Which fruit?"
    assert len(fit.tried) == len(fit.instructions) == 6  # four ways to say it, one proposal
    assert [a.answer for a in answers] == [one.target for one in TEST]
    assert asked <= 200 + 2 + 1
    seen = {body["messages"][-1]["content"] for body in server.asked[:asked]}
    assert not seen & {one.input for one in TEST}
    assert fitted.fit == fit
    assert any("Prompt search: 6 ways" in line for line in told.lines)


def test_a_search_stays_within_its_money(tmp_path: Path) -> None:
    told = Told()
    with serving(ChatServer(fruit)) as server:
        made = prompt(
            server,
            price={"input": 1.0, "output": 4.0},
            search={"requests": 1_000, "usd": 0.003, "proposals": 1, "draws": 0},
        )
        made.fit(TRAIN, VALIDATION, tmp_path, told)
    assert sum(server.tokens) * 4e-6 < 0.01
    assert server.tokens[0] * 1e-6 + server.tokens[1] * 4e-6 <= 0.003 + 0.0002  # and one row before
    assert any("ended early" in line for line in told.lines)
