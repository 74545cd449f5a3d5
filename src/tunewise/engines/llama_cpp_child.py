"""llama.cpp's server (llama_cpp_server.py) as a child process: started, spoken of, ended.

Given a GGUF file, gives back the server's address. The child ends when its standard input does, so
that it never outlives this process. Knows nothing of what it is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO

from tunewise.errors import ModelError, one_line
from tunewise.workspace.cores import usable_cores

SERVER = "tunewise.engines.llama_cpp_server"
PATIENCE = 10  # seconds that the child has to end by itself


class LlamaCppChild:
    """A server that runs until it is closed, or forgotten.

    Args:
        file: the GGUF file.
        tokens: of a conversation at most.
        together: conversations at once.
        threads: that compute; None for all cores.
        mend: what to do about a file that it doesn't load.

    Attributes:
        address: URL of the server, without a slash at its end.

    Raises:
        ModelError: it doesn't load the file.
    """

    def __init__(
        self,
        file: Path,
        tokens: int,
        together: int = 1,
        *,
        threads: int | None = None,
        mend: str | None = None,
    ) -> None:
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        options = [tokens, threads or usable_cores(), together]
        child = subprocess.Popen(
            [sys.executable, "-m", SERVER, str(file), *map(str, options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, who finish what was begun
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.close = weakref.finalize(self, _end, child, self._log)
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            child.wait()
            why = self.last_words()
            self.close()
            raise ModelError(f"llama.cpp doesn't load the file ({why})", where=str(file), mend=mend)
        self.address = str(json.loads(line)["address"])

    def last_words(self) -> str:
        """Return what the server last complained of."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        telling = [line for line in lines if " E " in line or "error" in line.lower()]
        return one_line((telling or lines or ["it said nothing"])[0], 200)


def _end(child: subprocess.Popen[str], log: IO[str]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    log.close()
