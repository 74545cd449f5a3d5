"""Personal data that nobody has, and decoys that look like it: what personal_data.py plants.

Each function draws a sentence with '@@' in it and the value that stands there, written in one of
the ways in which people write it. Knows nothing of how it is looked for.
"""

from __future__ import annotations

import importlib
import random
import string
from collections.abc import Callable

import phonenumbers
from phonenumbers import PhoneNumberFormat

DECOY = "decoy"
Draw = Callable[[random.Random], tuple[str, str]]  # -> a sentence with '@@', and what stands there


def digits(rng: random.Random, count: int) -> str:
    """Return random digits."""
    return "".join(rng.choice(string.digits) for _ in range(count))


def letters(
    rng: random.Random, count: int, among: str = string.ascii_letters + string.digits
) -> str:
    """Return random characters, one digit and one letter of each case among them where allowed."""
    made = [rng.choice(among) for _ in range(count)]
    for at, must in zip(rng.sample(range(count), 3), ("7", "q", "K"), strict=True):
        made[at] = must if must in among else made[at]
    return "".join(made)


def email(rng: random.Random) -> tuple[str, str]:
    """Draw an e-mail address."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    name = rng.choice([f"{first}.{last}", f"{first[0]}{last}{digits(rng, 2)}", f"{first}_{last}"])
    if rng.random() < 0.2:
        name = f"{first}+{rng.choice(['shop', 'bank', 'news'])}"
    host = rng.choice(["gmail.com", "yahoo.co.uk", "web.de", "mail.example.org", "my-firm.io"])
    case = rng.choice([str.lower, str.lower, str.upper, str.title])
    return rng.choice(
        ["My e-mail is @@.", "Write to @@, please.", "(@@)", "Contact: <@@>", "it is @@", "@@"]
    ), case(f"{name}@{host}")


def phone(rng: random.Random) -> tuple[str, str]:
    """Draw a phone number of one of many countries, in one of the ways it is written there."""
    region = rng.choice(
        ["US", "US", "US", "GB", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "PL", "AU"]
    )
    wanted = rng.choice(
        [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
    )
    example = phonenumbers.example_number_for_type(region, wanted)
    assert example is not None
    digits_of = phonenumbers.national_significant_number(example)
    while True:
        number = phonenumbers.parse(digits_of[:-5] + digits(rng, 5), region)
        if phonenumbers.is_valid_number(number):
            break
    how = rng.choice(
        [PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL] + [PhoneNumberFormat.NATIONAL] * 2
    )
    written = phonenumbers.format_number(number, how)
    if how == PhoneNumberFormat.NATIONAL and rng.random() < 0.4:
        written = written.replace("(", "").replace(")", "").replace(" ", rng.choice(["-", "", "."]))
    sentence = rng.choice(
        [
            "Call me at @@.",
            "My phone number is @@",
            "Tel: @@.",
            "You can reach me on @@ after six.",
            "my mobile @@ please",
            "Text @@ when it's there.",
            "Phone @@ or write.",
        ]
    )
    return sentence, written


def card(rng: random.Random) -> tuple[str, str]:
    """Draw a payment card number of one of six schemes."""
    head, length = rng.choice(
        [
            ("4", 16),
            ("4", 16),
            ("5" + rng.choice("12345"), 16),
            ("2221", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("3528", 16),
            ("36", 14),
        ]
    )
    body = head + digits(rng, length - len(head) - 1)
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in body[::-1][::2])
    number = body + str(-(doubled + sum(int(d) for d in body[::-1][1::2])) % 10)
    joint = rng.choice(["", " ", " ", "-"])
    cut = [4, 8, 12] if length == 16 else [4, 10]
    parts = [number[a:b] for a, b in zip([0, *cut], [*cut, length], strict=True)]
    return rng.choice(
        [
            "My card number is @@.",
            "I paid with @@ yesterday.",
            "card @@ exp 09/27",
            "@@ was declined",
            "It says @@, is that right?",
        ]
    ), joint.join(parts)


def iban(rng: random.Random) -> tuple[str, str]:
    """Draw an IBAN."""
    country, shape = rng.choice(
        [
            ("DE", "n18"),
            ("GB", "a4n14"),
            ("FR", "n23"),
            ("NL", "a4n10"),
            ("ES", "n20"),
            ("IT", "a1n22"),
            ("PL", "n24"),
            ("CH", "n17"),
            ("AT", "n16"),
            ("BE", "n12"),
            ("IE", "a4n14"),
            ("PT", "n21"),
        ]
    )
    bban, at = "", 0
    while at < len(shape):
        end = at + 1
        while end < len(shape) and shape[end].isdigit():
            end += 1
        size = int(shape[at + 1 : end])
        bban += (
            digits(rng, size)
            if shape[at] == "n"
            else "".join(rng.choices(string.ascii_uppercase, k=size))
        )
        at = end
    check = 98 - int("".join(str(int(c, 36)) for c in f"{bban}{country}00")) % 97
    number = f"{country}{check:02}{bban}"
    style = rng.random()
    if style < 0.5:
        number = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    elif style < 0.6:
        number = number.lower()
    return rng.choice(
        ["My IBAN is @@.", "Please send it to @@ as usual.", "account @@", "@@ belongs to me"]
    ), number


def identity(rng: random.Random) -> tuple[str, str]:
    """Draw a national identity number that python-stdnum holds valid, named as people name it."""
    module, make, sentences = rng.choice(IDENTITIES)
    check = importlib.import_module(f"stdnum.{module}").is_valid if module else lambda _: True
    while True:
        value = make(rng)
        if check(value):
            return rng.choice(sentences), value


def born(rng: random.Random) -> tuple[str, str, str]:
    """Return year, month and day of birth in two digits each."""
    return f"{rng.randint(40, 99)}", f"{rng.randint(1, 12):02}", f"{rng.randint(1, 28):02}"


def ssn(rng: random.Random) -> str:
    """Return a US social security number, with dashes or without."""
    joint = rng.choice(["-", "-", ""])
    return joint.join(
        [f"{rng.randint(1, 665):03}", f"{rng.randint(1, 99):02}", f"{rng.randint(1, 9999):04}"]
    )


def dated(order: str, tail: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    """Return what draws a number that begins with a date of birth in an order such as 'ymd'."""

    def make(rng: random.Random) -> str:
        parts = dict(zip("ymd", born(rng), strict=True))
        return "".join(parts.get(c, c) for c in order) + tail(rng)

    return make


def plain(count: int) -> Callable[[random.Random], str]:
    """Return what draws that many digits."""
    return lambda rng: digits(rng, count)


IDENTITIES: list[tuple[str, Callable[[random.Random], str], list[str]]] = [
    ("us.ssn", ssn, ["My SSN is @@.", "social security number: @@"]),
    ("gb.nhs", plain(10), ["My NHS number is @@.", "NHS no. @@"]),
    (
        "",
        lambda r: f"A{r.choice('BCEH')}{digits(r, 6)}{r.choice('ABCD')}",
        ["My national insurance number is @@.", "NINO @@"],
    ),
    ("de.idnr", plain(11), ["Meine Steuer-ID lautet @@.", "IdNr. @@"]),
    (
        "fr.nir",
        lambda r: (
            f"{r.choice('12')}{r.randint(40, 99)}{r.randint(1, 12):02}{r.randint(1, 95):02}"
            f"{digits(r, 3)}{digits(r, 3)}{digits(r, 2)}"
        ),
        ["Mon numéro de sécurité sociale: @@", "It is @@."],
    ),
    (
        "es.dni",
        lambda r: digits(r, 8) + r.choice("TRWAGMYFPDXBNJZSQVHLCKE"),
        ["Mi DNI es @@.", "I am @@"],
    ),
    (
        "es.nie",
        lambda r: r.choice("XYZ") + digits(r, 7) + r.choice("TRWAGMYFPDXBNJZSQVHLCKE"),
        ["NIE @@"],
    ),
    ("nl.bsn", plain(9), ["Mijn BSN is @@.", "burgerservicenummer @@"]),
    (
        "be.nn",
        dated("y.m.d-", lambda r: f"{digits(r, 3)}.{digits(r, 2)}"),
        ["Registre national: @@", "@@"],
    ),
    ("pl.pesel", dated("ymd", plain(5)), ["PESEL: @@", "Mój PESEL to @@."]),
    ("se.personnummer", dated("ymd-", plain(4)), ["Mitt personnummer är @@.", "@@"]),
    (
        "fi.hetu",
        dated("dmy-", lambda r: digits(r, 3) + r.choice("0123456789ABCDEFHJKLMNPRSTUVWXY")),
        ["Henkilötunnus @@", "@@"],
    ),
    (
        "it.codicefiscale",
        lambda r: (
            "".join(r.choices("BCDFGLMNPRST", k=6)) + f"{r.randint(40, 99)}"
            f"{r.choice('ABCDEHLMPRST')}{r.randint(1, 28):02}{r.choice('ABCDEFGHILM')}"
            f"{digits(r, 3)}{r.choice(string.ascii_uppercase)}"
        ),
        ["Il mio codice fiscale è @@.", "@@"],
    ),
    (
        "br.cpf",
        lambda r: f"{digits(r, 3)}.{digits(r, 3)}.{digits(r, 3)}-{digits(r, 2)}",
        ["Meu CPF: @@", "@@"],
    ),
    (
        "ca.sin",
        lambda r: f"{digits(r, 3)} {digits(r, 3)} {digits(r, 3)}",
        ["My SIN is @@.", "social insurance @@"],
    ),
    (
        "in_.aadhaar",
        lambda r: f"{digits(r, 4)} {digits(r, 4)} {digits(r, 4)}",
        ["My Aadhaar is @@."],
    ),
    ("kr.rrn", dated("ymd-", lambda r: r.choice("12") + digits(r, 6)), ["@@"]),
]


def secret(rng: random.Random) -> tuple[str, str]:
    """Draw a key, token or password."""
    hexes, base = string.digits + "abcdef", string.ascii_letters + string.digits
    upper = string.ascii_uppercase + "234567"
    made: list[tuple[str, str]] = [
        ("aws_access_key_id = @@", "AKIA" + "".join(rng.choices(upper, k=16))),
        ("aws_secret_access_key=@@", letters(rng, 40, base + "/+")),
        ("my token @@ stopped working", "ghp_" + letters(rng, 36)),
        ("use @@ for now", "github_pat_" + letters(rng, 22) + "_" + letters(rng, 59)),
        ("bot @@", f"xoxb-{digits(rng, 12)}-{digits(rng, 12)}-{letters(rng, 24)}"),
        ("The key is @@.", "sk_live_" + letters(rng, 24)),
        ("OPENAI_API_KEY=@@", "sk-proj-" + letters(rng, 48)),
        ("It said @@ is invalid", "sk-" + letters(rng, 48)),
        ("key: @@", "sk-ant-api03-" + letters(rng, 80, base + "-_")),
        ("HF token @@", "hf_" + letters(rng, 34)),
        ("maps key @@", "AIza" + letters(rng, 35, base + "-_")),
        ("glpat in use: @@", "glpat-" + letters(rng, 20)),
        (
            "cookie @@",
            f"eyJ{letters(rng, 30)}.eyJ{letters(rng, 80)}.{letters(rng, 43, base + '-_')}",
        ),
        ("Authorization: Bearer @@", letters(rng, 40, hexes)),
        (
            "@@",
            f"-----BEGIN RSA PRIVATE KEY-----\n{letters(rng, 300)}\n-----END RSA PRIVATE KEY-----",
        ),
        ("password: @@", letters(rng, rng.randint(8, 14))),
        ("My password is @@.", rng.choice(FIRST).title() + digits(rng, 4) + rng.choice("!#$")),
        ('"pwd": "@@"', rng.choice(FIRST) + "!" + digits(rng, 2)),
        ("api_key = '@@'", letters(rng, 32, hexes)),
        ("client_secret=@@", letters(rng, 32)),
        ("connect to @@ first", f"postgres://app:{letters(rng, 12)}@db.internal"),
        ("my pin is @@", digits(rng, 4)),
    ]
    return rng.choice(made)


def ip(rng: random.Random) -> tuple[str, str]:
    """Draw a public IP address."""
    address = (
        f"{rng.randint(60, 99)}.{rng.randint(33, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"
    )
    if rng.random() < 0.2:
        address = "2a02:" + ":".join(f"{rng.randint(16, 65535):x}" for _ in range(7))
    return rng.choice(["My IP is @@.", "logged in from @@", "@@ was blocked"]), address


def decoy(rng: random.Random) -> tuple[str, str]:
    """Draw something that looks like personal data and is none."""
    day = f"{rng.randint(1, 28):02}"
    month, year = f"{rng.randint(1, 12):02}", f"{rng.randint(1990, 2026)}"
    made: list[tuple[str, str]] = [
        (
            "I paid @@ for it.",
            f"${rng.randint(1, 99)},{digits(rng, 3)},{digits(rng, 3)}.{digits(rng, 2)}",
        ),
        ("It cost @@ in all", f"{rng.randint(1, 999)} {digits(rng, 3)} {digits(rng, 3)} EUR"),
        ("It was on @@.", f"{year}-{month}-{day} {rng.randint(0, 23):02}:{rng.randint(0, 59):02}"),
        ("Since @@ nothing came.", f"{day}/{month}/{year}"),
        ("between @@ it rained", f"{day}.{month}.{year} - {day}.{month}.{year}"),
        ("My order number is @@.", digits(rng, rng.randint(8, 16))),
        ("Order @@ is late", f"{digits(rng, 3)}-{digits(rng, 7)}-{digits(rng, 7)}"),
        ("invoice no. @@", digits(rng, 10)),
        ("tracking number @@", rng.choice(["1Z999AA1", "JD01", "RR"]) + digits(rng, 10)),
        ("ticket #@@", digits(rng, 7)),
        (
            "version @@ crashed",
            f"{rng.randint(1, 20)}.{rng.randint(0, 30)}.{digits(rng, 1)}.{digits(rng, 2)}",
        ),
        (
            "see section @@ of it",
            f"{rng.randint(1, 20)}.{rng.randint(1, 30)}.{rng.randint(1, 9)}.{rng.randint(1, 9)}",
        ),
        ("commit @@", "".join(rng.choices(string.digits + "abcdef", k=40))),
        (
            "id @@",
            "-".join("".join(rng.choices(string.digits + "abcdef", k=k)) for k in (8, 4, 4, 4, 12)),
        ),
        ("ISBN @@", f"978-{digits(rng, 1)}-{digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 1)}"),
        ("The model is @@", rng.choice("ABCX") + digits(rng, 4) + "-" + digits(rng, 3)),
        ("BP @@ mg", f"{rng.randint(100, 180)}/{rng.randint(60, 99)}, {digits(rng, 3)}"),
        ("values @@ so far", " ".join(digits(rng, 2) for _ in range(6))),
        ("the years @@ were good", f"{year} {rng.randint(1990, 2026)} {rng.randint(1990, 2026)}"),
        ("@@", "I forgot my password, is there a way to reset it?"),
        ("@@", "The phone number is wrong and my card is lost."),
        ("@@", "My pin is blocked and the key is not working."),
        ("ping me @@ later", "@" + rng.choice(FIRST) + digits(rng, 2)),
        ("local @@", f"192.168.{rng.randint(0, 255)}.{rng.randint(1, 254)}"),
        ("at @@ precisely", f"{rng.uniform(-90, 90):.6f}, {rng.uniform(-180, 180):.6f}"),
        ("population @@", f"{rng.randint(1, 9)},{digits(rng, 3)},{digits(rng, 3)}"),
        ("barcode EAN @@", "40" + digits(rng, 11)),
        ("part @@", f"{digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 4)}"),
        ("item code @@", digits(rng, 8) + rng.choice("ABCDEFGH")),
        ("file @@ is big", f"IMG_{year}{month}{day}_{digits(rng, 6)}.jpg"),
        ("epoch @@ ms", "17" + digits(rng, 11)),
    ]
    return rng.choice(made)


FIRST = ["anna", "john", "maria", "peter", "li", "fatima", "olu", "sofia", "james", "priya", "ivan"]
LAST = ["smith", "garcia", "mueller", "rossi", "kowalski", "okafor", "tanaka", "singh", "dubois"]
DRAWS: dict[str, list[Draw]] = {
    "e-mail address": [email],
    "phone number": [phone],
    "payment card": [card],
    "bank account": [iban],
    "identity number": [identity],
    "secret": [secret],
    "IP address": [ip],
    DECOY: [decoy],
}
