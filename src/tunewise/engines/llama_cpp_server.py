"""llama.cpp's own server on one GGUF file, in a process of its own.

Given the file, the tokens of a conversation, threads, and how many conversations run at once (one
where that is left out).

Prints its address as a line and serves until standard input ends, so that it never outlives who
started it. A process of its own, because llama.cpp ends the process on a file that it can't bear.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Serve the file named on the command line until standard input ends."""
    import xllamacpp

    file, tokens, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    together = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.n_ctx = tokens * together
    params.n_parallel = together
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    print(json.dumps({"address": server.listening_address}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
