"""A small Hub on loopback that follows the published HTTP API, for one made-up model.

    GET  /api/models/OWNER/NAME[/revision/REV]   what there is, with sizes
    GET  /api/models/OWNER/NAME/tree/COMMIT       its files
    HEAD /OWNER/NAME/resolve/COMMIT/FILE          commit, ETag, length
    GET  /OWNER/NAME/resolve/COMMIT/FILE          bytes

Models whose name begins with 'gated' or 'private' are refused as the Hub refuses them.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILE = re.compile(r"/(?P<repo>[\w.-]+/[\w.-]+)/resolve/(?P<commit>\w+)/(?P<file>.+)")
TREE = re.compile(r"/api/models/(?P<repo>[\w.-]+/[\w.-]+)/tree/(?P<revision>[^?]+)")
INFO = re.compile(r"/api/models/(?P<repo>[\w.-]+/[\w.-]+)(/revision/(?P<revision>[^?]+))?")


class Hub:
    """What is served, and what was asked for.

    Attributes:
        folders: model id -> folder with its files.
        asked: method and path of every request.
        config: what the Hub says of a model's config.
    """

    def __init__(self, folders: dict[str, Path]) -> None:
        self.folders = folders
        self.asked: list[str] = []
        self.url = ""


@contextmanager
def serving(folders: dict[str, Path]) -> Iterator[Hub]:
    """Serve folders as models for the length of a block."""
    hub = Hub(folders)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(send=False)

        def do_GET(self) -> None:
            self._answer(send=True)

        def _answer(self, *, send: bool) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(f"{self.command} {path}")
            if info := INFO.fullmatch(path):
                self._info(info["repo"], info["revision"])
            elif tree := TREE.fullmatch(path):
                self._tree(hub.folders[tree["repo"]])
            elif file := FILE.fullmatch(path):
                self._file(file["repo"], file["file"], send=send)
            else:
                self._refuse(404, "EntryNotFound")

        def _info(self, repo: str, revision: str | None) -> None:
            name = repo.partition("/")[2]
            if name.startswith("gated"):
                self._refuse(403, "GatedRepo")
            elif repo not in hub.folders:
                self._refuse(401, "RepoNotFound")
            elif revision not in (None, "main", COMMIT):
                self._refuse(404, "RevisionNotFound")
            else:
                folder = hub.folders[repo]
                config = json.loads((folder / "config.json").read_text())
                files = [{"rfilename": p.name, "size": p.stat().st_size} for p in folder.iterdir()]
                about = {"_id": "1", "id": repo, "modelId": repo, "sha": COMMIT, "private": False}
                about |= {"tags": ["license:apache-2.0"], "siblings": files, "config": config}
                self._send(200, json.dumps(about).encode(), {"Content-Type": "application/json"})

        def _tree(self, folder: Path) -> None:
            files = [
                {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": "0" * 40}
                for p in folder.iterdir()
            ]
            self._send(200, json.dumps(files).encode(), {"Content-Type": "application/json"})

        def _file(self, repo: str, name: str, *, send: bool) -> None:
            path = hub.folders[repo] / name
            if not path.is_file():
                self._refuse(404, "EntryNotFound")
                return
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            self._send(200, content, {"ETag": etag, "X-Repo-Commit": COMMIT}, send=send)

        def _refuse(self, status: int, code: str) -> None:
            self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

        def _send(
            self, status: int, content: bytes, headers: dict[str, str], *, send: bool = True
        ) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if send and self.command != "HEAD":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
