"""Faults these catch: an instruction that is planned once for each row and shot, as naive scoring
would read it, and labels whose common beginnings are counted again and again."""

from __future__ import annotations

import pytest
from tiny_language_models import tiny_folder
from transformers import BertConfig, RobertaConfig

from tunewise.data.identity import drawn
from tunewise.models.configs import Described, described
from tunewise.models.loading import positions_of
from tunewise.planning.lengths import chat_lengths, label_tokens
from tunewise.records import Example
from tunewise.rendering.wording import wording_of

LABELS = ("card lost", "card late", "top up")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Described:
    return described(str(tiny_folder("llama", tmp_path_factory.mktemp("writer"))))


def rows(*texts: str) -> list[Example]:
    return [Example(t, t, LABELS[0], n, "rows.csv") for n, t in enumerate(texts)]


def test_what_all_prompts_begin_with_is_told_apart(model: Described) -> None:
    said = wording_of("classification", "Which intent?", LABELS)
    found = chat_lengths(rows("where is it", "my card"), model, said)
    own = [len("where is it"), len("my card")]  # a letter is a token
    assert found.prompts[0] - found.prompts[1] == own[0] - own[1]
    assert said.system is not None
    assert len(said.system) < found.shared < found.prompts.min() - own[1] + 1
    assert chat_lengths(rows("where is it"), model, said).shared == 0  # one row shares with none


def test_rows_to_judge_on_are_those_with_the_lowest_hashes_as_in_a_run() -> None:
    examples = rows(*(f"text {n}" for n in range(40)))
    parts = [[e.id for e in drawn(examples, most, "test", 3)] for most in (10, 20)]
    assert set(parts[0]) < set(parts[1])
    assert parts[0] != [e.id for e in examples[:10]]


def test_a_roberta_has_no_places_before_its_first_token() -> None:
    plain = BertConfig(max_position_embeddings=512)
    shifted = RobertaConfig(max_position_embeddings=514, pad_token_id=1)
    assert positions_of(plain) == positions_of(shifted) == 512


def test_labels_share_their_beginnings(model: Described) -> None:
    both = len("card l") + len("ost") + len("ate") + len("top up")
    assert label_tokens(LABELS, model) == both
