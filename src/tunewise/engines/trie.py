"""Labels as a token trie: labels that begin alike share their first tokens.

Given each label's token ids, gives back the trie as flat arrays: which tokens a model has to
read, what each may see, and which log-probabilities add up to which label. Knows nothing of
models or texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewise.errors import DataError


@dataclass(frozen=True)
class LabelTrie:
    """The tokens that several labels share, laid out with parents before children.

    A node is a token that has to be read, because another follows it; a label's last token is
    only predicted. An edge is a token that is predicted by what stands before it: by the prompt's
    last token (source 0) or by node i (source i + 1).

    Attributes:
        tokens: of the nodes, [nodes].
        depths: tokens between the prompt's end and the node, the first being 0, [nodes].
        sees: whether a node (row) sees another (column): its ancestors and itself, [nodes, nodes].
        edge_sources: which position predicts the edge's token, [edges].
        edge_tokens: the token predicted, [edges].
        label_edges: the edges of each label's tokens, filled up with `edges`, [labels, longest].
        lengths: tokens of each label, the end included, [labels].
    """

    tokens: np.ndarray
    depths: np.ndarray
    sees: np.ndarray
    edge_sources: np.ndarray
    edge_tokens: np.ndarray
    label_edges: np.ndarray
    lengths: np.ndarray

    @property
    def deepest(self) -> int:
        """Tokens that have to be read of the longest label."""
        return int(self.depths.max()) + 1 if len(self.depths) else 0


def label_trie(labels: Sequence[Sequence[int]]) -> LabelTrie:
    """Return the trie of labels, each given as its token ids with the end token last.

    Raises:
        DataError: fewer than two labels, one without a token of its own, two with the same
            tokens, or one that is the beginning of another with its end included.
    """
    sequences = [tuple(label) for label in labels]
    _check(sequences)
    node_of: dict[tuple[int, ...], int] = {(): -1}
    parents: list[int] = []
    edge_of: dict[tuple[int, ...], int] = {}
    edge_sources: list[int] = []
    for sequence in sequences:
        for end in range(1, len(sequence) + 1):
            path = sequence[:end]
            if path not in edge_of:
                edge_of[path] = len(edge_of)
                edge_sources.append(node_of[path[:-1]] + 1)
            if end < len(sequence) and path not in node_of:
                node_of[path] = len(parents)
                parents.append(node_of[path[:-1]])
    nodes = [path for path in node_of if path]
    longest = max(map(len, sequences))
    label_edges = np.full((len(sequences), longest), len(edge_of), dtype=np.int64)
    for row, sequence in enumerate(sequences):
        label_edges[row, : len(sequence)] = [
            edge_of[sequence[:end]] for end in range(1, len(sequence) + 1)
        ]
    return LabelTrie(
        tokens=np.array([path[-1] for path in nodes], dtype=np.int64),
        depths=np.array([len(path) - 1 for path in nodes], dtype=np.int64),
        sees=_ancestors(parents),
        edge_sources=np.array(edge_sources, dtype=np.int64),
        edge_tokens=np.array([path[-1] for path in edge_of], dtype=np.int64),
        label_edges=label_edges,
        lengths=np.array([len(sequence) for sequence in sequences], dtype=np.int64),
    )


def _ancestors(parents: Sequence[int]) -> np.ndarray:
    """Return which node sees which; a parent's row is complete before its children's."""
    sees = np.eye(len(parents), dtype=bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            sees[node] |= sees[parent]
    return sees


def _check(sequences: Sequence[tuple[int, ...]]) -> None:
    if len(sequences) < 2:
        raise DataError(f"there must be at least two labels to choose from, not {len(sequences)}")
    seen: dict[tuple[int, ...], int] = {}
    for number, sequence in enumerate(sequences, start=1):
        if len(sequence) < 2:
            raise DataError(
                f"label {number} has no tokens of its own",
                mend="Give it a name that the model's tokenizer can write.",
            )
        if sequence in seen:
            raise DataError(
                f"labels {seen[sequence]} and {number} are the same tokens to the model",
                mend="Rename one of them.",
            )
        seen[sequence] = number
    for sequence, number in seen.items():
        for end in range(1, len(sequence)):
            if sequence[:end] in seen:
                raise DataError(
                    f"label {seen[sequence[:end]]} with its end is the beginning of label {number}",
                    mend="A label must not contain the token that ends an answer; rename it.",
                )
