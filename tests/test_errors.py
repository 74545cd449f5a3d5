"""Faults these catch: a message over several lines, a mend that names no legal word."""

from __future__ import annotations

import pytest

from tunewise import errors
from tunewise.errors import BadInput, TunewiseError, did_you_mean


def test_message_is_one_line_with_place_and_mend() -> None:
    error = BadInput("a\nb\x1b[31m", where="file.csv:3", mend="Mend\tit.")
    assert str(error) == "file.csv:3: a b [31m. Mend it."


def test_every_error_has_an_exit_status_and_a_standard_parent() -> None:
    children = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, TunewiseError) and value != TunewiseError
    ]
    assert len(children) >= 10
    for child in children:
        assert child.exit_status in (2, 3)
        assert any(not issubclass(p, TunewiseError) and p is not Exception for p in child.__mro__)


@pytest.mark.parametrize(
    ("word", "mend"),
    [
        ("encodr", "Did you mean 'encoder'?"),
        ("PROBE", "Did you mean 'probe'?"),
        ("xyzzy", "Choose from: encoder, probe."),
    ],
)
def test_did_you_mean(word: str, mend: str) -> None:
    assert did_you_mean(word, ["probe", "encoder"]) == mend
