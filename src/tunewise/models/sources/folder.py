"""A model folder, or one GGUF file, that is on this machine already.

Safetensors are used where they lie; a GGUF is converted into the cache under its content's hash.
"""

from __future__ import annotations

from pathlib import Path

from tunewise.cache import cache_folder, filling
from tunewise.errors import FileMissing, ModelError
from tunewise.files import file_sha256, folder_written_whole
from tunewise.models.convert import convert_gguf
from tunewise.models.keep import kept, write_provenance
from tunewise.models.model_folder import TO_SAFETENSORS, checked_kind, folder_fingerprint
from tunewise.models.sources import Found
from tunewise.progress import Progress


def from_folder(path: Path, shown: str, progress: Progress, source: str | None = None) -> Found:
    """Return the model in a folder, or in a GGUF file.

    Args:
        path: the folder or file, absolute.
        shown: how to name it in an error and in a bar.
        progress: gets a bar while a GGUF is converted.
        source: what to record as its origin; left out: the path.

    Raises:
        FileMissing: there is nothing at `path`.
        ModelError: what is there can't be used, or not safely.
    """
    if not path.exists():
        raise FileMissing("there is no model folder here", where=shown)
    source = source or str(path)
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(
                "a model is a folder of safetensors or a GGUF file, and this is neither",
                where=shown,
                mend=TO_SAFETENSORS,
            )
        return _converted(path, source, progress)
    ggufs = sorted(path.glob("*.gguf"))
    if ggufs and not any(path.glob("*.safetensors")):
        if len(ggufs) > 1:
            names = ", ".join(file.name for file in ggufs[:5])
            raise ModelError(
                f"the folder holds {len(ggufs)} GGUF files ({names})",
                where=shown,
                mend="Name the one to use.",
            )
        return _converted(ggufs[0], source, progress)
    checked_kind(path, shown)
    return Found(path, source, None, folder_fingerprint(path))


def _converted(file: Path, source: str, progress: Progress) -> Found:
    sha256 = file_sha256(file)
    place = cache_folder() / "models" / f"gguf-{sha256[:24]}"
    ready = kept(place)
    if ready:
        return ready
    with filling(place, progress):
        ready = kept(place, progress)
        if ready:
            return ready
        with folder_written_whole(place) as folder:
            convert_gguf(file, folder, file.name, progress)
            write_provenance(folder, source, None, {file.name: sha256})
    done = kept(place)
    assert done is not None
    return done
