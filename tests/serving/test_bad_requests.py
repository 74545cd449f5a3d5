"""Faults these catch: a traceback or a hang where a client is wrong, an error of another shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from serving_runs import PROBE, Served, sent_raw, served

from tunewise.serving.limits import Limits

CHAT, CLASSIFY, EMBED = "/v1/chat/completions", "/v1/classify", "/v1/embeddings"
JSON = {"content-type": "application/json"}


def refused(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Check the shape of a refusal and return what it says."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["code"] == code
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    return body["error"]


def chat(*messages: object, **more: object) -> dict[str, object]:
    return {"model": "tickets", "messages": list(messages), **more}


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "missing_field"),
        (b"{", "invalid_json"),
        (b'{"input": "a"', "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b'{"input": "\xff"}', "invalid_json"),
        (b'{"input": "\xed\xa0\x80"}', "invalid_value"),
        (b'{"input": "\\ud800"}', "invalid_value"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"input": ' * 50_000, "invalid_json"),
        (b'{"threshold": ' + b"9" * 5_000 + b', "input": "a"}', "invalid_json"),
        (b"null", "invalid_value"),
        (b"[]", "invalid_value"),
        (b'"a"', "invalid_value"),
    ],
)
def test_a_body_that_is_no_json_is_told(labels: Served, content: bytes, code: str) -> None:
    response = httpx2.post(labels.url + CLASSIFY, content=content, headers=JSON)
    refused(response, 400, code)


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        (CLASSIFY, {"input": "a", "thresold": 1}, 400, "unknown_field", "thresold"),
        (CLASSIFY, {"input": "a", "model": "tikets"}, 404, "model_not_found", "model"),
        (CLASSIFY, {"input": " \n"}, 400, "empty_text", "input"),
        (CLASSIFY, {"input": ["a", ""]}, 400, "empty_text", "input.1"),
        (CLASSIFY, {"input": []}, 400, "invalid_value", "input"),
        (CLASSIFY, {"input": ["a"] * 257}, 400, "invalid_value", "input"),
        (CLASSIFY, {"input": 3}, 400, "invalid_value", "input"),
        (CLASSIFY, {"input": "a", "threshold": -0.1}, 400, "invalid_value", "threshold"),
        (CLASSIFY, {"input": "a", "threshold": "1"}, 400, "invalid_value", "threshold"),
        (CLASSIFY, {"input": "a", "top": 0}, 400, "invalid_value", "top"),
        (CLASSIFY, {}, 400, "missing_field", "input"),
        (CHAT, chat(), 400, "invalid_value", "messages"),
        (CHAT, chat(user("")), 400, "empty_message", "messages.0.content"),
        (CHAT, chat(user("a"), max_tokens=-1), 400, "invalid_value", "max_tokens"),
        (CHAT, chat(user("a"), max_tokens=0), 400, "invalid_value", "max_tokens"),
        (CHAT, chat(user("a"), n=-1), 400, "invalid_value", "n"),
        (CHAT, chat(user("a"), temperature=3), 400, "invalid_value", "temperature"),
        (CHAT, chat(user("a"), tools=[]), 400, "unknown_field", "tools"),
        (CHAT, chat({"role": "user"}), 400, "missing_field", "messages.0.content"),
        (CHAT, chat({"role": "tool", "content": "a"}), 400, "invalid_value", "messages.0.role"),
        (CHAT, chat({**user("a"), "x y": 1}), 400, "unknown_field", "messages.0.x y"),
        (CHAT, chat({"role": "assistant", "content": "a"}), 400, "no_question", "messages"),
        (CHAT, chat({"role": "system", "content": "b"}, user("a")), 400, "system_message",
         "messages.0"),
        (CHAT, chat(user("a"), user("b")), 400, "too_many_messages", "messages"),
        (CHAT, chat(user("a"), stream_options={}), 400, "invalid_value", "stream_options"),
        (EMBED, {"model": PROBE, "input": [1, 2, 3]}, 400, "invalid_value", "input.0"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(
    labels: Served, path: str, body: object, status: int, code: str, param: str
) -> None:
    assert refused(labels.post(path, body), status, code)["param"] == param


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "a"}},
    ],
)
def test_images_and_the_like_are_told_to_be_unreadable(labels: Served, part: object) -> None:
    body = chat(user([{"type": "text", "text": "what is this?"}, part]))
    told = refused(labels.post(CHAT, body), 400, "unsupported_content")
    assert "reads text only" in told["message"]
    assert told["param"] == "messages.0.content.1.type"


def test_wrong_paths_methods_and_types_are_told(labels: Served) -> None:
    refused(httpx2.get(labels.url + "/v1/nothing"), 404, "not_found")
    refused(httpx2.get(labels.url + "/v1/models/nothing"), 404, "model_not_found")
    response = httpx2.get(labels.url + CLASSIFY)
    refused(response, 405, "wrong_method")
    assert response.headers["allow"] == "POST"
    response = httpx2.post(labels.url + CLASSIFY, content=b"a", headers={"content-type": "text/x"})
    refused(response, 415, "not_json")


def test_a_web_page_under_another_name_is_kept_out(labels: Served) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:80", ""):
        response = httpx2.get(labels.url + "/v1/models", headers={"host": host})
        refused(response, 403, "unknown_host")
    assert httpx2.get(labels.url + "/v1/models", headers={"host": "LOCALHOST:9"}).is_success


def test_a_body_over_the_limit_is_refused_however_it_is_sent(labels: Served) -> None:
    big = json.dumps({"input": "a" * 1_100_000}).encode()
    refused(httpx2.post(labels.url + CLASSIFY, content=big, headers=JSON), 413, "body_too_large")
    chunks = (big[at : at + 65_536] for at in range(0, len(big), 65_536))
    response = httpx2.post(labels.url + CLASSIFY, content=chunks, headers=JSON)
    refused(response, 413, "body_too_large")
    long = labels.post(CLASSIFY, {"input": "a" * 200_001})
    assert refused(long, 400, "invalid_value")["param"] == "input"


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"x-%d: %s\r\n" % (n, b"a" * 500) for n in range(90)),
        b"".join(b"x-%d: a\r\n" % n for n in range(150)),
        b"x-long: " + b"a" * 200_000 + b"\r\n",
        b"x-unending: " + b"a" * 200_000,
        b"a" * 200_000,
    ],
)
def test_header_floods_are_refused(labels: Served, head: bytes) -> None:
    found = sent_raw(labels.url, b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n" + head)
    found = found or sent_raw(labels.url, b"GET /v1/models HTTP/1.1\r\n" + head + b"\r\n")
    status, _, body = found.partition(b"\r\n\r\n")
    assert status.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")), found[:200]
    assert json.loads(body)["error"]["code"] in ("headers_too_large", "invalid_http")


def test_what_is_no_http_is_told_and_closed(labels: Served) -> None:
    found = sent_raw(labels.url, b"\x16\x03\x01\x02\x00hello\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 400")
    assert json.loads(found.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_http"


def test_slow_heads_and_slow_bodies_are_not_waited_for(labels_folder: Path) -> None:
    limits = Limits(seconds=0.5, header_seconds=0.5)
    with served(labels_folder, "majority", limits=limits) as server:
        assert sent_raw(server.url, b"GET /healthz HTTP/1.1\r\nhost: loc") == b""
        found = sent_raw(
            server.url,
            b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
            b"content-type: application/json\r\ncontent-length: 50\r\n\r\n{",
        )
        assert found.startswith(b"HTTP/1.1 408")
        assert b'"timeout"' in found


def test_a_key_is_asked_for_where_one_is_set(
    labels_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "correct-horse-battery"
    monkeypatch.setenv("SERVING_KEY", key)
    with served(labels_folder, "majority", key_env="SERVING_KEY") as server:
        for headers in (
            {},
            {"authorization": f"Bearer {key}x"},
            {"authorization": key},
            {b"authorization": b"Bearer \xe9"},
        ):
            response = httpx2.get(server.url + "/v1/models", headers=headers)
            told = refused(response, 401, "invalid_api_key")
            assert key not in told["message"]
            assert httpx2.get(server.url + "/metrics", headers=headers).status_code == 401
        good = {"authorization": f"bearer {key}"}
        assert httpx2.get(server.url + "/v1/models", headers=good).is_success
        for path in ("/healthz", "/readyz", "/"):
            assert httpx2.get(server.url + path).is_success
        assert key not in server.log.getvalue()
