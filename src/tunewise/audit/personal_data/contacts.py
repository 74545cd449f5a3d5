"""Ways to reach someone: e-mail addresses, phone numbers, IP addresses.

Given a text, gives back hits. A phone number is one that libphonenumber's plans hold valid and
that is written in the international form, grouped as phone numbers are, or named by a word
nearby; which country it is in need not be known.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from tunewise.audit.personal_data.hits import AFTER, Hit, is_other_number, nearest_before

EMAIL = re.compile(
    r"(?<![\w.%+-])(?P<name>[\w.%+-]{1,64})@(?P<host>\w[\w-]{0,62}(?:\.[\w-]{1,63}){0,6})"
    r"\.(?P<top>[^\W\d_]{2,24})(?![\w-]|\.\w)"
)
SPELLED_EMAIL = re.compile(
    r"(?<![\w.%+-])(?P<name>[\w.%+-]{1,64}) {0,2}(?:[(\[] ?at ?[)\]]| at ) {0,2}"
    r"(?P<host>\w[\w-]{0,62}) {0,2}(?:[(\[] ?dot ?[)\]]| dot |\.) {0,2}"
    r"(?P<top>com|org|net|edu|gov|io|de|fr|nl|es|it|uk|co\.uk)(?!\w)",
    re.IGNORECASE,
)
PHONE = re.compile(
    r"(?<![\w@#$€£¥%/-])(?<!\d[.,:])\+?\(?\d(?:(?:[ \-/()\u00a0\u2011]{0,2}|\.)\d){6,19}"
    r"(?![\w%@€$£]|[.,:]\d)"
)
NO_PHONE = re.compile(  # dates, addresses of version 4, lists of years
    r"(?:\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4})(?:[ -]\d{1,4})*"
    r"|(?:1?\d?\d|2[0-4]\d|25[0-5])(?:\.(?:1?\d?\d|2[0-4]\d|25[0-5])){3}"
    r"|(?:19|20)\d\d(?:[ -](?:19|20)\d\d)+"
)
GROUPS = re.compile(r"\d+")
PART = re.compile(r"\d\.$|\.\d")  # there is more of it: an address, say
PAIRS = 5  # groups of two digits in a French number
NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}")
LOCAL = re.compile(r"\d{3}[-. ]\d{4}")
NORTH_AMERICA = ("US", "CA")
LED_BY_ZERO = (
    "GB",
    "DE",
    "FR",
    "IT",
    "NL",
    "BE",
    "AT",
    "CH",
    "SE",
    "IE",
    "AU",
    "JP",
    "FI",
    "TR",
    "ZA",
)
REGIONS = (
    *NORTH_AMERICA,
    *LED_BY_ZERO,
    "ES",
    "PT",
    "PL",
    "DK",
    "NO",
    "CZ",
    "IN",
    "BR",
    "MX",
    "CN",
    "SG",
)
PHONE_WORDS = re.compile(
    r"(?<!\w)(?:(?:tele)?phone[ds]?|tel|mobile|mob|cell(?:phone)?|call(?:ed|ing)?|dial|ring"
    r"|text(?:ed)?|sms|whats ?app|fax|hotline|landline|reach|my number|telefon\w{0,12}|handy\w{0,8}"
    r"|mobil\w{0,8}|rufnummer|appel\w{0,4}|portable|t[ée]l[ée]phone|tel[ée]fono|m[óo]vil"
    r"|ll[áa]m\w{0,6}|cellulare|chiam\w{0,6}|telefoon\w{0,8}|bel|telem[óo]vel|celular"
    r"|zadzwo\w{0,4}|telefonu)(?: (?:us|me|him|her|them))?(?: (?:at|on|under|is))?"
    r"(?:[ -]?(?:number|no\.?|nr\.?|#))?(?!\w)",
    re.IGNORECASE,
)
IP = re.compile(r"(?<![\w.:-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){4,7}[0-9A-Fa-f]{1,4}(?![\w:])")
VERSION = re.compile(
    r"(?:version|release|build|firmware|section|clause|v\.?)\s{0,2}$", re.IGNORECASE
)


def emails(text: str) -> Iterator[Hit]:
    """Yield e-mail addresses, also those written with 'at' and 'dot'."""
    patterns = [EMAIL] if "@" in text else []
    if "dot" in text or "at]" in text or "at)" in text:
        patterns.append(SPELLED_EMAIL)
    for pattern in patterns:
        for match in pattern.finditer(text):
            shown = f"{match['name'][0]}***@{match['host'][0]}***.{match['top']}"
            yield Hit(match.start(), match.end(), "e-mail address", shown)


def phones(text: str) -> Iterator[Hit]:
    """Yield phone numbers."""
    for match in PHONE.finditer(text):
        at = match.start()
        while (found := _first_phone(text, at, match.end())) is not None:
            start, end = found
            digits = re.sub(r"\D", "", text[start:end])
            yield Hit(start, end, "phone number", f"number ending {digits[-2:]}")
            at = end


def _first_phone(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the first and longest run of groups of digits that is a phone number."""
    groups = [match.span() for match in GROUPS.finditer(text, start, end)][:8]
    for first in range(len(groups)):
        for last in reversed(range(first, len(groups))):
            head = groups[first][0]
            while head > start and text[head - 1] in "(+":
                head -= 1
            tail = groups[last][1]
            is_all = (first, last) == (0, len(groups) - 1)
            if _is_phone(text, head, tail, is_all=is_all):
                return head, tail
    return None


def _is_phone(text: str, start: int, end: int, *, is_all: bool) -> bool:
    """Tell whether a part of a text is a phone number; `is_all`: no more digits beside it."""
    written = text[start:end]
    digits = re.sub(r"\D", "", written)
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3 or NO_PHONE.fullmatch(written):
        return False
    if PART.search(text, max(0, start - 2), start) or PART.match(text, end, end + 2):
        return False
    if written.startswith("+"):
        return _is_valid(written, (None,))
    named = nearest_before(text, start, PHONE_WORDS)
    if is_other_number(text, start, named):
        return False
    is_named = named >= 0 or bool(PHONE_WORDS.match(text, end + 1, end + AFTER))
    return (is_all and _is_written_so(written, digits)) or (
        is_named and (bool(LOCAL.fullmatch(written)) or _is_valid(written, REGIONS))
    )


def _is_written_so(written: str, digits: str) -> bool:
    """Tell a phone number by the way it is written, with no word beside it."""
    if digits.startswith("00"):
        return _is_valid("+" + digits[2:], (None,))
    if NORTH_AMERICAN.fullmatch(written):
        return _is_valid(written, NORTH_AMERICA)
    groups = GROUPS.findall(written)
    in_pairs = all(len(group) == 2 for group in groups)  # as in France; six pairs are a list
    is_grouped = len(groups) == PAIRS if in_pairs else len(groups) > 1
    return digits.startswith("0") and is_grouped and _is_valid(written, LED_BY_ZERO)


def _is_valid(written: str, regions: tuple[str | None, ...]) -> bool:
    """Tell whether the number is in the plan of one of the regions; None: it names its own."""
    import phonenumbers

    for region in regions:
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number) or _is_drama(number):
            return True
    return False


def _is_drama(number: object) -> bool:
    """Tell numbers that start with 07700 900: kept free for films, they stand in for real ones."""
    return (number.country_code, number.national_number // 1000) == (44, 7_700_900)  # type: ignore[attr-defined]


def ip_addresses(text: str) -> Iterator[Hit]:
    """Yield IP addresses of the public internet; private and local ones say nothing of anyone."""
    for pattern in (IP, IP6):
        for match in pattern.finditer(text):
            if VERSION.search(text, max(0, match.start() - 12), match.start()):
                continue
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if address.is_global and not _is_outline(match[0]):
                shown = f"{match[0][0]}***, an address of version {address.version}"
                yield Hit(match.start(), match.end(), "IP address", shown)


def _is_outline(written: str) -> bool:
    """Tell '2.1.3.4', the number of a paragraph, from an address."""
    return "." in written and all(int(part) < 32 for part in written.split("."))
