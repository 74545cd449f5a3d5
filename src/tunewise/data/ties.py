"""Keys tied together, in chains: each group is named by its smallest key.

Given pairs of keys, gives back the group of any key. Knows nothing of what the keys stand for.
"""

from __future__ import annotations

Key = tuple[str, str]  # what it is, and its value


class Ties:
    """Groups of keys, each a group of its own until it is tied to another."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def root(self, key: Key) -> Key:
        """Return the name of a key's group."""
        parent = self._parent
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def tie(self, one: Key, other: Key) -> None:
        """Make one group of those of two keys."""
        smaller, larger = sorted((self.root(one), self.root(other)))
        self._parent[larger] = smaller

    def groups(self) -> dict[Key, Key]:
        """Return the name of the group of every key that was met."""
        return {key: self.root(key) for key in list(self._parent)}
