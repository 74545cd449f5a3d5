"""A server that answers as the OpenAI API publishes it, with faults to order, and keeps its books.

It answers `POST /v1/chat/completions` and `GET /v1/models`, and takes files and fine-tuning jobs.
It charges for every answer that it makes (whether or not the answer arrives), and makes one answer
for one Idempotency-Key if it is told to know them. Run by itself it prints its address; then
`GET /books` tells what it has charged.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STATES = ("validating_files", "queued", "running")  # of a job, before it ends
FAULTS = ("429", "500", "timeout", "truncated", "malformed")


def label_said(messages: list[dict[str, str]]) -> str:
    """Return one of the labels that the system message lists, by the question's hash."""
    labels = [line for line in messages[0]["content"].splitlines()[2:] if line.strip()]
    lot = hashlib.sha256(messages[-1]["content"].encode()).digest()
    return labels[lot[0] % len(labels)]


@dataclass
class ChatServer:
    """What the server does, and what it has done.

    Attributes:
        says: the answer to messages.
        models: names of the models it has.
        key: that it wants; None for any.
        fault: what goes wrong with an attempt at a request: one of FAULTS, or None. It is given
            the request's name and the number of the attempt, the first being 0.
        idempotent: whether it knows Idempotency-Key.
        refuses: parameters that it refuses, with what it says.
        ignores: parameters that it doesn't look at.
        window: tokens (words) that it reads at most.
        retry_after: what it asks for with a 429.
        likely: share of probability that an answer's first token has.
        files, jobs: that it was given; each look at a job brings it one state further.
        calls: to that part of the API, in order.
        job_fails: error with which jobs end; None where they succeed.
        refuses_job: why no job is made.
        tuned_says: the answer of tuned models; left out, as all others.
        hold: seconds for which a time-out holds the line.
        asked: bodies of all requests, in order.
        headers: of all requests.
        charged: answers made, by name.
        tokens: read and written in all of them, [2].
        running, most: requests that are under way, and at once at most.
    """

    says: Callable[[list[dict[str, str]]], str] = label_said
    models: tuple[str, ...] = ("big-model",)
    key: str | None = None
    fault: Callable[[str, int], str | None] = lambda _name, _attempt: None
    idempotent: bool = False
    refuses: dict[str, str] = field(default_factory=dict)
    ignores: tuple[str, ...] = ()
    window: int = 10**9
    retry_after: str | None = None
    likely: float = 0.9
    hold: float = 5.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    charged: Counter[str] = field(default_factory=Counter)
    tokens: list[int] = field(default_factory=lambda: [0, 0])
    running: int = 0
    most: int = 0
    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    job_fails: dict[str, str] | None = None
    refuses_job: str | None = None
    calls: list[str] = field(default_factory=list)
    tuned_says: Callable[[list[dict[str, str]]], str] | None = None

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.made: dict[str, bytes] = {}
        self.attempts: Counter[str] = Counter()

    def books(self) -> dict[str, Any]:
        """Return what was charged."""
        with self.lock:
            return {
                "requests": len(self.asked),
                "answers": sum(self.charged.values()),
                "names": len(self.charged),
                "twice": sum(count > 1 for count in self.charged.values()),
                "tokens": list(self.tokens),
                "most": self.most,
            }

    def respond(
        self, body: dict[str, Any], headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str], str | None]:
        """Return status, body, headers and what goes wrong on the way back."""
        with self.lock:
            self.asked.append(body)
            self.headers.append(headers)
            name = headers.get("idempotency-key", str(len(self.asked)))
            attempt = self.attempts[name]
            self.attempts[name] += 1
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            said = headers.get("authorization", "none").removeprefix("Bearer ")
            return self._error(401, f"Incorrect API key provided: {said}.", code="invalid_api_key")
        if body["model"] not in self.models:
            return self._error(404, f"The model '{body['model']}' does not exist")
        for param, words in self.refuses.items():
            if param in body:
                return self._error(400, words, param=param)
        fault = self.fault(name, attempt)
        if fault == "429":
            status, data, found, _ = self._error(429, "Rate limit reached")
            wait = {"Retry-After": self.retry_after} if self.retry_after is not None else {}
            return status, data, found | wait, None
        if fault == "500":
            return self._error(500, "The server had an error")
        words = sum(len(message["content"].split()) for message in body["messages"])
        if words > self.window:
            return self._error(
                400,
                f"This model's maximum context length is {self.window} tokens. However, your"
                f" messages resulted in {words} tokens.",
                code="context_length_exceeded",
            )
        return 200, self._answer(name, body, words), {}, fault

    def _answer(self, name: str, body: dict[str, Any], words: int) -> bytes:
        with self.lock:
            if self.idempotent and name in self.made:
                return self.made[name]
        tuned = body["model"].startswith("ft:") and self.tuned_says is not None
        text = (self.tuned_says if tuned else self.says)(body["messages"])  # type: ignore[misc]
        schema = body.get("response_format") if "response_format" not in self.ignores else None
        if schema:
            key = next(iter(schema["json_schema"]["schema"]["properties"]))
            text = json.dumps({key: text})
        limits = ("max_tokens", "max_completion_tokens")
        limit = min((body[n] for n in limits if n in body and n not in self.ignores), default=None)
        pieces = re.findall(r"\s*\S+", text)[:limit]
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(pieces)},
            "finish_reason": "stop",
            "logprobs": None,
        }
        if body.get("logprobs") and "logprobs" not in self.ignores:
            choice["logprobs"] = {"content": [self._token(piece) for piece in pieces]}
        done = {
            "id": f"chatcmpl-{name[:8]}",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
            "usage": {
                "prompt_tokens": words,
                "completion_tokens": len(pieces),
                "total_tokens": words + len(pieces),
            },
        }
        data = json.dumps(done).encode()
        with self.lock:
            self.charged[name] += 1
            self.tokens[0] += words
            self.tokens[1] += len(pieces)
            self.made[name] = data
        return data

    def tuning(self, verb: str, path: str, data: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and answer of the files and fine-tuning part of the API."""
        with self.lock:
            if (verb, path) == ("POST", "/v1/files"):
                name = f"file-{len(self.files) + 1}"
                self.files[name] = data
                return 200, {"id": name, "object": "file", "bytes": len(data), "created_at": 0,
                             "filename": "rows.jsonl", "purpose": "fine-tune",
                             "status": "processed"}  # fmt: skip
            if (verb, path) == ("POST", "/v1/fine_tuning/jobs"):
                if self.refuses_job is not None:
                    return 400, {"error": {"message": self.refuses_job, "param": "model",
                                           "type": "error", "code": None}}  # fmt: skip
                asked = json.loads(data)
                job = {"id": f"ftjob-{len(self.jobs) + 1}", "object": "fine_tuning.job",
                       "created_at": 0, "status": STATES[0], "fine_tuned_model": None,
                       "trained_tokens": None, "error": None, "result_files": [],
                       "organization_id": "o", "hyperparameters": {}, "seed": 0,
                       "validation_file": None, "finished_at": None} | asked  # fmt: skip
                self.jobs.append(job)
                return 200, job
            if path.startswith("/v1/fine_tuning/jobs/") and path.endswith("/events"):
                event = {"id": "e", "object": "fine_tuning.job.event", "created_at": 0,
                         "level": "info", "message": "Step 3/9: training loss=0.5"}  # fmt: skip
                return 200, {"object": "list", "data": [event], "has_more": False}
            if path == "/v1/fine_tuning/jobs":
                return 200, {"object": "list", "data": self.jobs, "has_more": False}
            found = next((j for j in self.jobs if path.endswith(f"/{j['id']}")), None)
            if found is None:
                return 404, {"error": {"message": "no such job"}}
            self._further(found)
            return 200, found

    def _further(self, job: dict[str, Any]) -> None:
        place = STATES.index(job["status"]) if job["status"] in STATES else len(STATES)
        if place + 1 < len(STATES):
            job["status"] = STATES[place + 1]
        elif job["status"] == STATES[-1]:
            job["status"] = "failed" if self.job_fails else "succeeded"
            job["error"] = self.job_fails
            if not self.job_fails:
                job["fine_tuned_model"] = f"ft:{job['model']}:tw::{job['id']}"
                job["trained_tokens"] = 3 * len(self.files[job["training_file"]].split())
                self.models = (*self.models, job["fine_tuned_model"])

    def _token(self, piece: str) -> dict[str, Any]:
        others = [{"token": piece, "logprob": math.log(self.likely)}]
        if self.likely < 1:
            others.append({"token": "zzz", "logprob": math.log(1 - self.likely)})
        return {"token": piece, "logprob": math.log(self.likely), "top_logprobs": others}

    def _error(
        self, status: int, message: str, param: str | None = None, code: str | None = None
    ) -> tuple[int, bytes, dict[str, str], str | None]:
        error = {"message": message, "type": "error", "param": param, "code": code}
        return status, json.dumps({"error": error}).encode(), {}, None


def by_lot(share: float, seed: str = "") -> Callable[[str, int], str | None]:
    """Return faults that befall a share of all attempts, the same ones each time."""

    def fault(name: str, attempt: int) -> str | None:
        lot = hashlib.sha256(f"{seed} {name} {attempt}".encode()).digest()
        unlucky = int.from_bytes(lot[:4], "big") < share * 2**32
        return FAULTS[lot[4] % len(FAULTS)] if unlucky else None

    return fault


def handler_of(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    """Return the class of handlers that answer for a server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path == "/books":
                return self.reply(200, json.dumps(server.books()).encode(), {})
            models = [{"id": name, "object": "model"} for name in server.models]
            if self.path.startswith("/v1/fine_tuning"):
                return self.tuned("GET", b"")
            found = self.path == "/v1/models"
            listed = json.dumps({"object": "list", "data": models}).encode()
            return self.reply(200 if found else 404, listed if found else b"{}", {})

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith(("/v1/files", "/v1/fine_tuning")):
                return self.tuned("POST", data)
            body = json.loads(data)
            if self.path != "/v1/chat/completions":
                return self.reply(404, b'{"error": {"message": "no such path"}}', {})
            with server.lock:
                server.running += 1
                server.most = max(server.most, server.running)
            try:
                status, data, headers, fault = server.respond(
                    body, {name.lower(): value for name, value in self.headers.items()}
                )
                if fault == "timeout":
                    server.ending.wait(server.hold)
                    self.close_connection = True
                elif fault == "truncated":
                    self.reply(status, data[: len(data) // 2], headers, len(data))
                    self.close_connection = True
                elif fault == "malformed":
                    self.reply(status, data[: len(data) // 2] + b'"}', headers)
                else:
                    self.reply(status, data, headers)
            finally:
                with server.lock:
                    server.running -= 1

        def tuned(self, verb: str, data: bytes) -> None:
            path = self.path.partition("?")[0]
            with server.lock:
                server.calls.append(f"{verb} {path}")
                fault = server.fault(f"{verb} {path}", server.calls.count(f"{verb} {path}") - 1)
            if fault == "500":
                return self.reply(500, b'{"error": {"message": "down"}}', {})
            if path == "/v1/files":  # multipart: the file is the longest part
                mark = data.split(b"\r\n", 1)[0]
                data = max(data.split(mark), key=len).split(b"\r\n\r\n", 1)[1].strip()
            status, found = server.tuning(verb, path, data)
            return self.reply(status, json.dumps(found).encode(), {})

        def reply(
            self, status: int, data: bytes, headers: dict[str, str], length: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length or len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, TimeoutError):  # the other side was killed or gave up
                self.close_connection = True

    return Handler


class _Listening(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


@contextmanager
def serving(server: ChatServer) -> Iterator[ChatServer]:
    """Answer for the length of a block; `server.url` says where."""
    listening = _Listening(("127.0.0.1", 0), handler_of(server))
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{listening.server_address[1]}/v1"
    try:
        yield server
    finally:
        server.ending.set()
        listening.shutdown()
        thread.join()
        listening.server_close()


def main() -> None:
    """Serve until ended, with faults by lot."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--idempotent", action="store_true")
    parser.add_argument("--hold", type=float, default=5.0)
    given = parser.parse_args()
    server = ChatServer(fault=by_lot(given.faults), idempotent=given.idempotent, hold=given.hold)
    with serving(server):
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
