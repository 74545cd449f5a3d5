"""A small Hub on loopback that takes uploads as the published HTTP API has it.

POST /api/repos/create                      makes a repository
GET  /api/models/OWNER/NAME                 says whether it is private
POST /api/validate-yaml                     looks at a model card
POST /api/models/OWNER/NAME/preupload/main  says how each file is to come: in the commit itself
POST /api/models/OWNER/NAME/commit/main     the files, in base64
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Taken:
    """What was asked and sent.

    Attributes:
        created: what each repository was created with.
        files: path to bytes.
        tokens: that requests bore.
        private: what the Hub says of the repository.
    """

    def __init__(self, *, private: bool) -> None:
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.tokens: set[str | None] = set()
        self.private = private
        self.url = ""


@contextmanager
def taking(*, private: bool = True) -> Iterator[Taken]:
    """Take uploads for the length of a block."""
    taken = Taken(private=private)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path.startswith("/api/models/"):
                about = {"id": "team/letters", "private": taken.private, "sha": COMMIT}
                self._say(about | {"siblings": [], "tags": []})
            else:
                self._say({"error": "not here"}, 404)

        def do_POST(self) -> None:
            taken.tokens.add(self.headers.get("Authorization"))
            body = self._body()
            if self.path == "/api/repos/create":
                taken.created.append(json.loads(body))
                self._say({"url": f"{taken.url}/team/letters", "name": "team/letters"})
            elif self.path == "/api/validate-yaml":
                self._say({"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                asked = json.loads(body)["files"]
                how = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
                self._say({"files": [{"path": file["path"]} | how for file in asked]})
            elif "/commit/" in self.path:
                for line in body.splitlines():
                    entry = json.loads(line)
                    if entry["key"] == "file":
                        value = entry["value"]
                        taken.files[value["path"]] = base64.b64decode(value["content"])
                page = f"{taken.url}/team/letters/commit/{COMMIT}"
                self._say({"commitUrl": page, "commitOid": COMMIT, "success": True})
            else:
                self._say({"error": "not here"}, 404)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _say(self, value: object, code: int = 200) -> None:
            said = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
