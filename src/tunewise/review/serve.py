"""A sheet -> a page on this machine that shows its rows one by one and keeps each rating.

Only this machine can reach it, under an address with a secret in it; candidates' names are never
sent. Knows nothing of what ratings come to.
"""

from __future__ import annotations

import json
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from threading import Lock
from typing import Any

from tunewise.errors import BadInput
from tunewise.review.items import Sheet
from tunewise.review.ratings import add, given

MOST_BYTES = 10_000  # of a rating as it is sent
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self';"
    " connect-src 'self'; img-src data:"
)
FILES = {"": ("page.html", "text/html"), "page.js": ("page.js", "text/javascript")}


class ReviewServer(ThreadingHTTPServer):
    """Serves one reviewer's sheet.

    Args:
        sheet: what is to be rated.
        port: on this machine; 0 for any that is free.
    """

    daemon_threads = True

    def __init__(self, sheet: Sheet, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.sheet, self.secret, self.writing = sheet, secrets.token_urlsafe(16), Lock()

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"

    def told(self) -> dict[str, Any]:
        """Return the sheet as the page needs it, without any candidate's name."""
        done = given(self.sheet)
        return {
            "task": self.sheet.task,
            "instruction": self.sheet.instruction,
            "items": [
                {
                    "id": item.id,
                    "text": item.text,
                    "answers": list(item.answers.values()),
                    "rating": item.word(done[item.id].choice) if item.id in done else None,
                }
                for item in self.sheet.items
            ],
        }


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer

    def do_GET(self) -> None:
        place = self._place()
        if place == "sheet":
            body = json.dumps(self.server.told(), ensure_ascii=False).encode("utf-8", "replace")
            self._reply(200, "application/json", body)
        elif place in FILES:
            name, kind = FILES[place]
            self._reply(200, kind, resources.files(__package__).joinpath(name).read_bytes())
        else:
            self._reply(404, "text/plain", b"nothing here")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self._place() != "rating" or not length.isdigit() or int(length) > MOST_BYTES:
            self._reply(404, "text/plain", b"nothing here")
            return
        try:
            said = json.loads(self.rfile.read(int(length)))
            with self.server.writing:
                add(self.server.sheet, str(said["row"]), str(said["rating"]))
        except (ValueError, KeyError, TypeError) as error:
            why = str(error) if isinstance(error, BadInput) else "no rating"
            self._reply(400, "text/plain", why.encode())
            return
        self._reply(200, "application/json", b"{}")

    def _place(self) -> str | None:
        """Return what is asked for; None without the secret, or under another host's name."""
        host = self.headers.get("Host", "")
        if host.rpartition(":")[0] not in ("127.0.0.1", "localhost"):
            return None
        begin = f"/{self.server.secret}/"
        return self.path[len(begin) :] if self.path.startswith(begin) else None

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Say nothing: the terminal belongs to whoever started this."""
