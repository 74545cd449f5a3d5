"""Model folders of the cache: what was written into one, and whether it is still so.

tunewise.json in such a folder says where it came from and what each file's hash is. Knows
nothing of how the files were fetched or made.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path

from tunewise.files import read_record, value_sha256, write_json
from tunewise.models.model_folder import PROVENANCE, Provenance, same_bytes, seen_files
from tunewise.models.sources import Found
from tunewise.progress import Progress

CONVERSION = 1  # rises when a conversion would give other weights or another tokenizer
WRITERS = ("tunewise", "transformers", "tokenizers", "safetensors", "gguf", "torch")


def write_provenance(
    folder: Path, source: str, licence: str | None, origin: dict[str, str]
) -> None:
    """Write tunewise.json into a folder whose other files are all there.

    The fingerprint covers what was fetched and the version of the conversion, so it is the same
    on every machine, whichever version of transformers wrote the files.
    """
    fingerprint = value_sha256({"origin": origin, "conversion": CONVERSION})
    versions = {name: metadata.version(name) for name in WRITERS}
    files = seen_files(folder, {})
    about = Provenance(source, licence, origin, files, versions, fingerprint)
    write_json(folder / PROVENANCE, about)


def kept(place: Path, progress: Progress | None = None) -> Found | None:
    """Return the folder that the cache has at `place`; None when there is none, or not as written.

    A file whose size or time changed is hashed again. Given a progress, a changed one is told of;
    the caller then makes the folder anew.
    """
    if not (place / PROVENANCE).exists():
        return None
    about = read_record(place / PROVENANCE, Provenance)
    files = seen_files(place, about.files)
    if not same_bytes(files, about.files):
        if progress:
            progress.warn(f"{place} was changed from outside; making it anew")
        return None
    if files != about.files:  # the same bytes with other times: copied or restored
        write_json(place / PROVENANCE, replace(about, files=files))
    return Found(place, about.source, about.licence, about.fingerprint)
