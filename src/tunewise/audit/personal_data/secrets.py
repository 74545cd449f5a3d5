"""Keys, tokens and passwords: by the form that their issuers gave them, or by a word in front.

Given a text, gives back hits. The forms are written in secrets.toml. A string that merely looks
random isn't taken for a secret: hashes, ids and parts of links do as well.
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib import resources

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tunewise.audit.personal_data.hits import Hit

BEARER = re.compile(r"(?<!\w)bearer {1,3}([A-Za-z0-9._~+/\-]{16,4000}={0,2})", re.IGNORECASE)
ASSIGNED = re.compile(
    r"(?<![A-Za-z0-9])(?P<name>pass(?:word|wd|phrase|code)|pwd|passwort|kennwort|mot de passe"
    r"|contraseña|wachtwoord|(?:api|access|secret|private|auth|encryption|signing)[ _-]?"
    r"(?:secret[ _-]?)?(?:key|token)|client[ _-]?secret|secret|pin|cvv|cvc|security code)"
    r"[\"']?(?P<verb>\s{0,2}(?:[:=]|=>)\s{0,2}| (?:is|was|ist|lautet|est|es) (?:now )?:? ?)"
    r"(?P<quote>[\"'“‘`]?)(?P<value>[^\s\"'”’`,;<>]{3,200})",
    re.IGNORECASE,
)
NUMERIC = re.compile(r"pin|cvv|cvc|security code|passcode", re.IGNORECASE)
KEY_LIKE = 3.0  # bits per character: random hexadecimal digits reach it, words don't
PLAIN = re.compile(r"[A-Za-z]?[a-z'’-]+|[A-Z]+|\W+|x+|\*+|\$\{.*|\{\{.*|\[.*\]|<.*", re.DOTALL)


class Secret(BaseModel):
    """One issuer's secrets, as secrets.toml describes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    marks: list[str]
    form: str

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Return the compiled form."""
        return re.compile(rf"(?<![A-Za-z0-9_])(?:{self.form})")


@functools.cache
def known() -> tuple[Secret, ...]:
    """Return the secrets of secrets.toml."""
    text = resources.files(__package__).joinpath("secrets.toml").read_text("utf-8")
    return tuple(TypeAdapter(list[Secret]).validate_python(tomllib.loads(text)["secret"]))


def secrets(text: str) -> Iterator[Hit]:
    """Yield keys and tokens of known issuers, bearer tokens, and what 'password:' stands before."""
    for secret in known():
        if any(mark in text for mark in secret.marks):
            for match in secret.pattern.finditer(text):
                yield Hit(match.start(), match.end(), "secret", secret.name)
    for match in BEARER.finditer(text):
        if _is_random(match[1]):
            yield Hit(match.start(1), match.end(1), "secret", "bearer token")
    yield from _assigned(text)


def _assigned(text: str) -> Iterator[Hit]:
    for match in ASSIGNED.finditer(text):
        value = match["value"].rstrip(".:)]}")
        name = match["name"].lower()
        by_sign = ":" in match["verb"] or "=" in match["verb"]
        if NUMERIC.fullmatch(name):
            meant = bool(re.fullmatch(r"\d{3,8}", value))
        elif re.search(r"key|token|secret", name):
            meant = len(value) >= 12 and _is_random(value)
        else:
            meant = len(value) >= (4 if by_sign else 6) and _is_password(value)
        if meant:
            start = match.start("value")
            yield Hit(start, start + len(value), "secret", f"what stands after '{name}'")


def _is_password(value: str) -> bool:
    """Tell a password from a word that goes on with the sentence: it holds a digit or a sign."""
    return not PLAIN.fullmatch(value) and bool(re.search(r"[\d!@#$%^&*+=_?]|[a-z][A-Z]", value))


def _is_random(value: str) -> bool:
    """Tell a key from words: it has digits among letters, and many different characters."""
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return (
        bits >= KEY_LIKE and bool(re.search(r"\d", value)) and bool(re.search(r"[A-Za-z]", value))
    )
