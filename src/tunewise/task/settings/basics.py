"""What all settings rest on: the strict model, numbers within bounds, default models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_ENCODER = "minilm-l6"
DEFAULT_LANGUAGE_MODEL = "smollm2-135m-instruct"


class Strict(BaseModel):
    """No unknown keys, no guessed types, no changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


PositiveInt = Annotated[int, Field(ge=1)]
Kind = Literal["classification", "generation"]
Format = Literal[
    "columns", "messages", "sharegpt", "alpaca", "prompt-completion", "preference", "kto"
]
Share = Annotated[float, Field(gt=0, lt=1)]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CandidateSettings(Strict):
    """What all candidates share."""

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of its folder and row in the report. Left out: kind and model.",
    )
