"""Candidates that tune a language model: lora, full, and api, which has a provider do it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tunewise.task.settings.basics import DEFAULT_LANGUAGE_MODEL, CandidateSettings, PositiveInt
from tunewise.task.settings.prompting import PriceSettings, check_key_name

Recipe = Literal["quick", "balanced", "thorough"]
SwitchOff = Literal["packing", "head", "lora", "compile", "prefix", "checkpointing"]


class TuningSettings(CandidateSettings):
    """What all ways to tune a causal language model share."""

    model: str = Field(
        DEFAULT_LANGUAGE_MODEL, description="Language model: catalogue name, folder or Hub id."
    )
    recipe: Recipe = Field(
        "balanced",
        description="Sets epochs, rank and patience where they are left out; see docs/training.md.",
    )
    learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Left out: by method and size of the model, see docs/training.md."
    )
    num_train_epochs: PositiveInt | None = Field(
        None, description="Passes over the data at most. Left out: by recipe and number of rows."
    )
    train_batch_size: PositiveInt = Field(
        16, description="Rows of one step, over all passes and processes."
    )
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.1
    lr_scheduler_type: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0
    early_stopping_patience: PositiveInt | None = Field(
        None,
        description="Epochs without a lower validation loss after which training stops. Left out:"
        " by recipe.",
    )
    max_length: PositiveInt = Field(2048, description="Tokens read of each row, answer included.")
    train_on: Literal["all", "last"] = Field(
        "all", description="In conversations: learn all answers or the last one."
    )
    allow: list[str] = Field(
        default_factory=list,
        description="Faults of rows, by name, with which to go on all the same; see tunewise show.",
    )
    bf16: bool | Literal["auto"] = Field(
        "auto", description="Compute in bfloat16; auto measures which is faster here."
    )
    tokens_per_pass: Annotated[int, Field(ge=64)] | None = Field(
        None,
        description="Tokens of one forward pass at most; doesn't change the result. Left out: as"
        " many as memory allows and pay.",
    )
    max_new_tokens: PositiveInt | None = Field(
        None,
        description="Tokens of a written answer at most. Left out: by the longest answer trained.",
    )
    test_rows: PositiveInt | None = Field(
        None, description="Rows, at most, on which it is judged. Left out: all."
    )
    report_to: list[Literal["tensorboard", "wandb", "mlflow", "trackio"]] = Field(
        default_factory=list, description="Trackers that are told of the training. Left out: none."
    )
    switch_off: list[SwitchOff] = Field(
        default_factory=list,
        description="Ways to save work that are not to be taken; see docs/training.md.",
    )


class TuningPriceSettings(PriceSettings):
    """What a provider charges for tuning, and for asking the tuned model."""

    training: Annotated[float, Field(ge=0)] | None = Field(
        None, description="US dollars per million tokens trained on, each pass counted."
    )


class ApiSettings(CandidateSettings):
    """A model that its provider tunes, through files and fine-tuning jobs as OpenAI has them."""

    model: str = Field(description="Model that the provider tunes, by its name there.")
    endpoint: str = Field("https://api.openai.com/v1", description="Base URL of the provider.")
    key_env: str | None = Field(
        "OPENAI_API_KEY", description="Name of the environment variable that holds the key."
    )
    price: TuningPriceSettings | None = Field(
        None, description="What the provider charges. Left out: unknown."
    )
    num_train_epochs: PositiveInt | None = Field(
        None, description="Passes over the data. Left out: as the provider chooses."
    )
    learning_rate_multiplier: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Left out: as the provider chooses."
    )
    train_batch_size: PositiveInt | None = Field(
        None, description="Rows of a step. Left out: as the provider chooses."
    )
    answer: Literal["auto", "scored", "parsed"] = Field(
        "auto", description="How labels are got, as for a prompt at an endpoint."
    )
    timeout: Annotated[float, Field(gt=0)] = 60.0
    concurrency: Annotated[int, Field(ge=1, le=256)] = 32
    validation_rows: PositiveInt = Field(
        150, description="Rows, at most, on which the tuned model is looked at."
    )
    test_rows: PositiveInt = Field(400, description="Rows, at most, on which it is judged.")

    @model_validator(mode="after")
    def key_is_named(self) -> ApiSettings:
        """Refuse a key in place of its name."""
        check_key_name(self.key_env)
        return self


class LoraCandidateSettings(TuningSettings):
    """A causal language model with a LoRA adapter, spelled as in peft.LoraConfig."""

    r: PositiveInt = Field(16, description="Rank.")
    lora_alpha: PositiveInt | None = Field(None, description="Left out: twice the rank.")
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: list[str] | Literal["all-linear"] = "all-linear"
    use_dora: bool = Field(False, description="Weight-decomposed adapters (DoRA).")
    use_rslora: bool = Field(False, description="Scale by the root of the rank (rsLoRA).")
    load_in_4bit: bool = Field(
        False, description="Keep the frozen weights in NF4 (QLoRA); needs bitsandbytes."
    )


class FullSettings(TuningSettings):
    """A causal language model, all of whose weights are tuned."""
