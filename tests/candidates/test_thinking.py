"""Faults these catch: thoughts on this machine that come to no answer, or not to the one scored.

A tiny model writes noise, which is as far from an answer as thoughts can be; the scores after it
are held against a plain forward pass. The real model shows that a task is answered in labels alone.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tunewise.candidates import Setup
from tunewise.candidates.prompt import questions
from tunewise.candidates.prompt.asked import AskedPrompt
from tunewise.candidates.prompt.asker import Asker
from tunewise.candidates.prompt.concluding import Concluder
from tunewise.candidates.prompt.finding import found_for
from tunewise.candidates.prompt.judge import Judge
from tunewise.candidates.prompt.local import Local
from tunewise.candidates.prompt.normalise import Normaliser
from tunewise.candidates.prompt.questions import Questions
from tunewise.candidates.prompt.reading import LabelReader, answer_line
from tunewise.candidates.prompt.settings_file import SETTINGS
from tunewise.candidates.prompt.showing import Way
from tunewise.cli.main import status
from tunewise.engines.asks import Abilities, Ask, LabelLogps, Reply
from tunewise.errors import DataError
from tunewise.models.loading import load_causal
from tunewise.models.model_folder import ModelFolder
from tunewise.models.resolve import resolve
from tunewise.progress import Progress, Silent
from tunewise.records import Example, Message
from tunewise.rendering.wording import ASKED_TEMPLATES, template_texts
from tunewise.task.settings import PromptSettings

LABELS = ("late parcel", "lost card", "lost")
WINDOW = 512  # tokens that the tiny model reads


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, smollm2: ModelFolder) -> Local:
    from tiny_chat_models import tiny_chat_folder

    folder = tiny_chat_folder("llama", tmp_path_factory.mktemp("thinking") / "tiny")
    return Local(resolve(str(folder), Silent()), loaded=load_causal(folder, torch.float32))


def asked(*texts: str) -> list[Ask]:
    return [Ask(f"t.csv:{n}", (Message("user", text),), 12) for n, text in enumerate(texts)]


def scored(engine: Local, asks: list[Ask], *thoughts: str) -> np.ndarray:
    replies = [Reply(thought) for thought in thoughts]
    return engine.concluder.label_logps(asks, replies, LABELS, Silent()).values


def test_labels_are_scored_after_thoughts_as_one_pass_over_the_text_has_it(tiny: Local) -> None:
    asks = asked("Where is it?", "Where is my card?")
    thoughts = ("It says where.", "A card.\nSo:")
    found = scored(tiny, asks, *thoughts)
    model = load_causal(Path(tiny.chat.place), torch.float32)
    for row, (ask, thought) in enumerate(zip(asks, thoughts, strict=True)):
        begin = f"{tiny.prompt(ask)}{thought}\n\nAnswer:"
        for column, label in enumerate(LABELS):
            before = len(tiny.chat.ids([begin])[0])
            ids = tiny.chat.ids([f"{begin} {label}{tiny.chat.end}"])[0]
            with torch.inference_mode():
                logps = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            places = range(before, len(ids))
            whole = sum(float(logps[place - 1, ids[place]]) for place in places)
            assert found[row, column] == pytest.approx(whole, abs=1e-3)


def test_what_the_model_answered_itself_is_no_part_of_its_thoughts(tiny: Local) -> None:
    asks = asked("Where is it?") * 5
    found = scored(
        tiny,
        asks,
        "It says where.",
        "It says where.\n**Answer:** lost card",
        "  It says where.\n\nFinal answer: lost card\nand more",
        "<think>It says where.",
        "<think>It says where.\n</think>\nAnswer: lost",
    )
    for same in (found[:3], found[3:]):
        assert same == pytest.approx(np.broadcast_to(same[0], same.shape), abs=1e-4)
    assert np.abs(found[0] - found[3]).max() > 1e-3


@pytest.mark.parametrize("words", [400, 5000])
def test_thoughts_that_fill_the_window_are_cut_and_a_prompt_that_does_is_told(
    tiny: Local, words: int
) -> None:
    asks = asked("Where is it?")
    found = scored(tiny, asks, "on and on " * words)
    assert np.isfinite(found).all()
    replies = tiny.concluder.concluded(asks, [Reply("on and on " * words)], 8, Silent())
    assert answer_line(replies[0].text) is not None
    with pytest.raises(DataError, match=r"t\.csv:0: .* tokens would be cut"):
        scored(tiny, asked("word " * WINDOW * 2), "hm")


def test_texts_are_written_after_thoughts_that_came_to_none(tiny: Local) -> None:
    asks = asked("Where is it?", "Where?", "Where is he?")
    replies = [
        Reply("It says.\nAnswer: here", completion_tokens=7),
        Reply("It says", ended=False, completion_tokens=12),
        Reply("", completion_tokens=1),
    ]
    found = tiny.concluder.concluded(asks, replies, 5, Silent())
    assert found[0] == replies[0]
    assert found[1].text.startswith("It says\n\nAnswer: ")
    assert found[2].text.startswith("Answer: ")
    for before, after in zip(replies[1:], found[1:], strict=True):
        assert answer_line(after.text)
        more = (after.completion_tokens or 0) - (before.completion_tokens or 0)
        assert 1 <= more <= 6


def test_a_concluded_reply_is_the_likeliest_label_with_its_thoughts_apart() -> None:
    reader = LabelReader(("a_b", "c"), ("a b", "c"))
    shares = np.array([0.25, 0.75])
    for said in ("Hm, a b.", "Hm, a b.\nAnswer: a b", "<think>Hm, a b.</think>"):
        read = reader.concluded(Reply(said), shares)
        assert (read.answer, read.is_label, read.reasoning) == ("c", True, "Hm, a b.")
        assert read.shares == (0.25, 0.75)
    assert reader.concluded(Reply(""), shares).reasoning is None


class Biased:
    """An engine whose thoughts speak for the right label, though another is always likelier."""

    abilities = Abilities(alternatives=False, schema=False)
    scores_labels = True
    sent = 0

    @property
    def concluder(self) -> Biased:
        return self

    def generate(self, asks: list[Ask], progress: Progress, title: str) -> list[Reply]:
        return [Reply(ask.messages[-1].content) for ask in asks]

    def label_logps(
        self, asks: list[Ask], replies: list[Reply], labels: tuple[str, ...], progress: Progress
    ) -> LabelLogps:
        said = [[-3.0 + (label in reply.text) for label in labels] for reply in replies]
        return LabelLogps(np.array(said) + np.array([5.0, 0.0, 0.0]), np.array([2, 2, 1]))


def test_labels_after_thoughts_are_compared_as_validation_has_it_best() -> None:
    rows = [Example(f"{n}", f"my {LABELS[n % 2]} {n}", LABELS[n % 2], n, "t.csv") for n in range(8)]
    setup = Setup(LABELS, 0, Path())
    asked = Questions(setup, template_texts(ASKED_TEMPLATES, Path()), "scored", 8)
    found = found_for(PromptSettings(shots=[0]), setup, rows, [Way(0, think=True)], Silent())
    asker = Asker(Biased(), "biased", asked, LabelReader(LABELS, LABELS), found, 1)
    judge, way = Judge(asker, rows, Silent()), Way(0, think=True)
    assert judge(way, 8).tolist() == [1.0] * 8
    compared = judge.compared[way]
    assert compared is not None
    assert (compared.how, compared.lengths) == ("calibrated", (2, 2, 1))
    answers, *_ = replace(asker, normaliser=compared.normaliser).predictions(rows, way, Silent())
    assert [a.answer for a in answers] == [row.target for row in rows]
    plain = Normaliser("sum", np.array(compared.lengths), np.array(compared.offsets))
    answers, *_ = replace(asker, normaliser=plain).predictions(rows, way, Silent())
    assert {a.answer for a in answers} == {LABELS[0]}


SAID = {
    "late parcel": ("my parcel has not come", "where is the parcel I ordered", "parcel is late"),
    "lost card": ("I lost my card", "my bank card is gone", "someone stole my card"),
}
ROWS = [
    Example(f"{label} {n}", f"{text} {n}", label, n, "t.csv")
    for n in range(8)
    for label, texts in SAID.items()
    for text in texts[n % 3 : n % 3 + 1]
]


@pytest.mark.parametrize("votes", [1, 3])
def test_a_model_that_thinks_here_answers_in_labels_alone(
    smollm2: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, votes: int
) -> None:
    monkeypatch.setattr(questions, "THOUGHTS", 6)  # so few that it comes to no answer by itself
    settings = PromptSettings(shots=[0], think=[True], votes=votes, max_new_tokens=2)
    setup = Setup(tuple(sorted(SAID)), 0, tmp_path, kind="prompt")
    made = AskedPrompt(settings, setup)
    fitted = made.fit(ROWS[:4], ROWS[4:8], tmp_path, Silent())
    about = json.loads((tmp_path / SETTINGS).read_text())
    assert (about["answering"], about["unread"]) == ("scored", 0)
    assert len(about["compared"]["offsets"]) == len(SAID)
    answers = fitted.predict(ROWS[8:12], Silent())
    assert {a.answer for a in answers} <= {*SAID}
    for answer in answers:
        assert answer.scores is not None
        assert sum(answer.scores) == pytest.approx(1)
        assert (answer.completion_tokens or 0) <= 8 * votes
    assert any(answer.reasoning for answer in answers)
    again = made.load(tmp_path).predict(ROWS[8:12], Silent())
    assert [replace(a, scores=None) for a in again] == [replace(a, scores=None) for a in answers]


def test_a_prompt_that_is_shown_says_where_the_answer_will_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"input": row.input, "target": row.target} for row in ROWS]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    candidates = "[{prompt: {shots: [0], think: [true]}}, {prompt: {name: plain, shots: [0]}}]"
    task = tmp_path / "task.yaml"
    task.write_text(f"task: t\ndata: {{train: rows.jsonl}}\ncandidates: {candidates}\n")
    assert status(["prompts", str(task)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("After its thoughts 'Answer:' is put, and its answer is what follows.") == 1
    assert said.count("First think step by step") == 1


def test_a_model_that_takes_no_masks_writes_its_answer(
    tiny: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewise.candidates.prompt.concluding.takes_masks", lambda model: False)
    model = load_causal(Path(tiny.chat.place), torch.float32)
    assert tiny.concluder.scores_labels
    assert not Concluder(model, tiny.answers).scores_labels
