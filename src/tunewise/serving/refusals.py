"""Errors as OpenAI's clients expect them: a status and {"error": {message, type, param, code}}.

Given what is wrong with a request, gives back the answer that says so. A message names fields and
numbers, never the user's text, and never holds a traceback.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tunewise.errors import did_you_mean, one_line

KINDS = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
    504: "server_error",
}
UNION = re.compile(r"(constrained-)?(str|list)\b|[A-Z]\w*$")  # pydantic's names of its parts
UNREAD = ("image_url", "input_image", "image", "input_audio", "audio", "file", "video_url")


class Refused(Exception):
    """A request that isn't answered.

    Args:
        status: of HTTP.
        message: what is wrong and how to mend it.
        param: the field it is about.
        code: a word for programs.
        headers: to send along.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """Return the answer's body."""
        return json.dumps(self.plain(), ensure_ascii=True).encode("ascii")

    def plain(self) -> dict[str, Any]:
        """Return the answer's body as plain values."""
        return {
            "error": {
                "message": one_line(self.message),
                "type": KINDS.get(self.status, "invalid_request_error"),
                "param": self.param,
                "code": self.code,
            }
        }


def internal(request_id: str) -> Refused:
    """Return what is said where the server itself is at fault; the log has the traceback."""
    return Refused(
        500,
        f"something went wrong in the server; its log has more under the id {request_id}",
        code="internal_error",
    )


def invalid(errors: Sequence[Mapping[str, Any]], fields: Mapping[str, Sequence[str]]) -> Refused:
    """Return what is said of a body that isn't as it should be.

    Args:
        errors: pydantic's; the innermost is told.
        fields: legal fields by where they stand ('' for the body itself), for 'did you mean'.
    """
    unread = next((e for e in errors if e["loc"][-1] == "type" and e.get("input") in UNREAD), None)
    error = unread or max(
        errors, key=lambda e: (e["type"] == "extra_forbidden", len(_place(e["loc"])))
    )
    place = _place(error["loc"])
    param = ".".join(place) or None
    if unread:
        return Refused(
            400,
            f"'{error['input']}' can't be read: the model reads text only",
            param=param,
            code="unsupported_content",
        )
    if error["type"] == "json_invalid":
        why = (error.get("ctx") or {}).get("error", "")
        return Refused(400, f"the body isn't JSON ({why})", code="invalid_json")
    if error["type"] == "extra_forbidden":
        unknown, around = str(error["loc"][-1]), _place(error["loc"][:-1])
        legal = fields.get(".".join(word for word in around if not word.isdigit()), ())
        mend = did_you_mean(unknown, legal) if legal else "Leave it out."
        return Refused(
            400,
            f"there is no field '{one_line(unknown, 80)}' here. {mend}",
            param=one_line(".".join([*around, unknown]), 200),
            code="unknown_field",
        )
    if error["type"] == "missing":
        what = f"the field '{param}' is missing" if param else "the body is missing"
        return Refused(400, what, param=param, code="missing_field")
    said = str(error["msg"]).removeprefix("Value error, ")
    return Refused(
        400,
        f"{param or 'the body'}: {said[:1].lower()}{said[1:]}",
        param=param,
        code="invalid_value",
    )


def _place(location: Sequence[int | str]) -> list[str]:
    """Return the fields that lead to an error, without pydantic's names for the parts of a union.

    Those are types (`str`, `list[TextPart]`), and no field of ours is called like one. The name of
    an unknown field, which a client may have made up, is added by whoever tells of it.
    """
    return [str(part) for part in location if part != "body" and not UNION.match(str(part))]
