"""Faults these catch: a row shown to itself, shots that aren't those that were asked for, passages
that don't hold what was looked for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tunewise.candidates.prompt.finding import Remembering
from tunewise.candidates.prompt.lexical import Lexical
from tunewise.candidates.prompt.passages import (
    WORDS,
    Library,
    Passage,
    load_library,
    parts,
    passages_in,
)
from tunewise.candidates.prompt.shots import PoolRow, Retriever, ShotPool, shots_for
from tunewise.candidates.prompt.showing import Way, diverse, fixed, fused, nearest, ways_of
from tunewise.errors import DataError, FileMissing
from tunewise.records import Example
from tunewise.task.settings import PromptSettings

EMBEDDINGS = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.8, 0.6], [-1, 0]], dtype=np.float32)
POOL = ShotPool(
    tuple(PoolRow(f"id{i}", f"text {i}", "b" if i == 2 else "a") for i in range(5)), EMBEDDINGS
)


class Angles:
    """Embeds a text 'x y' as the unit vector in that direction."""

    def embed(self, texts: list[str], _progress: object = None) -> np.ndarray:
        found = np.array([[float(n) for n in text.split()] for text in texts], dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def shown(text: str, way: Way, row_id: str = "x") -> list[str]:
    retriever = Retriever(Angles(), POOL, {"a": "A", "b": "B"})  # type: ignore[arg-type]
    example = Example(row_id, text, "", 1, "t.csv")
    return [shot.text.removeprefix("text ") for shot in shots_for(retriever, [example], way)[0]]


def test_shots_are_the_nearest_with_the_most_similar_last() -> None:
    assert shown("1 0", Way(3)) == ["3", "1", "0"]
    assert shown("0 1", Way(3)) == ["3", "1", "2"]
    assert shown("0 1", Way(3, order="nearest_first")) == ["2", "1", "3"]
    assert shown("0 1", Way(0)) == []


@pytest.mark.parametrize("select", ["nearest", "diverse", "fixed", "fused"])
def test_a_row_is_never_shown_to_itself(select: str) -> None:
    way = Way(4, select=select)  # type: ignore[arg-type]
    for own in range(5):
        found = shown("1 0", way, f"id{own}")
        assert sorted(found) == sorted(str(n) for n in range(5) if n != own)


def test_diverse_shots_are_near_and_unlike_each_other() -> None:
    assert nearest(EMBEDDINGS @ EMBEDDINGS[1], 3) == [1, 3, 0]
    assert diverse(EMBEDDINGS @ EMBEDDINGS[1], EMBEDDINGS, 3) == [1, 0, 2]  # 3 is 1 once more


def test_fixed_shots_take_turns_by_label_and_stand_for_their_rows() -> None:
    labels = ["a", "a", "b", "a", "a"]
    assert fixed(labels, EMBEDDINGS, 3)[:2] == [1, 2]
    assert sorted(fixed(labels, EMBEDDINGS, 9)) == [0, 1, 2, 3, 4]
    assert shown("1 0", Way(2, "fixed")) == shown("0 1", Way(2, "fixed"))


def test_what_two_rankings_agree_on_comes_first() -> None:
    assert fused([[0, 1, 2], [2, 0, 3]], 3) == [0, 2, 1]
    assert fused([[], [4]], 3) == [4]


def test_words_find_what_holds_them() -> None:
    index = Lexical(["the lost card", "Exchange RATE for Złoty", "a card, a card", "…"])
    assert index.ranking("Where is my CARD?", 5) == [2, 0]
    assert index.ranking("złoty", 5) == [1]
    assert index.ranking("nothing of it", 5) == []
    assert index.ranking("", 5) == []
    assert Lexical(["…", "!"]).ranking("card", 5) == []


def test_ways_stand_in_order_of_their_price_and_none_twice() -> None:
    told = {
        "shots": [4, 0],
        "select": ["nearest", "fixed"],
        "think": [True, False],
        "documents": "d",
    }
    ways = ways_of(PromptSettings.model_validate(told | {"passages": [0, 2]}), 3)
    assert ways[0] == Way(0)
    assert len(set(ways)) == len(ways) == 2 * 2 * (1 + 2)
    assert [way.think for way in ways] == [False] * 6 + [True] * 6
    assert {way.shots for way in ways} == {0, 3}  # there are no four examples
    assert ways_of(PromptSettings(), 0) == [Way(0)]


def test_documents_become_passages_of_a_few_sentences(tmp_path: Path) -> None:
    long = " ".join(f"w{n}" for n in range(300))
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.md").write_text(f"One.\n\nTwo.\n\n{long}\n")
    (tmp_path / "deep" / "a.txt").write_text("\ufeffÜber uns", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89")
    found = passages_in(tmp_path)
    assert [p.source for p in found] == ["b.md"] * 4 + ["deep/a.txt"]
    assert found[0].text == "One. Two."
    assert found[-1].text == "Über uns"
    assert max(len(p.text.split()) for p in found) <= WORDS
    assert {w for p in found for w in p.text.split()} >= {f"w{n}" for n in range(300)}
    assert parts(" \n\n ") == []


def test_documents_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="documents isn't there"):
        passages_in(tmp_path / "none")
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(DataError, match="holds no text to look up"):
        passages_in(tmp_path)
    (tmp_path / "odd.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"odd\.txt.*isn't UTF-8"):
        passages_in(tmp_path)


def test_passages_are_found_by_meaning_and_by_words_and_read_back(tmp_path: Path) -> None:
    passages = [Passage("a.md", f"{x} {y}") for x, y in ((1, 0), (0, 1), (7, 7))]
    embedder = Angles()
    vectors = embedder.embed([p.text for p in passages])
    library = Library(embedder, passages, vectors)  # type: ignore[arg-type]
    assert library.passages(["2 2"], 1) == [["7 7"]]  # by meaning
    assert library.passages(["7 0"], 1)[0] in (["7 7"], ["1 0"])
    library.save(tmp_path)
    again = load_library(tmp_path, embedder)  # type: ignore[arg-type]
    assert again.passages(["2 2", "0 1"], 2) == library.passages(["2 2", "0 1"], 2)


def test_a_text_is_embedded_once_by_all_who_look_it_up_and_forgotten_in_time() -> None:
    class Counting(Angles):
        embedded: list[str]

        def embed(self, texts: list[str], _progress: object = None) -> np.ndarray:
            self.embedded += texts
            return super().embed(texts)

    counting = Counting()
    counting.embedded = []
    once = Remembering(counting)  # type: ignore[arg-type]
    first = once.embed(["1 0", "0 1", "1 0"])
    assert (first == np.array([[1, 0], [0, 1], [1, 0]])).all()
    assert (once.embed(["0 1"]) == first[1:2]).all()
    assert counting.embedded == ["1 0", "0 1"]
    once.embed(["3 4"])
    once.embed(["1 0"])  # not of the last call any more
    assert counting.embedded == ["1 0", "0 1", "3 4", "1 0"]
    many = Remembering(counting, most=3)  # type: ignore[arg-type]
    for text in ("1 0", "0 1", "3 4", "1 0"):
        many.embed([text])
    assert counting.embedded[4:] == ["1 0", "0 1", "3 4"]
