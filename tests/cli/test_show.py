"""Faults these catch: another row or model than was asked for, a fault with exit status 0."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rendering.tiny_chats import FAMILIES, tiny_tokenizer
from tunewise.cli.main import status

ROWS = [
    ("where is my card", "card_arrival"),
    ("I lost it", "lost_card"),
    ("has it come yet, I wait", "card_arrival"),
    ("someone stole it", "lost_card"),
    ("no card in the post", "card_arrival"),
    ("it is gone", "lost_card"),
    ("when will it come", "card_arrival"),
    ("my purse is gone and with it the card", "lost_card"),
    ("not here yet", "card_arrival"),
    ("left it on the train", "lost_card"),
    ("is it on its way", "card_arrival"),
    ("stolen " * 40, "lost_card"),
]


@pytest.fixture
def task(tmp_path: Path) -> Path:
    sides = {"train": ROWS, "validation": ROWS[:2] * 2, "test": ROWS[2:6]}
    for side, rows in sides.items():
        lines = [f'"{text}{"" if side == "train" else f" {n}"}",{label}'
                 for n, (text, label) in enumerate(rows)]  # fmt: skip
        content = "\n".join(["text,category", *lines]) + "\n"
        (tmp_path / f"{side}.csv").write_text(content, encoding="utf-8")
    file = tmp_path / "task.yaml"
    file.write_text(
        "task: cards\ninstruction: Sort these.\n"
        "data: {train: train.csv, validation: validation.csv, test: test.csv}\n"
        "candidates: [majority, probe, prompt: {shots: [0]}]\n",
        encoding="utf-8",
    )
    return file


def shown(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    """Run `tunewise show` here and return what it printed."""
    assert status(["show", *map(str, words)]) == code
    told = capsys.readouterr()
    assert ("tunewise: " in told.err) == (code != 0), told.err
    return told.err if code else told.out


def view(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> dict:
    return json.loads(shown(capsys, *words, "--json", code=code))


def text_of(part: dict, mark: str) -> str:
    return "".join(piece["text"] for piece in part["pieces"] if piece["mark"] == mark)


def test_a_row_is_shown_as_the_tasks_language_model_is_trained_on_it(task, capsys):
    told = shown(capsys, task, 3)
    assert told.startswith("train.csv:3 (id ")
    assert "Model: smollm2-135m-instruct" in told
    assert "\n  has it come yet, I wait<|im_end|>⏎" in told
    assert "\n+ card arrival<|im_end|>\n" in told
    assert max(map(len, told.splitlines())) <= 80


def test_json_has_all_of_it(task, capsys):
    found = view(capsys, task, 3)
    (part,) = found["parts"]
    assert text_of(part, "trained") == "card arrival<|im_end|>"
    assert (found["row"], found["kind"], found["end_token"]) == (
        "train.csv:3", "training", "<|im_end|>",
    )  # fmt: skip
    assert sum(len(piece["ids"]) for piece in part["pieces"]) == (
        part["prompt"] + part["answer"] + part["after"]
    )


def test_rows_are_found_by_number_place_and_id(task, capsys):
    by_number = view(capsys, task, 2)
    assert view(capsys, task, "train.csv:2") == by_number
    assert view(capsys, task, by_number["id"]) == by_number
    assert "I lost it" in text_of(by_number["parts"][0], "read")


def test_the_longest_and_a_random_row(task, capsys):
    assert view(capsys, task, "--longest")["row"] == "train.csv:12"
    assert view(capsys, task, "--random")["side"] == "train"


def test_a_row_of_another_side_is_said_not_to_be_trained_on(task, capsys):
    found = view(capsys, task, "test.csv:2")
    assert found["notes"] == ["This row is on the test side: it isn't trained on."]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["99"], "train.csv: there is no row 99. Its last is 12."),
        (["zz"], "there is no row 'zz'"),
        (["1", "--longest"], "a row and --longest don't go together"),
        (
            ["--check", "--candidate", "probe-minilm-l6"],
            "--check and --candidate don't go together",
        ),
        (["--allow", "truncated"], "Did you mean 'truncated-answer'?"),
        (["--candidate", "prob"], "there is no candidate 'prob'. Choose from: majority, probe"),
        (["--candidate", "majority"], "the candidate 'majority' reads no tokens"),
        (["--model", "smollm3"], "there is no model 'smollm3'"),
        (["--check", "--model", "minilm-l6"], "'minilm-l6' is an encoder, not a language model"),
    ],
)
def test_bad_input_is_one_line(task, capsys, words, told):
    error = shown(capsys, task, *words, code=2)
    assert told in error
    assert error.count("\n") == 1, "nothing but the error is said"


def test_a_row_whose_answer_is_cut_off_is_shown_and_refused(task, capsys):
    length = view(capsys, task, 3)["parts"][0]["prompt"] + 1
    assert status(["show", str(task), "3", "--max-length", str(length)]) == 2
    told = capsys.readouterr()
    assert "- ·arrival<|im_end|>⏎" in told.out
    assert told.err.startswith("tunewise: train.csv:3: 2 of the answer's 3 tokens, its end token")
    assert "--allow truncated-answer" in told.err
    assert told.err.count("\n") == 1
    shown(capsys, task, 3, "--max-length", length, "--allow", "truncated-answer")


def test_check_lists_every_faulty_row_and_refuses(task, capsys):
    assert shown(capsys, task, "--check").endswith(": none has a fault.\n")
    length = view(capsys, task, 1)["parts"][0]["prompt"] + 30
    assert status(["show", str(task), "--check", "--max-length", str(length)]) == 2
    told = capsys.readouterr()
    assert "nothing-supervised: 1 row\n" in told.out
    assert "train.csv: 12\n" in told.out
    assert "train.csv:12: the prompt alone has" in told.err
    found = view(capsys, task, "--check", "--max-length", length, "--allow", "nothing-supervised")
    assert (found["faulty_rows"], [fault["row"] for fault in found["faults"]]) == (
        1, ["train.csv:12"],
    )  # fmt: skip


def test_an_encoder_shows_where_a_text_is_cut(task, capsys):
    found = view(capsys, task, 8, "--candidate", "probe-minilm-l6", "--max-length", 6)
    (part,) = found["parts"]
    assert text_of(part, "read") == "[CLS] my purse is gone[SEP]"
    assert text_of(part, "cut") == " and with it the card"
    assert view(capsys, task, 8, "--model", "minilm-l6")["max_length"] == 256


def test_a_base_model_is_shown_with_the_plain_template_it_is_given(task, tmp_path, capsys):
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer(FAMILIES["base"])
    size = {"vocab_size": len(tokenizer), "hidden_size": 8, "intermediate_size": 8}
    model = LlamaForCausalLM(
        LlamaConfig(**size, num_hidden_layers=1, num_attention_heads=1,
                    max_position_embeddings=200, eos_token_id=3)
    )  # fmt: skip
    model.save_pretrained(str(tmp_path / "base"))
    tokenizer.save_pretrained(str(tmp_path / "base"))
    found = view(capsys, task, 1, "--model", "./base")
    assert text_of(found["parts"][0], "trained") == "card arrival<|endoftext|>"
    assert any("has no chat template" in note for note in found["notes"])
    assert any("not at <|endoftext|>" in note for note in found["notes"])
    assert found["max_length"] == 200


def test_rows_too_few_to_split_can_be_looked_at_but_not_checked(task, capsys):
    task.with_name("train.csv").write_text("text,category\na,x\nb,y\nc,x\nd,y\n", encoding="utf-8")
    text = task.read_text(encoding="utf-8")
    task.write_text(
        text.replace(", test: test.csv", "").replace(", validation: validation.csv", "")
    )
    assert view(capsys, task, 2)["side"] is None
    assert "too few rows" in shown(capsys, task, "--check", code=2)


def test_a_prompt_is_shown_as_it_is_asked(task, capsys):
    found = view(capsys, task, 1, "--candidate", "prompt-smollm2-135m-instruct")
    (part,) = found["parts"]
    assert part["answer"] == 0
    assert text_of(part, "read").endswith("where is my card<|im_end|>\n<|im_start|>assistant\n")
    assert found["notes"] == ["It hasn't been fitted yet, so no examples are shown."]


@pytest.mark.slow
def test_a_fitted_prompt_is_shown_with_its_shots(task, tmp_path, capsys):
    """The prompt on view is, token by token, the one that the fit put on record."""
    task.write_text(task.read_text(encoding="utf-8").replace("[0]", "[2]"), encoding="utf-8")
    assert status(["run", str(task)]) == 0
    capsys.readouterr()
    name = "prompt-smollm2-135m-instruct"
    fit = json.loads(
        (tmp_path / "runs/cards/candidates" / name / "settings.json").read_text(encoding="utf-8")
    )
    rows = [*range(1, len(ROWS) + 1), *(f"validation.csv:{n}" for n in range(1, 5))]
    asked = [view(capsys, task, row, "--candidate", name) for row in rows]
    texts = [text_of(one["parts"][0], "read") for one in asked]
    assert fit["example"] in texts
    assert asked[0]["notes"] == ["As the run fitted it, with 2 training examples shown."]
    assert all(text.count("<|im_start|>user") == 3 for text in texts)
