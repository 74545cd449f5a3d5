"""A server that answers as the Hugging Face Hub does for one data set, by its published API.

It knows what a data set is (`/api/datasets/…`), lists its files (`/tree/…`) and gives their bytes
(`/datasets/…/resolve/…`), and writes down every path that it was asked for.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "a1" * 20


@dataclass
class Hub:
    """A data set, and what was asked of it.

    Attributes:
        files: path to bytes.
        card: what its card's YAML says.
        revisions: names beside 'main' and the commit.
        asked: paths, in order.
    """

    repo: str
    files: dict[str, bytes]
    card: dict[str, object] = field(default_factory=dict)
    commit: str = COMMIT
    revisions: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def given(self) -> set[str]:
        """Return the files whose bytes were asked for."""
        return {
            path.split("/resolve/")[1].split("/", 1)[1]
            for path in self.asked
            if "GET" in path and "/resolve/" in path
        }


def answer(hub: Hub, path: str) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers for a path."""
    api = f"/api/datasets/{hub.repo}"
    known = {"main", hub.commit, *hub.revisions}
    if path == api or (
        path.startswith(f"{api}/revision/") and unquote(path[len(api) + 10 :]) in known
    ):
        siblings = [{"rfilename": name, "size": len(data)} for name, data in hub.files.items()]
        tags = [f"license:{hub.card['license']}"] if "license" in hub.card else []
        info = {"id": hub.repo, "sha": hub.commit, "siblings": siblings, "tags": tags}
        return 200, json.dumps(info | {"cardData": hub.card}).encode(), {}
    if path.startswith(f"{api}/revision/"):
        return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}
    if path.startswith(f"{api}/tree/"):
        tree = [
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for name, data in hub.files.items()
        ]
        return 200, json.dumps(tree).encode(), {}
    start = f"/datasets/{hub.repo}/resolve/{hub.commit}/"
    if path.startswith(start) and (name := unquote(path[len(start) :])) in hub.files:
        data = hub.files[name]
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": hub.commit}
        return 200, data, headers
    return 404, b"{}", {"X-Error-Code": "RepoNotFound"}


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Answer for the length of a block; `hub.url` says where."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self, *, with_body: bool) -> None:
            path = urlsplit(self.path).path
            hub.asked.append(f"{self.command} {path}")
            status, body, headers = answer(hub, path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def do_GET(self) -> None:
            self.reply(with_body=True)

        def do_HEAD(self) -> None:
            self.reply(with_body=False)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
