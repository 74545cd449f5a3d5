import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.engines.trie import LabelTrie, label_trie
from tunewise.errors import DataError

END = 0
WORDS = st.lists(st.integers(1, 3), min_size=1, max_size=6).map(tuple)


def path_to(trie: LabelTrie, source: int) -> list[int]:
    """The tokens that a position has read, itself included, by what it is said to see."""
    if source == 0:
        return []
    seen = np.flatnonzero(trie.sees[source - 1])
    return [int(trie.tokens[i]) for i in sorted(seen, key=lambda i: trie.depths[i])]


@given(st.sets(WORDS, min_size=2, max_size=12))
def test_every_edge_of_a_label_is_predicted_from_exactly_the_tokens_before_it(words):
    labels = [[*word, END] for word in sorted(words)]
    trie = label_trie(labels)
    for number, label in enumerate(labels):
        edges = trie.label_edges[number, : len(label)]
        assert list(trie.edge_tokens[edges]) == label
        for place, edge in enumerate(edges):
            assert path_to(trie, trie.edge_sources[edge]) == label[:place]
        assert (trie.label_edges[number, len(label) :] == len(trie.edge_tokens)).all()


@given(st.sets(WORDS, min_size=2, max_size=12))
def test_a_shared_beginning_is_read_once_and_an_end_never(words):
    trie = label_trie([[*word, END] for word in sorted(words)])
    beginnings = {word[:end] for word in words for end in range(1, len(word) + 1)}
    assert len(trie.tokens) == len(beginnings)
    assert END not in trie.tokens
    assert trie.deepest == max(map(len, words))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([[1, END]], "at least two labels"),
        ([], "at least two labels"),
        ([[1, END], [END]], "label 2 has no tokens"),
        ([[1, END], [2, END], [1, END]], "labels 1 and 3 are the same tokens"),
        ([[1, END], [1, END, 2, END]], "label 1 with its end is the beginning of label 2"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels, told):
    with pytest.raises(DataError, match=told):
        label_trie(labels)
