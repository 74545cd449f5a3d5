"""Text files before any parsing: there, readable, UTF-8, without NUL; else one clear error.

Given a path, raises what is wrong with its bytes, with the line, the byte and, for another
encoding, its name. Knows nothing of the format inside.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tunewise.errors import DataError, FileMissing, did_you_mean

CHUNK = 1 << 20  # bytes checked at a time
SAMPLE = 1 << 16  # bytes of lines beyond ASCII from which an encoding is guessed
MOST_CHARACTERS = 1_000_000  # of one cell; a longer one is a fault of the file, not a text

# Guesses are made among these only, the earlier winning a tie: with few bytes rare ones win by
# accident.
ENCODINGS = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r"),
    *("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "mac_roman"),
]
BOMS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the system's refusals under this block into errors that name the file and the mend."""
    try:
        yield
    except FileNotFoundError as error:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = did_you_mean(path.name, beside)
        raise FileMissing(
            "the file isn't there",
            where=str(path),
            mend=near if near.startswith("Did you mean") else "Check the path and its spelling.",
        ) from error
    except IsADirectoryError as error:
        raise DataError(
            "this is a folder, not a file of rows",
            where=str(path),
            mend="Name one file in it.",
        ) from error
    except OSError as error:
        raise DataError(
            f"the file can't be read ({error.strerror or error})",
            where=str(path),
            mend="Check the path, and that you may read the file.",
        ) from error


def check_text(path: Path) -> None:
    """Pass over a file that is UTF-8 text with something in it.

    Raises:
        FileMissing: there is no such file.
        DataError: it can't be read, is empty, isn't UTF-8 or holds NUL bytes.
    """
    with reading(path), path.open("rb") as file:
        blank = True
        offset = 0
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        while True:
            chunk = file.read(CHUNK)
            waiting = len(decoder.getstate()[0])
            zero = chunk.find(b"\0")
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                raise _not_utf8(path, offset - waiting + error.start) from error
            if zero >= 0:
                raise _nul(path, offset + zero)
            if not chunk:
                break
            blank = blank and not chunk.removeprefix(codecs.BOM_UTF8).strip()
            offset += len(chunk)
    if blank:
        raise DataError("the file is empty", where=str(path), mend="Name a file that has rows.")


def line_at(path: Path, offset: int) -> int:
    """Return the number of the line that holds the byte at `offset`."""
    with path.open("rb") as file:
        before = file.read(offset)
    return before.count(b"\n") + 1


def _nul(path: Path, offset: int) -> DataError:
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    wide = head.count(b"\0") > len(head) / 4  # ASCII text in UTF-16 without a mark at its start
    return DataError(
        f"the file holds a NUL byte (byte {offset + 1:,})" + wide * "; it looks like UTF-16",
        where=f"{path}:{line_at(path, offset)}",
        mend="Save it as UTF-8." if wide else "Delete it, or save the file anew as UTF-8 text.",
    )


def _not_utf8(path: Path, offset: int) -> DataError:
    name = guessed_encoding(path)
    looks = f"; it looks like {name}" if name else ""
    convert = f", or: iconv -f {name} -t UTF-8 {path.name} > new-{path.name}" if name else ""
    return DataError(
        f"the file isn't UTF-8 (byte {offset + 1:,}){looks}",
        where=f"{path}:{line_at(path, offset)}",
        mend=f"Save it as UTF-8{convert}",
    )


def guessed_encoding(path: Path) -> str | None:
    """Return the name of the encoding that a file seems to have, None when nothing fits."""
    with path.open("rb") as file:
        head = file.read(4)
        for mark, name in BOMS.items():
            if head.startswith(mark):
                return name
        file.seek(0)
        sample = bytearray()
        for line in file:
            if not line.isascii():
                sample += line
            if len(sample) > SAMPLE:
                break
    return guessed(bytes(sample[:SAMPLE]))


def guessed(sample: bytes) -> str | None:
    """Return the name of the encoding that bytes seem to have, None when nothing fits."""
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=ENCODINGS)
    best = matches.best()
    if best is None:
        return None
    equal = {
        name
        for match in matches
        if (match.chaos, match.coherence) == (best.chaos, best.coherence)
        for name in match.could_be_from_charset
    }
    return _spelled(next((name for name in ENCODINGS if name in equal), best.encoding))


def _spelled(codec: str) -> str:
    """Return a codec's name as iconv and editors spell it."""
    if codec.startswith("cp125"):
        return f"windows-{codec[2:]}"
    return {"koi8_r": "KOI8-R", "mac_roman": "MACINTOSH"}.get(
        codec, codec.replace("_", "-").upper()
    )
