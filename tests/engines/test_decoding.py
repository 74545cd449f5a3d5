"""Faults these catch: rows that see each other, positions off after a join, a wrong token drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tiny_language_models import FAMILIES, random_rows, tiny_model

from tunewise.engines import generation
from tunewise.engines.decoding import ROWS, Choice, Decoder, Row
from tunewise.engines.generation import Writer
from tunewise.engines.window import check_room
from tunewise.errors import DataError, ModelError
from tunewise.progress import Silent

NEW = 12
NO_END = (10**6,)  # a token that no model writes: every answer is as long as it may be


def prompts(count: int) -> list[list[int]]:
    return [row.ids.tolist() for row in random_rows(count, longest=30)]


def alone(
    model: Any, given: Sequence[Sequence[int]], most: int, ends: Sequence[int] = NO_END
) -> list[list[int]]:
    """Return what transformers writes, one prompt at a time, the end token left out."""
    found = []
    for prompt in given:
        ids = torch.tensor([list(prompt)])
        with torch.inference_mode():
            whole = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=most,
                do_sample=False, eos_token_id=list(ends), pad_token_id=0,
            )  # fmt: skip
        new = whole[0, len(prompt) :].tolist()
        found.append(new[:-1] if new[-1] in ends else new)
    return found


def written_with_joins(decoder: Decoder, rows: Sequence[Row]) -> None:
    """Write all rows to their ends, two joining every third token while others write."""
    waiting = list(rows)
    step = 0
    while waiting or decoder.rows:
        if step % 3 == 0 and waiting:
            joining, waiting = waiting[:2], waiting[2:]
            decoder.join(joining)
        else:
            decoder.step()
        step += 1
        done = [row for row in decoder.rows if len(row.written) >= row.most]
        if done:
            decoder.leave(done)


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_that_come_and_go_are_written_as_if_alone(family: str) -> None:
    model = tiny_model(family).eval()
    given = prompts(7)
    rows = [Row(prompt, NEW + number) for number, prompt in enumerate(given)]
    written_with_joins(Decoder(model), rows)
    for row in rows:
        assert row.written == alone(model, [row.prompt], row.most)[0]


def test_a_seed_draws_the_same_answer_in_any_company() -> None:
    model = tiny_model("llama").eval()
    given = prompts(5)
    choice = Choice(temperature=0.9, top_p=0.9, seed=7)
    first = Row(given[0], NEW, choice)
    written_with_joins(Decoder(model), [first])
    again = Row(given[0], NEW, choice)
    written_with_joins(Decoder(model), [*(Row(p, NEW, Choice(1.5)) for p in given[1:]), again])
    assert again.written == first.written
    other = Row(given[0], NEW, Choice(temperature=0.9, top_p=0.9, seed=8))
    written_with_joins(Decoder(model), [other])
    assert other.written != first.written


def test_top_p_draws_from_the_most_probable_tokens_alone() -> None:
    logits = torch.tensor([0.1, 3.0, 2.9, 0.2])
    drawn = {Row([1], 1, Choice(1.0, 0.6, seed)).drawn(logits) for seed in range(60)}
    assert drawn == {1, 2}
    assert {Row([1], 1, Choice(1.0, 1e-6, seed)).drawn(logits) for seed in range(9)} == {1}


@pytest.mark.parametrize("choice", [Choice(5e-324), Choice(1.0, 5e-324), Choice(1e-30, 1e-30)])
def test_the_least_temperature_and_share_take_the_most_probable_token(choice: Choice) -> None:
    assert Row([1], 1, choice).drawn(torch.tensor([0.1, 3.0, 2.9, -1e30])) == 1


def test_a_prompt_without_room_for_an_answer_is_refused() -> None:
    decoder = Decoder(tiny_model("llama").eval())
    with pytest.raises(DataError, match="no room for an answer"):
        check_room(512, decoder.most_tokens, "the text")
    check_room(511, decoder.most_tokens, "the text")


def test_no_more_rows_join_than_there_is_room_for() -> None:
    decoder = Decoder(tiny_model("llama").eval())
    long = Row([7] * 400, 100_000)
    assert decoder.room_for([], long), "one alone always can"
    assert not decoder.room_for([long], Row([7], 4))
    short = [Row([7], 4) for _ in range(ROWS)]
    assert decoder.room_for(short[:-1], Row([7], 4))
    assert not decoder.room_for(short, Row([7], 4))


def test_attention_that_takes_no_mask_is_refused() -> None:
    model = tiny_model("llama").eval()
    model.config._attn_implementation = "flash_attention_2"
    with pytest.raises(ModelError, match="takes no mask"):
        Decoder(model)


class TestWriter:
    """Many answers are those that are written alone, however rows take turns."""

    @pytest.mark.parametrize("family", FAMILIES)
    def test_answers_that_end_make_place_for_others(
        self, family: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(generation, "ROWS_TOGETHER", 4)
        model = tiny_model(family).eval()
        given = prompts(11)
        ends = sorted({answer[5] for answer in alone(model, given[:6], NEW)})
        expected = alone(model, given, NEW, ends)
        written = Writer(model, ends, 0).write(given, NEW, Silent())
        assert [list(one.ids) for one in written] == expected
        assert [one.ended for one in written] == [len(ids) < NEW for ids in expected]
        assert len({len(ids) for ids in expected}) > 1

    def test_attention_that_takes_no_mask_is_left_to_transformers(self) -> None:
        model = tiny_model("llama").eval()
        given = prompts(5)
        expected = alone(model, given, NEW)
        model.set_attn_implementation("flex_attention")
        writer = Writer(model, NO_END, 0)
        with pytest.raises(ModelError, match="takes no mask"):
            Decoder(model)
        model.set_attn_implementation("sdpa")
        written = writer.write(given, NEW, Silent())
        assert [list(one.ids) for one in written] == expected

    def test_a_seed_draws_the_same_whoever_else_is_asked(self) -> None:
        writer = Writer(tiny_model("llama").eval(), NO_END, 0)
        given = prompts(6)

        def drawn(some: list[list[int]], seed: int) -> list[tuple[int, ...]]:
            return [
                one.ids for one in writer.write(some, NEW, Silent(), temperature=1.0, seed=seed)
            ]

        assert drawn(given, 3)[:2] == drawn(given[:2], 3)
        assert drawn(given, 3) != drawn(given, 4)

    def test_no_answer_goes_beyond_the_places_that_a_model_has(self) -> None:
        model = tiny_model("llama").eval()
        most = model.config.max_position_embeddings
        long, short = [7] * (most - 3), [7, 8]
        written = Writer(model, NO_END, 0).write([long, short], NEW, Silent())
        assert [len(one.ids) for one in written] == [3, NEW]
