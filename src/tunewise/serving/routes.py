"""The routes that answer: classify, chat completions, completions, embeddings, models.

Each checks what a strict body can't say, asks the service, and writes the answer in OpenAI's shape.
Knows nothing of models or threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from tunewise.records import Example, Message, Prediction
from tunewise.serving import replies
from tunewise.serving.asking import example_of, example_of_turns, text_checked
from tunewise.serving.jobs import Embed, Embedded, Job, Piece, Predict, Sampling, Write, Wrote
from tunewise.serving.refusals import Refused
from tunewise.serving.replies import Shape
from tunewise.serving.requests import (
    Answer,
    ChatBody,
    ClassifyBody,
    CompletionBody,
    EmbeddingBody,
    Turn,
)
from tunewise.serving.service import Service

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": replies.ErrorReply, "description": words}
    for status, words in {
        400: "The body isn't as it should be.",
        401: "The key is missing or wrong.",
        403: "The server isn't called by this name.",
        404: "There is no such model.",
        408: "The request took too long to arrive.",
        413: "The body is too large.",
        415: "The body isn't JSON.",
        429: "Too many requests wait; Retry-After says when to try again.",
        431: "The headers are too large.",
        500: "The server is at fault.",
        503: "The server stops.",
        504: "The answer took too long.",
    }.items()
}
STREAM: dict[str, Any] = {"text/event-stream": {}}


def routes(service: Service) -> APIRouter:
    """Return the routes of a service."""
    router = APIRouter(prefix="/v1", responses=REFUSALS)
    card = service.card

    @router.get("/models", response_model=replies.Models, tags=["models"])
    async def models() -> Response:
        """List what is served."""
        return JSONResponse({"object": "list", "data": [replies.model_reply(card)]})

    @router.get("/models/{model}", response_model=replies.Model, tags=["models"])
    async def model(model: str) -> Response:
        """Return what is served."""
        service.check_model(model)
        return JSONResponse(replies.model_reply(card))

    @router.post("/classify", response_model=replies.ClassifyReply, tags=["labels"])
    async def classify(body: ClassifyBody, request: Request) -> Response:
        """Return each text's label with its probability, or none where that is too low."""
        service.check_model(body.model)
        return JSONResponse(await _classified(service, body, request))

    @router.post("/embeddings", response_model=replies.EmbeddingReply, tags=["vectors"])
    async def embeddings(body: EmbeddingBody, request: Request) -> Response:
        """Return each text's vector."""
        service.check_model(body.model)
        return JSONResponse(await _embedded(service, body, request))

    @router.post(
        "/chat/completions",
        response_model=replies.ChatReply,
        responses={200: {"content": STREAM}},
        tags=["answers"],
    )
    async def chat(body: ChatBody, request: Request) -> Response:
        """Answer the last message, whole or as server-sent events."""
        service.check_model(body.model)
        turns = [_message(turn) for turn in body.messages]
        example = example_of_turns(card, turns, request.state.request_id)
        most = body.max_completion_tokens or body.max_tokens
        return await _answered(service, body, request, [example], most, chat=True)

    @router.post(
        "/completions",
        response_model=replies.CompletionReply,
        responses={200: {"content": STREAM}},
        tags=["answers"],
    )
    async def completions(body: CompletionBody, request: Request) -> Response:
        """Answer each prompt, whole or as server-sent events."""
        service.check_model(body.model)
        examples = _examples(service, body.prompt, request, "prompt")
        if body.stream and len(examples) > 1:
            raise Refused(400, "a stream has one prompt", param="prompt", code="invalid_value")
        return await _answered(service, body, request, examples, body.max_tokens, chat=False)

    return router


async def _classified(service: Service, body: ClassifyBody, request: Request) -> dict[str, Any]:
    card = service.card
    if card.task_kind != "classification":
        raise Refused(
            400,
            f"'{card.candidate}' writes its answers: ask /v1/chat/completions",
            code="no_labels",
        )
    examples = _examples(service, body.input, request, "input")
    answers = await service.predictions(Predict(tuple(examples)))
    threshold = service.threshold if body.threshold is None else body.threshold
    if threshold and any(answer.scores is None for answer in answers):
        raise Refused(
            400,
            f"'{card.candidate}' gives no probabilities, so there is nothing to hold against a"
            " threshold",
            param="threshold",
            code="no_probabilities",
        )
    data = [
        replies.label_reply(number, card.labels, answer, threshold, body.top)
        for number, answer in enumerate(answers)
    ]
    for label in data:
        _count_label(service, label)
    _note(service, request, examples, [row["label"] or "" for row in data])
    return {
        "id": request.state.request_id,
        "object": "list",
        "created": int(time.time()),
        "model": card.candidate,
        "threshold": threshold,
        "data": data,
        "usage": replies.usage(sum(answer.prompt_tokens or 0 for answer in answers)),
    }


async def _embedded(service: Service, body: EmbeddingBody, request: Request) -> dict[str, Any]:
    card = service.card
    if card.embedding is None:
        raise Refused(400, f"'{card.candidate}' gives no vectors", code="no_embeddings")
    if body.dimensions not in (None, card.embedding):
        raise Refused(
            400,
            f"the vectors have {card.embedding} numbers; no other length can be had",
            param="dimensions",
            code="invalid_value",
        )
    texts = [example.input for example in _examples(service, body.input, request, "input")]
    found = await service.answered(Embed(tuple(texts)))
    assert isinstance(found, Embedded)
    service.count_tokens(found.tokens, 0)
    return replies.vectors_reply(card, found, body.encoding_format)


async def _answered(
    service: Service,
    body: Answer,
    request: Request,
    examples: list[Example],
    most: int | None,
    *,
    chat: bool,
) -> Response:
    """Return the answers to examples in OpenAI's shape of a chat or of completions."""
    name = ("chatcmpl-" if chat else "cmpl-") + request.state.request_id
    shape = Shape(chat, name, service.card.candidate, int(time.time()))
    if body.stream_options is not None and not body.stream:
        raise Refused(400, "it is for streams alone", param="stream_options", code="invalid_value")
    counted = bool(body.stream_options and body.stream_options.include_usage)
    asks = [Write(example, _sampling(body, most), bool(body.stream)) for example in examples]
    if not service.card.streams:
        found = await service.predictions(Predict(tuple(examples)))
        answers = [_wrote(answer) for answer in found]
        _count_answers(service, found)
    elif body.stream:
        return await _streamed(service, asks[0], request, shape, counted=counted)
    else:
        answers = list(await asyncio.gather(*(service.wrote(ask) for ask in asks)))
    _note(service, request, examples, [answer.answer for answer in answers])
    if not body.stream:
        return JSONResponse(shape.whole(answers))
    return _sse(_in_one_piece(shape, answers[0], counted))


async def _streamed(
    service: Service, ask: Write, request: Request, shape: Shape, *, counted: bool
) -> Response:
    """Return a stream, once its first event is there: until then, errors have a status."""
    began = time.monotonic()
    asked = service.asked(ask)
    job = await asked.__aenter__()
    try:
        first = service.checked(await job.event())
    except BaseException:
        await asked.__aexit__(None, None, None)
        raise
    service.meters.first_piece.observe(time.monotonic() - began)

    async def events() -> AsyncIterator[bytes]:
        try:
            async for part in _pieces(service, job, first, shape, counted=counted):
                if isinstance(part, Wrote):
                    service.written(ask, part, time.monotonic() - job.asked)
                    _note(service, request, [ask.example], [part.answer])
                else:
                    yield part
        finally:
            await asked.__aexit__(None, None, None)

    return _sse(events())


async def _pieces(
    service: Service, job: Job, first: Any, shape: Shape, *, counted: bool
) -> AsyncIterator[bytes | Wrote]:
    """Yield a stream's events, and the whole answer when it is there."""
    if shape.chat:
        yield shape.piece(None, first=True)
    event = first
    while True:
        if isinstance(event, Piece):
            yield shape.piece(event.text)
        elif isinstance(event, Wrote):
            yield event
            yield shape.piece(None, event)
            if counted:
                yield shape.counted(event)
            yield replies.DONE
            return
        event = service.checked(await job.event())


async def _in_one_piece(shape: Shape, answer: Wrote, counted: bool) -> AsyncIterator[bytes]:
    """Yield the events of an answer that is whole already."""
    if shape.chat:
        yield shape.piece(None, first=True)
    yield shape.piece(answer.answer)
    yield shape.piece(None, answer)
    if counted:
        yield shape.counted(answer)
    yield replies.DONE


def _sse(events: AsyncIterator[bytes]) -> Response:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def _examples(
    service: Service, given: str | list[str], request: Request, param: str
) -> list[Example]:
    texts = [given] if isinstance(given, str) else given
    return [
        example_of(
            service.card,
            text_checked(text, param if isinstance(given, str) else f"{param}.{number}"),
            f"{request.state.request_id}:{number}",
        )
        for number, text in enumerate(texts)
    ]


def _message(turn: Turn) -> Message:
    content = turn.content
    text = content if isinstance(content, str) else "\n".join(part.text for part in content)
    return Message("system" if turn.role == "developer" else turn.role, text)


def _sampling(body: Answer, most: int | None) -> Sampling:
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    top_p = 1.0 if body.top_p is None else body.top_p
    return Sampling(most, body.temperature or 0.0, top_p, body.seed, stop)


def _wrote(answer: Prediction) -> Wrote:
    return Wrote(answer.answer, True, answer.prompt_tokens, answer.completion_tokens)


def _count_answers(service: Service, answers: tuple[Prediction, ...]) -> None:
    if service.card.labels:
        for answer in answers:
            service.meters.answers.labels(answer.answer).inc()


def _count_label(service: Service, label: dict[str, Any]) -> None:
    if label["rejected"]:
        service.meters.rejected.inc()
    else:
        service.meters.answers.labels(label["label"]).inc()


def _note(service: Service, request: Request, examples: list[Example], answers: list[str]) -> None:
    """Leave for the log what was answered; texts and answers only where they were asked for."""
    notes: dict[str, Any] = request.state.notes
    notes |= {"model": service.card.candidate, "texts": len(examples)}
    if service.log_text:
        notes |= {"inputs": [e.input for e in examples], "answers": answers}
