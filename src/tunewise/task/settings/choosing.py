"""Candidates that choose among labels (majority, probe, encoder, classifier), and `existing`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tunewise.task.settings.basics import (
    DEFAULT_ENCODER,
    DEFAULT_LANGUAGE_MODEL,
    CandidateSettings,
    PositiveInt,
    Strict,
)


class MajoritySettings(CandidateSettings):
    """Always the most frequent label: the floor that anything must beat."""


class ExistingSettings(CandidateSettings):
    """The system you have today: a column, a file or a command."""

    column: str | None = Field(
        None, description="Column of the data files that holds its predictions."
    )
    file: str | None = Field(
        None, description="File with columns `input` (the exact text) and `prediction`."
    )
    command: list[str] | None = Field(
        None,
        description='Command that reads lines of {"id", "input"} and writes {"id", "prediction"}.',
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        600.0, description="Seconds that one run of the command may take."
    )

    @model_validator(mode="after")
    def exactly_one_source(self) -> ExistingSettings:
        """Refuse none or several of column, file and command."""
        given = [n for n in ("column", "file", "command") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of column, file and command")
        return self


class ProbeSettings(CandidateSettings):
    """Logistic regression on a frozen encoder's embeddings."""

    model: str = Field(DEFAULT_ENCODER, description="Encoder: catalogue name, folder or Hub id.")
    C: list[Annotated[float, Field(gt=0)]] = Field(
        [1.0, 10.0, 100.0],
        min_length=1,
        description="Inverse regularisation strengths to choose from on validation.",
    )
    label_names: bool | Literal["auto"] = Field(
        "auto",
        description="Whether the name of each label counts as an example of it too; auto: where"
        " rows are few and cross-validation on them says that it helps.",
    )
    max_length: PositiveInt = Field(256, description="Tokens read of each text.")


class LoraSettings(Strict):
    """Low-rank adapters, spelled as in peft.LoraConfig."""

    r: PositiveInt = 16
    lora_alpha: PositiveInt = 32
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: list[str] | Literal["all-linear"] = "all-linear"


class EncoderSettings(CandidateSettings):
    """A fine-tuned encoder with a classification head."""

    model: str = Field(DEFAULT_ENCODER, description="Encoder: catalogue name, folder or Hub id.")
    lora: LoraSettings | bool = Field(
        False, description="True or settings for LoRA; false tunes all weights."
    )
    learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Left out: by method and size of the model, see docs/encoder.md."
    )
    num_train_epochs: PositiveInt | None = Field(
        None, description="Passes over the data. Left out: by the number of rows."
    )
    per_device_train_batch_size: PositiveInt = 32
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.1
    max_length: PositiveInt = Field(256, description="Tokens read of each text.")
    label_names: bool | Literal["auto"] = Field(
        "auto",
        description="Whether the name of each label counts as an example of it too; auto: where"
        " rows are few and cross-validation on them says that it helps.",
    )
    bf16: bool | Literal["auto"] = Field(
        "auto", description="Compute in bfloat16; auto measures which is faster here."
    )


class ClassifierSettings(EncoderSettings):
    """A causal language model that reads a text to its end, with a classification head on that."""

    model: str = Field(
        DEFAULT_LANGUAGE_MODEL, description="Language model: catalogue name, folder or Hub id."
    )
    lora: LoraSettings | bool = Field(
        True, description="True or settings for LoRA; false tunes all weights."
    )
