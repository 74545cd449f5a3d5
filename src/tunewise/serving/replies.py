"""The bodies of answers, in OpenAI's shapes: built here, and described for the OpenAPI schema.

Given what an engine gave back, gives plain values. Knows nothing of how it came about.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from tunewise.records import Prediction
from tunewise.serving.engine import Card
from tunewise.serving.jobs import Embedded, Wrote


class Fault(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorReply(BaseModel):
    """A refusal."""

    error: Fault


class Usage(BaseModel):
    """Tokens read and written."""

    prompt_tokens: int
    total_tokens: int
    completion_tokens: int = 0


class Label(BaseModel):
    """One text's label; None where its probability is below the threshold."""

    index: int
    label: str | None
    rejected: bool
    probability: float | None
    probabilities: dict[str, float] | None


class ClassifyReply(BaseModel):
    """Answer of /v1/classify."""

    id: str
    object: Literal["list"]
    created: int
    model: str
    threshold: float
    data: list[Label]
    usage: Usage


class Vector(BaseModel):
    """One text's vector, as numbers or as base64 of float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingReply(BaseModel):
    """Answer of /v1/embeddings."""

    object: Literal["list"]
    model: str
    data: list[Vector]
    usage: Usage


class Model(BaseModel):
    """What is served."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    task: str
    kind: str
    runtime: str
    labels: list[str]


class Models(BaseModel):
    """Answer of /v1/models."""

    object: Literal["list"]
    data: list[Model]


class Said(BaseModel):
    """A message of the assistant."""

    role: Literal["assistant"]
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    """The one answer."""

    index: int
    message: Said
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class ChatReply(BaseModel):
    """Answer of /v1/chat/completions."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class TextChoice(BaseModel):
    """The answer to one prompt."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class CompletionReply(BaseModel):
    """Answer of /v1/completions."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage


def model_reply(card: Card) -> dict[str, Any]:
    """Return what is served."""
    return {
        "id": card.candidate,
        "object": "model",
        "created": card.made,
        "owned_by": "tunewise",
        "task": card.task,
        "kind": card.kind,
        "runtime": card.runtime,
        "labels": list(card.labels),
    }


def usage(read: int | None, written: int | None = None) -> dict[str, int]:
    """Return OpenAI's count of tokens; where a candidate has none, nil."""
    return {
        "prompt_tokens": read or 0,
        "completion_tokens": written or 0,
        "total_tokens": (read or 0) + (written or 0),
    }


def label_reply(
    index: int, labels: Sequence[str], answer: Prediction, threshold: float, top: int | None
) -> dict[str, Any]:
    """Return one text's label, with the most probable others."""
    if answer.scores is None:
        label = {"label": answer.answer, "rejected": False}
        return {"index": index, **label, "probability": None, "probabilities": None}
    shares = sorted(zip(labels, answer.scores, strict=True), key=lambda pair: -pair[1])
    probability = float(dict(shares)[answer.answer])
    rejected = probability < threshold
    return {
        "index": index,
        "label": None if rejected else answer.answer,
        "rejected": rejected,
        "probability": probability,
        "probabilities": dict(shares[:top]),
    }


def vectors_reply(card: Card, found: Embedded, encoding: str | None) -> dict[str, Any]:
    """Return vectors, as numbers or as base64 of little-endian float32."""

    def shown(vector: bytes) -> str | list[float]:
        if encoding == "base64":
            return base64.b64encode(vector).decode("ascii")
        numbers: list[float] = np.frombuffer(vector, dtype="<f4").tolist()
        return numbers

    data = [
        {"object": "embedding", "index": index, "embedding": shown(vector)}
        for index, vector in enumerate(found.vectors)
    ]
    return {
        "object": "list",
        "model": card.candidate,
        "data": data,
        "usage": usage(found.tokens),
    }


class Shape:
    """How chat and plain completions differ.

    Args:
        chat: whether it is a chat.
        name: of this answer, with OpenAI's prefix.
        model: that answers.
        created: seconds since 1970.
    """

    def __init__(self, chat: bool, name: str, model: str, created: int) -> None:
        self.chat = chat
        self.name, self.model, self.created = name, model, created

    def whole(self, answers: Sequence[Wrote]) -> dict[str, Any]:
        """Return whole answers."""
        choices = [self._choice(index, answer) for index, answer in enumerate(answers)]
        read = sum(answer.prompt_tokens or 0 for answer in answers)
        written = sum(answer.completion_tokens or 0 for answer in answers)
        kind = "chat.completion" if self.chat else "text_completion"
        return {**self._head(kind), "choices": choices, "usage": usage(read, written)}

    def _choice(self, index: int, answer: Wrote) -> dict[str, Any]:
        said: dict[str, Any] = {"text": answer.answer}
        if self.chat:
            message = {"role": "assistant", "content": answer.answer, "refusal": None}
            said = {"message": message}
        return {"index": index, **said, "finish_reason": reason(answer), "logprobs": None}

    def piece(self, text: str | None, end: Wrote | None = None, first: bool = False) -> bytes:
        """Return one event of a stream: a piece, or the end."""
        said: dict[str, Any] = {"text": text or ""}
        if self.chat:
            delta = {"role": "assistant", "content": ""} if first else {}
            said = {"delta": delta | ({"content": text} if text is not None else {})}
        finish = None if end is None else reason(end)
        choice = {"index": 0, **said, "finish_reason": finish, "logprobs": None}
        return event({**self._chunk(), "choices": [choice]})

    def counted(self, end: Wrote) -> bytes:
        """Return the event with the tokens, which OpenAI's clients ask for by include_usage."""
        tokens = usage(end.prompt_tokens, end.completion_tokens)
        return event({**self._chunk(), "choices": [], "usage": tokens})

    def _chunk(self) -> dict[str, Any]:
        return self._head("chat.completion.chunk" if self.chat else "text_completion")

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.name,
            "object": kind,
            "created": self.created,
            "model": self.model,
        }


def reason(answer: Wrote) -> str:
    """Return why an answer ended, in OpenAI's words."""
    return "stop" if answer.ended else "length"


def event(value: object) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
