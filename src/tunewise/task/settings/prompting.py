"""The candidate `prompt`: a prompted language model, here or at an endpoint."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tunewise.task.settings.basics import (
    DEFAULT_ENCODER,
    DEFAULT_LANGUAGE_MODEL,
    CandidateSettings,
    Kind,
    PositiveInt,
    Strict,
)


class PriceSettings(Strict):
    """What an endpoint charges, in US dollars per million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    cached_input: Annotated[float, Field(ge=0)] | None = None


def check_key_name(name: str | None) -> None:
    """Refuse what can't be the name of an environment variable, without repeating it."""
    if name is not None and not ENVIRONMENT_NAME.fullmatch(name):
        raise ValueError(
            "'key_env' is the name of an environment variable, such as OPENAI_API_KEY, never the"
            " key itself"
        )


class SearchSettings(Strict):
    """A search among instructions and sets of examples, within a budget."""

    requests: Annotated[int, Field(ge=16)] = Field(
        400,
        description="Requests (rows asked or scored) that the search may take; those for proposals"
        " come on top.",
    )
    tokens: PositiveInt | None = Field(
        None, description="Tokens that the search may take. Left out: no limit of its own."
    )
    usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="US dollars that the search may take. Left out: no limit of its own."
    )
    instructions: list[str] = Field(
        default_factory=list, description="Instructions of your own to try beside the task's."
    )
    proposals: Annotated[int, Field(ge=0, le=32)] = Field(
        4, description="Instructions that the model is asked to propose."
    )
    draws: Annotated[int, Field(ge=0, le=32)] = Field(
        4, description="Random sets of fixed examples to try, for each number of shots."
    )


Select = Literal["nearest", "diverse", "fused", "fixed"]
Order = Literal["nearest_last", "nearest_first"]
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
FOR_ENDPOINTS = ("key_env", "price", "concurrency")
FOR_SERVERS = ("timeout", "extra")  # endpoints, and llama.cpp's on this machine
NOT_FOR: dict[str, tuple[str, ...]] = {
    "transformers": (*FOR_SERVERS, "answer"),
    "llama.cpp": (),
    "vllm": FOR_SERVERS,
}


class PromptSettings(CandidateSettings):
    """A prompted language model, on this machine or at an endpoint."""

    model: str = Field(
        DEFAULT_LANGUAGE_MODEL,
        description="Instruction-tuned model: catalogue name, folder or Hub id; with an endpoint,"
        " the model's name there.",
    )
    engine: Literal["transformers", "llama.cpp", "vllm"] = Field(
        "transformers",
        description="What runs a model on this machine; llama.cpp runs GGUF files as they are,"
        " quantised too; vllm needs a GPU.",
    )
    endpoint: str | None = Field(
        None,
        description="Base URL of an OpenAI-compatible endpoint that is asked, such as"
        " https://api.openai.com/v1 or http://localhost:11434/v1. Left out: this machine.",
    )
    key_env: str | None = Field(
        None, description="Name of the environment variable that holds the endpoint's key."
    )
    price: PriceSettings | None = Field(
        None, description="What the endpoint charges. Left out: by prices.toml, else unknown."
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        60.0, description="Seconds that one attempt at a request may take."
    )
    concurrency: Annotated[int, Field(ge=1, le=256)] = Field(
        32, description="Requests at once at most; fewer where the endpoint wants it."
    )
    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="Further parameters of each request, such as reasoning_effort.",
    )
    answer: Literal["auto", "scored", "constrained", "parsed"] = Field(
        "auto",
        description="How an endpoint's labels are got: by log-probabilities, by a JSON schema, or"
        " read out of its text; auto takes the first that it can.",
    )
    max_new_tokens: PositiveInt | None = Field(
        None, description="Tokens of a reply at most. Left out: by the longest answer."
    )
    shots: list[Annotated[int, Field(ge=0, le=64)]] = Field(
        [0, 8],
        min_length=1,
        description="Numbers of training examples to show; validation picks one.",
    )
    select: list[Select] = Field(
        ["nearest"],
        min_length=1,
        description="Which examples: nearest to each row, diverse (near, and unlike each other),"
        " fused (near by meaning and by words), or fixed (the same for all); validation picks one.",
    )
    order: list[Order] = Field(
        ["nearest_last"],
        min_length=1,
        description="Order of the examples before the question; validation picks one.",
    )
    think: list[bool] = Field(
        [False],
        min_length=1,
        description="Whether to think step by step before the answer; validation picks one.",
    )
    votes: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Replies with thoughts that vote on each answer; 1 for no vote."
    )
    documents: str | None = Field(
        None, description="Folder of texts (.txt, .md) whose passages are looked up for each row."
    )
    passages: list[Annotated[int, Field(ge=0, le=32)]] = Field(
        [0, 3],
        min_length=1,
        description="Numbers of passages to show, where there are documents; validation picks one.",
    )
    retriever: str = Field(DEFAULT_ENCODER, description="Encoder that finds the nearest examples.")
    search: SearchSettings | None = Field(
        None, description="Search among instructions and examples. Left out: no search."
    )
    validation_rows: PositiveInt = Field(
        150, description="Rows, at most, on which each way to prompt is tried."
    )
    test_rows: PositiveInt = Field(
        400, description="Rows, at most, on which it is judged: a random part, stated as such."
    )

    @property
    def asks_elsewhere(self) -> bool:
        """Whether another program than this one runs the model."""
        return self.endpoint is not None or self.engine != "transformers"

    def is_asked(self, kind: Kind) -> bool:
        """Whether the model is asked in words; on this machine labels are scored instead."""
        return self.asks_elsewhere or kind == "generation" or True in self.think

    @model_validator(mode="after")
    def endpoint_has_what_it_needs(self) -> PromptSettings:
        """Refuse an endpoint without a model, its settings without it, a key for its name."""
        if self.votes > 1 and True not in self.think:
            raise ValueError("'votes' are for replies with thoughts; set 'think: [true]'")
        if self.engine != "transformers" and self.endpoint is not None:
            raise ValueError("an endpoint has its own engine; leave out 'engine'")
        if self.engine == "llama.cpp" and not self.model.endswith(".gguf"):
            raise ValueError("llama.cpp runs GGUF files; give 'model' the path of one")
        if self.endpoint is None:
            if self.search is not None and self.search.usd:
                raise ValueError("a search on this machine costs no dollars; leave out 'usd'")
            not_here = FOR_ENDPOINTS + NOT_FOR[self.engine]
            if stray := [name for name in not_here if name in self.model_fields_set]:
                raise ValueError(f"'{stray[0]}' is for an endpoint; name it with 'endpoint'")
        elif "model" not in self.model_fields_set:
            raise ValueError("an endpoint needs 'model', the model's name there")
        check_key_name(self.key_env)
        return self
