"""The application: routes, health, figures, the page to try it, and errors in OpenAI's shape.

Given a service, gives back what uvicorn runs. Knows nothing of sockets or signals.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from tunewise.serving.refusals import Refused, internal, invalid
from tunewise.serving.requests import (
    Body,
    ChatBody,
    ClassifyBody,
    CompletionBody,
    EmbeddingBody,
    fields_of,
)
from tunewise.serving.routes import routes
from tunewise.serving.service import Service
from tunewise.serving.watch import Summary
from tunewise.version import __version__

BODIES: dict[str, type[Body]] = {
    "/v1/chat/completions": ChatBody,
    "/v1/completions": CompletionBody,
    "/v1/embeddings": EmbeddingBody,
    "/v1/classify": ClassifyBody,
}
FIELDS = {path: fields_of(kind) for path, kind in BODIES.items()}


def application(service: Service) -> FastAPI:
    """Return the application of a service."""
    app = FastAPI(
        title=f"tunewise: {service.card.task}",
        version=__version__,
        description=f"{service.card.candidate}, in the shapes of OpenAI's API.",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(routes(service))
    _health(app, service)
    _page(app)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)
    _describe(app, service.card.names)
    return app


def _health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Say that the process lives."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], responses={503: {"description": "It stops."}})
    async def readyz() -> Response:
        """Say whether new requests are taken."""
        if service.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        return JSONResponse({"status": "ready", "model": service.card.candidate})

    @app.get("/metrics", tags=["health"], response_class=Response)
    async def metrics() -> Response:
        """Return all figures for Prometheus."""
        service.meters.line.set(service.worker.waiting)
        service.watch.measure(service.meters)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(service.meters.page(), headers={"content-type": kind})

    @app.get("/summary", tags=["health"])
    async def summary() -> Summary:
        """Return what was seen: drift from the training rows, and the second candidate."""
        return service.watch.summary()


def _page(app: FastAPI) -> None:
    """Serve the page to try it in a browser; it may load nothing but itself."""
    html = (resources.files(__package__) / "page.html").read_text(encoding="utf-8")
    script, style = (_hash(html, tag) for tag in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        headers = {"content-security-policy": policy, "referrer-policy": "no-referrer"}
        return Response(html, media_type="text/html", headers=headers)


def _hash(html: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    assert found is not None, f"page.html has a {tag}"
    digest = hashlib.sha256(found[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _describe(app: FastAPI, names: Sequence[str]) -> None:
    """Let the schema tell of our refusals instead of FastAPI's 422, and of what a model's named."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = made()
            for methods in schema["paths"].values():
                for operation in methods.values():
                    operation["responses"].pop("422", None)
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            for kind in BODIES.values():
                model = schema["components"]["schemas"][kind.__name__]["properties"]["model"]
                for named in (model, *model.get("anyOf", ())):
                    if named.get("type") == "string":
                        named["enum"] = list(names)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, Refused)
    return JSONResponse(error.plain(), error.status, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _refused(request, invalid(error.errors(), FIELDS.get(request.url.path, {})))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {
        400: "the body can't be read: send JSON in UTF-8",
        404: f"there is nothing here; the routes are {', '.join(BODIES)} and /v1/models",
        405: "this route takes another method",
    }
    codes = {400: "invalid_json", 404: "not_found", 405: "wrong_method"}
    message = said.get(error.status_code, str(error.detail))
    code = codes.get(error.status_code)
    headers = error.headers or {}
    return await _refused(request, Refused(error.status_code, message, code=code, headers=headers))


async def _internal(request: Request, error: Exception) -> Response:  # noqa: ARG001 -- logged at the front
    return await _refused(request, internal(request.state.request_id))
