"""The bodies of requests: OpenAI's, strictly, with the fields that a tuned model can do justice to.

A field that asks for something else (several answers, tools, penalties) may be there with the value
that asks for nothing, and is refused with any other; a field that isn't listed is refused by name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tunewise.serving.limits import CHARACTERS, TEXTS, TURNS


def _not_asked(value: bool) -> bool:
    """Refuse true; a Literal wouldn't do, since to Python 0 is False as well."""
    if value:
        raise ValueError("can't be had")
    return value


# That a text has more than white space is checked where it is read, to be told in plain words.
Text = Annotated[str, Field(max_length=CHARACTERS, json_schema_extra={"pattern": r"\S"})]
Texts = Annotated[list[Text], Field(min_length=1, max_length=TEXTS)]
Tokens = Annotated[int, Field(ge=1, le=1_000_000)]
Zero = Annotated[float, Field(ge=0, le=0, allow_inf_nan=False)]
No = Annotated[bool, AfterValidator(_not_asked), Field(json_schema_extra={"const": False})]
Stop = Annotated[str, Field(min_length=1, max_length=200)]
ModelName = Annotated[str, Field(max_length=200, description="The candidate's name or the task's.")]


class Body(BaseModel):
    """No unknown fields, no guessed types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TextPart(Body):
    """A piece of a message."""

    type: Literal["text"]
    text: Text


class Turn(Body):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[TextPart], Field(min_length=1, max_length=TURNS)]
    name: Annotated[str, Field(max_length=200)] | None = None


class StreamOptions(Body):
    """What a stream holds beside the answer."""

    include_usage: bool = False
    include_obfuscation: No | None = None


class PlainText(Body):
    """The one format of an answer."""

    type: Literal["text"]


class Answer(Body):
    """What chat and plain completions share."""

    model: ModelName
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = Field(
        None, description="Left out: 0, as the candidate was judged. No effect on labels."
    )
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    stop: Stop | Annotated[list[Stop], Field(min_length=1, max_length=4)] | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    presence_penalty: Zero | None = None
    frequency_penalty: Zero | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    user: Annotated[str, Field(max_length=200)] | None = None


class ChatBody(Answer):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Turn], Field(min_length=1, max_length=TURNS)]
    max_completion_tokens: Tokens | None = None
    logprobs: No | None = None
    response_format: PlainText | None = None
    store: No | None = None
    metadata: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]] | (
        None
    ) = None


class CompletionBody(Answer):
    """POST /v1/completions."""

    prompt: Text | Texts
    echo: No | None = None
    best_of: Annotated[int, Field(ge=1, le=1)] | None = None
    logprobs: None = None
    suffix: None = None


class EmbeddingBody(Body):
    """POST /v1/embeddings."""

    model: ModelName
    input: Text | Texts
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="The vectors' own length is the only one there is."
    )
    user: Annotated[str, Field(max_length=200)] | None = None


class ClassifyBody(Body):
    """POST /v1/classify."""

    model: ModelName | None = Field(None, description="Left out: the one that is served.")
    input: Text | Texts
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = Field(
        None,
        description="Reject answers whose probability is lower. Left out: the server's own.",
    )
    top: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Show only so many of the most probable labels. Left out: all."
    )


def fields_of(kind: type[Body]) -> dict[str, list[str]]:
    """Return the legal fields of a body by where they stand, for 'did you mean'."""
    found = {"": list(kind.model_fields)}
    if "messages" in kind.model_fields:
        found["messages"] = list(Turn.model_fields)
        found["messages.content"] = list(TextPart.model_fields)
    if "stream_options" in kind.model_fields:
        found["stream_options"] = list(StreamOptions.model_fields)
    return found
