"""Numbers that stand for money or a person: payment cards, bank accounts, identity numbers.

Given a text, gives back hits. A number counts when its check digits are right and either its form
is telling or a word before it says what it is. python-stdnum knows the rules of each country;
which ones are looked for is written in national.toml.
"""

from __future__ import annotations

import functools
import importlib
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tunewise.audit.personal_data.hits import Hit, is_other_number, nearest_before

EDGE, END = r"(?<![\w.+/-])", r"(?![\w/]|[.,-]\d)"
CARD = re.compile(rf"{EDGE}\d(?:[ -]?\d){{11,40}}{END}")
CARD_WORDS = re.compile(
    r"(?<!\w)(?:cards?|visa|master ?card|amex|american express|discover|diners|maestro|debit"
    r"|credit|pan|karte\w{0,20}|kreditkarte\w{0,20}|carte|tarjeta|carta|cart[ãa]o)(?!\w)"
    r"(?: (?:number|no\.?|nr\.?))?",
    re.IGNORECASE,
)
CARD_LENGTHS = (  # IIN ranges: leading digits, lengths
    (re.compile(r"4"), (16, 19)),  # Visa; those of 13 digits are gone
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"6011|64[4-9]|65"), (16, 19)),  # Discover
    (re.compile(r"30[0-5]|36|3[89]"), (14, 16, 19)),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 19)),  # JCB
    (re.compile(r"62"), (16, 17, 18, 19)),  # UnionPay
    (re.compile(r"50(?:18|20|38)|5893|6304|6759|676[1-3]"), tuple(range(12, 20))),  # Maestro
)
GROUP, MOST_GROUPS = re.compile(r"\d+"), 5
CARD_GROUPS = re.compile(
    r"\d+|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5}"
)
IBAN = re.compile(rf"{EDGE}(?=([A-Za-z]{{2}}\d{{2}}(?:[ -]?[A-Za-z0-9]){{11,30}})(?!\w))")
IBAN_LENGTHS = range(15, 35)
DIGITS = re.compile(r"\d(?:\D{0,3}\d){4,}")  # in fewer, or farther apart, is no number of a person
AROUND = 20  # characters around them that may belong to the number


class National(BaseModel):
    """One country's number, as national.toml describes it.

    Attributes:
        name: what it is called.
        module: of python-stdnum that checks it; left out, its form is all there is to check.
        form: pattern that is telling by itself.
        loose: pattern that counts only with one of `words` before it.
        words: what people call it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    module: str | None = None
    form: str | None = None
    loose: str | None = None
    words: Annotated[list[str], Field(min_length=1)]

    @functools.cached_property
    def is_valid(self) -> Callable[[str], bool]:
        """Return the function that checks a number's digits."""
        if self.module is None:
            return lambda _: True
        found: Callable[[str], bool] = importlib.import_module(f"stdnum.{self.module}").is_valid
        return found

    @functools.cached_property
    def telling(self) -> re.Pattern[str] | None:
        """Return the compiled `form`."""
        return None if self.form is None else re.compile(f"{EDGE}(?:{self.form}){END}")

    @functools.cached_property
    def beside_words(self) -> re.Pattern[str]:
        """Return the compiled pattern of a number that a word names."""
        either = "|".join(part for part in (self.form, self.loose) if part)
        return re.compile(f"{EDGE}(?:{either}){END}", re.IGNORECASE)

    @functools.cached_property
    def named(self) -> re.Pattern[str]:
        """Return the compiled words."""
        return re.compile(_words_pattern(self.words), re.IGNORECASE)


def _words_pattern(words: list[str]) -> str:
    # Chinese and Korean words are followed by others without a space.
    plain = [re.escape(word) for word in words]
    return rf"(?<![A-Za-z0-9_])(?:{'|'.join(plain)})(?![A-Za-z0-9_])"


@functools.cache
def nationals() -> tuple[National, ...]:
    """Return the numbers of national.toml."""
    text = resources.files(__package__).joinpath("national.toml").read_text("utf-8")
    return tuple(TypeAdapter(list[National]).validate_python(tomllib.loads(text)["number"]))


@functools.cache
def _any_name() -> re.Pattern[str]:
    every = sorted({word for number in nationals() for word in number.words}, key=len, reverse=True)
    return re.compile(_words_pattern(every))


def cards(text: str) -> Iterator[Hit]:
    """Yield payment cards: a known prefix, its length, the usual grouping and Luhn's check."""
    for match in CARD.finditer(text):
        groups = [part.span() for part in GROUP.finditer(text, match.start(), match.end())]
        for first, (start, _) in enumerate(groups):
            for _, end in groups[first : first + MOST_GROUPS]:
                number = re.sub(r"\D", "", text[start:end])
                if _is_card(text[start:end], number):
                    named = nearest_before(text, start, CARD_WORDS)
                    if not is_other_number(text, start, named):
                        yield Hit(start, end, "payment card", f"card ending {number[-4:]}")


def _is_card(written: str, digits: str) -> bool:
    if not CARD_GROUPS.fullmatch(written) or len(set(digits)) < 2:
        return False
    known = any(len(digits) in lengths for head, lengths in CARD_LENGTHS if head.match(digits))
    return known and luhn(digits)


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(int(digit) for digit in digits[::-2])) % 10 == 0


def ibans(text: str) -> Iterator[Hit]:
    """Yield bank accounts as IBAN, in groups or not, in capitals or not."""
    from stdnum import iban

    for match in IBAN.finditer(text):
        for end in _ends_of_groups(match[1]):
            number = re.sub(r"[ -]", "", match[1][:end]).upper()
            if len(number) in IBAN_LENGTHS and iban.is_valid(number, check_country=False):
                shown = f"IBAN {number[:2]}… ending {number[-2:]}"
                yield Hit(match.start(), match.start() + end, "bank account", shown)
                break


def _ends_of_groups(text: str) -> list[int]:
    """Return where the text or a group in it ends, the last first: words may follow an IBAN."""
    return [len(text), *(match.start() for match in reversed([*re.finditer(r"[ -]", text)]))]


def identity_numbers(text: str) -> Iterator[Hit]:
    """Yield national identity numbers whose check digits are right."""
    called = set(_any_name().findall(text.lower()))
    meant = (
        [number for number in nationals() if called.intersection(number.words)] if called else ()
    )
    for low, high in _around_digits(text):
        for number in meant:
            for match in number.beside_words.finditer(text, low, high):
                own = nearest_before(text, match.start(), number.named)
                compact = match[0].replace(" ", "").upper()
                if (
                    own >= 0
                    and number.is_valid(compact)
                    and not is_other_number(text, match.start(), own)
                ):
                    yield _identity(match, number)
        for number, form in _telling():
            for match in form.finditer(text, low, high):
                if number.is_valid(match[0]) and not is_other_number(text, match.start()):
                    yield _identity(match, number)


@functools.cache
def _telling() -> tuple[tuple[National, re.Pattern[str]], ...]:
    return tuple((number, number.telling) for number in nationals() if number.telling)


def _around_digits(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text that may hold a number: digits near one another, and around."""
    low, high = 0, -1
    for match in DIGITS.finditer(text):
        start, end = max(0, match.start() - AROUND), match.end() + AROUND
        if high >= 0 and start > high:
            yield low, high
        low, high = (start, end) if high < 0 or start > high else (low, end)
    if high >= 0:
        yield low, high


def _identity(match: re.Match[str], number: National) -> Hit:
    shown = f"{number.name} ending {match[0][-2:]}"
    return Hit(match.start(), match.end(), "identity number", shown)
