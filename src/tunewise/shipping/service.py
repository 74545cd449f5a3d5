"""A container file, a systemd unit and the lock of what is installed, to run `tunewise serve`.

Given a run folder, writes RUN/shipped/service. Nothing of a model is copied: the files stand in the
run folder that they serve. Knows nothing of the server beyond its command line.
"""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib import resources
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import jinja2
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tunewise.cache import cache_folder
from tunewise.candidates.finished import chosen
from tunewise.files import folder_written_whole
from tunewise.workspace.folder import held, opened

EXTRAS = ("serve", "onnx", "gguf")  # of tunewise, where they are installed


def write_service(run: Path, candidate: str | None = None) -> Path:
    """Write the files that run a server of a run's winner, and return their folder.

    Args:
        run: the run folder.
        candidate: that is served; left out, the verdict's winner.

    Raises:
        RunFolderError: no winner, no such candidate, or files that changed since the run.
    """
    files = opened(run)
    found = chosen(files, candidate)
    slug = re.sub(r"[^a-z0-9]+", "-", found.task.task.lower()).strip("-") or "tunewise"
    unit = f"tunewise-{slug}.service"
    words = {
        "task": found.task.task,
        "image": f"tunewise-{slug}",
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "named": f", {found.name!r}" if candidate else "",
        "flags": f', "--candidate", "{found.name}"' if candidate else "",
        "options": f" --candidate {shlex.quote(found.name)}" if candidate else "",
        "unit": unit,
        "program": _escaped(shutil.which("tunewise") or f"{sys.prefix}/bin/tunewise"),
        "run": _escaped(str(files.path.absolute())),
        "user": getpass.getuser(),
        "cache": _escaped(str(cache_folder())),
    }
    with held(files.path), folder_written_whole(files.path / "shipped" / "service") as folder:
        (folder / "Containerfile").write_text(_rendered("Containerfile.jinja", words), "utf-8")
        (folder / unit).write_text(_rendered("tunewise.service.jinja", words), "utf-8")
        lock = "".join(f"{name}=={number}\n" for name, number in sorted(installed()))
        (folder / "requirements.lock").write_text(lock, "utf-8")
    return files.path / "shipped" / "service"


def installed() -> Iterator[tuple[str, str]]:
    """Give tunewise and each package that it needs here, with the versions that are installed.

    A build for one kind of machine ('2.13.0+cpu') is named by its public version, which an index
    has.
    """
    waiting: list[tuple[str, tuple[str, ...]]] = [("tunewise", EXTRAS)]
    seen = set[tuple[str, str]]()
    given = set[str]()
    while waiting:
        name, extras = waiting.pop()
        try:
            number = version(name)
        except PackageNotFoundError:
            continue  # of an extra that isn't installed
        if name not in given:
            given.add(name)
            yield name, number.partition("+")[0]
        for line in requires(name) or ():
            needed = Requirement(line)
            wanted = any(_applies(needed, extra) for extra in ("", *extras))
            for extra in ("", *sorted(needed.extras)) if wanted else ():
                key = (canonicalize_name(needed.name), extra)
                if key not in seen:
                    seen.add(key)
                    waiting.append((key[0], (extra,) if extra else ()))


def _applies(needed: Requirement, extra: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": extra})


def _rendered(name: str, words: dict[str, str]) -> str:
    text = resources.files("tunewise.shipping").joinpath("templates", name).read_text("utf-8")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - not a page
    )
    return environment.from_string(text).render(words)


def _escaped(path: str) -> str:
    """Return a path as a systemd unit takes it: quoted if it has spaces, percent signs doubled."""
    doubled = path.replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')
    return f'"{doubled}"' if re.search(r"\s", doubled) else doubled
