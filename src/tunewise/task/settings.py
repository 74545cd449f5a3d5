"""What may stand in task.yaml: strict models with few keys, each with a default.

Training arguments are spelled as in transformers.TrainingArguments and peft.LoraConfig. Field
descriptions end up in the JSON schema that editors show. Knows nothing of files or positions.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

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


class DataSettings(Strict):
    """Where the labelled rows are, and which columns matter."""

    train: str = Field(
        description="File of answered rows: CSV, TSV, JSON, JSONL, Parquet or XLSX; or a data set"
        " on the Hugging Face Hub: owner/name, with @revision and :split where wanted.",
        min_length=1,
    )
    validation: str | None = Field(
        None, description="Rows to choose on, as in train. Left out: taken from train."
    )
    test: str | None = Field(
        None, description="Rows to judge on, once, as in train. Left out: taken from train."
    )
    format: Literal["auto"] | Format = Field(
        "auto",
        description="What the columns mean together: an input and a target (columns), a list of"
        " turns with role and content (messages) or from and value (sharegpt), instruction, input"
        " and output (alpaca), prompt and completion, with chosen and rejected (preference) or"
        " with a true or false label (kto). auto looks.",
    )
    sheet: str | None = Field(
        None, description="Sheet of a spreadsheet. Left out: the first that has rows."
    )
    input: str | None = Field(
        None, description="Column with the text, or with the turns. Left out: detected."
    )
    target: str | None = Field(
        None, description="Column with the label or answer. Left out: detected."
    )
    group: str | None = Field(
        None, description="Column whose equal values (a customer, say) stay on one side of a split."
    )
    time: str | None = Field(
        None,
        description="Column with a date: the newest rows are judged on, the next newest chosen on."
        " Left out: sides are drawn at random, by content hash.",
    )
    train_rows: PositiveInt | None = Field(
        None, description="Use only this many training rows, chosen by content hash."
    )
    test_share: Share = Field(
        0.2, description="Share of rows held out for judging when `test` is left out."
    )
    validation_share: Share = Field(
        0.1, description="Share of the training rows held out for choosing."
    )


class CandidateSettings(Strict):
    """What all candidates share."""

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of its folder and row in the report. Left out: kind and model.",
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

    r: PositiveInt | None = Field(None, description="Rank. Left out: by recipe.")
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


def kind_of(value: Any) -> str | None:
    """Return the kind that a candidate's entry names: 'probe', {'probe': …} or a tuple of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value)))
    if isinstance(value, Entry):
        return value.kind
    return None


class Entry(Strict):
    """One item of `candidates`: a kind alone, or a kind with its settings under it."""

    @model_validator(mode="before")
    @classmethod
    def a_word_alone_means_defaults(cls, value: Any) -> Any:
        """Read 'probe' as {'probe': {}}, and {'probe': null} likewise."""
        if isinstance(value, str):
            return {value: {}}
        if isinstance(value, dict):
            return {key: {} if item is None else item for key, item in value.items()}
        return value

    @property
    def kind(self) -> str:
        """The candidate's kind."""
        return next(iter(type(self).model_fields))

    @property
    def settings(self) -> CandidateSettings:
        """The candidate's settings."""
        found: CandidateSettings = getattr(self, self.kind)
        return found


class MajorityEntry(Entry):
    """Always the most frequent label."""

    majority: MajoritySettings


class ExistingEntry(Entry):
    """The system you have today."""

    existing: ExistingSettings


class ProbeEntry(Entry):
    """Logistic regression on frozen embeddings."""

    probe: ProbeSettings


class EncoderEntry(Entry):
    """A fine-tuned encoder."""

    encoder: EncoderSettings


class ClassifierEntry(Entry):
    """A language model with a classification head."""

    classifier: ClassifierSettings


class PromptEntry(Entry):
    """A prompted language model."""

    prompt: PromptSettings


class LoraEntry(Entry):
    """A language model with a LoRA adapter."""

    lora: LoraCandidateSettings


class ApiEntry(Entry):
    """A model that its provider tunes."""

    api: ApiSettings


class FullEntry(Entry):
    """A language model, all of it tuned."""

    full: FullSettings


CandidateEntry = Annotated[
    Annotated[MajorityEntry, Tag("majority")]
    | Annotated[ExistingEntry, Tag("existing")]
    | Annotated[ProbeEntry, Tag("probe")]
    | Annotated[EncoderEntry, Tag("encoder")]
    | Annotated[ClassifierEntry, Tag("classifier")]
    | Annotated[PromptEntry, Tag("prompt")]
    | Annotated[LoraEntry, Tag("lora")]
    | Annotated[FullEntry, Tag("full")]
    | Annotated[ApiEntry, Tag("api")],
    Discriminator(kind_of),
]


LabelMetric = Literal["accuracy", "macro_f1"]
TextMetric = Literal["rouge_l", "token_f1", "exact_match", "chrf", "bleu", "similarity", "checks"]
Metric = LabelMetric | TextMetric
LABEL_METRICS: tuple[str, ...] = get_args(LabelMetric)
TEXT_METRICS: tuple[str, ...] = get_args(TextMetric)
WRITERS = (
    "majority",
    "existing",
    "prompt",
    "lora",
    "full",
    "api",
)  # kinds that can write an answer


class DecideSettings(Strict):
    """What counts as better, and what any winner must keep to."""

    metric: Metric = Field(
        "accuracy",
        description="What candidates are compared by. Left out: accuracy for labels, rouge_l for"
        " written answers.",
    )
    minimum_gain: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.02, description="A more laborious candidate must be better by at least this much."
    )
    max_latency_ms: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Slowest p95 of a single request on this machine that is acceptable."
    )
    at_least: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="The bar: a candidate whose metric is lower is not to be used."
    )
    margin: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="Candidates shown to be less than this apart count as equally good. Left out:"
        " minimum_gain.",
    )
    requests_per_month: PositiveInt | None = Field(
        None,
        description="How many requests there will be; with prices, cost decides between equals.",
    )
    price_per_hour: Money | None = Field(
        None,
        description="US dollars that an hour of the hardware costs, here or where it will run.",
    )
    upkeep_per_month: Money = Field(
        0.0, description="US dollars a month that keeping a tuned model costs beside its requests."
    )
    months: PositiveInt = Field(
        12, description="Months over which what is paid once (tuning) is spread."
    )
    max_cost_per_1000: Money | None = Field(
        None, description="Most US dollars that 1,000 requests may cost."
    )
    run_locally: bool = Field(
        False, description="Only candidates that send nothing to an endpoint may win."
    )
    least_consistency: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="A candidate that answers the same request less alike than this is not to be"
        " used: the share of labels, ROUGE-L of written answers; needs consistency.",
    )


class CheckSettings(Strict):
    """Something that every written answer must hold to; exactly one of these."""

    name: str | None = Field(None, description="What it is called in the report.")
    json_schema: dict[str, Any] | None = Field(
        None, description="The answer is JSON that this schema allows."
    )
    regex: str | None = Field(None, min_length=1, description="This is found in the answer.")
    must_contain: list[str] | None = Field(
        None, min_length=1, description="All of these stand in the answer; case doesn't count."
    )
    must_not_contain: list[str] | None = Field(
        None, min_length=1, description="None of these stands in it; case doesn't count."
    )
    most_words: PositiveInt | None = Field(None, description="It has no more words than this.")
    fewest_words: PositiveInt | None = Field(None, description="It has no fewer words than this.")
    most_characters: PositiveInt | None = Field(
        None, description="It has no more characters than this."
    )
    reading_grade: float | None = Field(
        None, description="Reading it takes no more than this school grade (ARI; English)."
    )
    language: str | None = Field(
        None,
        pattern="^[a-z]{2}$",
        description="It is in this language, such as en; short answers are accused of nothing.",
    )

    @model_validator(mode="after")
    def exactly_one_check(self) -> CheckSettings:
        """Refuse none or several, a pattern that is none and a schema that is none."""
        given = [n for n in type(self).model_fields if n != "name" and getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one check in each item")
        if self.regex is not None:
            try:
                re.compile(self.regex)
            except re.error as error:
                raise ValueError(f"the regular expression is none ({error})") from error
        if self.json_schema is not None:
            from jsonschema.exceptions import SchemaError
            from jsonschema.validators import validator_for

            try:
                validator_for(self.json_schema).check_schema(self.json_schema)
            except SchemaError as error:
                raise ValueError(f"json_schema is no JSON schema ({error.message})") from error
        return self

    @property
    def asked(self) -> tuple[str, Any]:
        """The one check: its key and value."""
        fields = (n for n in type(self).model_fields if n != "name")
        return next((n, getattr(self, n)) for n in fields if getattr(self, n) is not None)

    @property
    def title(self) -> str:
        """What it is called: its name, or its key and value in short."""
        key, value = self.asked
        if self.name is not None:
            return self.name
        words = ", ".join(value) if isinstance(value, list) else str(value)
        return key if key == "json_schema" else f"{key} {words}"[:80]


Tracker = Literal["mlflow", "trackio"]
Rewording = Literal["case", "punctuation", "greeting", "typo"]


class ConsistencySettings(Strict):
    """Whether the same request gets the same answer, however it is worded."""

    rewordings: list[Rewording] = Field(
        list(get_args(Rewording)),
        description="Small changes of the wording after which test rows are asked again.",
    )
    rows: PositiveInt = Field(
        100, description="Test rows, at most, that are asked again; a random part."
    )
    same_request: str | None = Field(
        None,
        description="Column of the data files in which rows that are the same request, differently"
        " worded, have the same value.",
    )
    seeds: Annotated[int, Field(ge=0, le=16)] = Field(
        0,
        description="Further seeds with which prompted and tuned candidates are fitted anew, to ask"
        " the same rows; takes as long as fitting so many times.",
    )


class BudgetSettings(Strict):
    """What a run may take before it asks; see `tunewise plan`."""

    hours: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Hours of this machine at most. Left out: not limited."
    )
    usd: Annotated[float, Field(gt=0)] | None = Field(
        None, description="US dollars at most, by `prices` of this machine. Left out: not limited."
    )


def _default_candidates(given: dict[str, Any]) -> list[CandidateEntry]:
    if given.get("kind") == "generation":
        return [
            MajorityEntry(majority=MajoritySettings()),
            PromptEntry(prompt=PromptSettings()),
            LoraEntry(lora=LoraCandidateSettings()),
        ]
    return [
        MajorityEntry(majority=MajoritySettings()),
        ProbeEntry(probe=ProbeSettings()),
        PromptEntry(prompt=PromptSettings()),
        EncoderEntry(encoder=EncoderSettings()),
    ]


class SpendingSettings(Strict):
    """What endpoints may cost: the cap on all that this task's run folder ever asks of them."""

    usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="US dollars at most. Left out: no cap."
    )
    requests: PositiveInt | None = Field(None, description="Requests at most. Left out: no cap.")
    tokens: PositiveInt | None = Field(
        None, description="Tokens read and written at most. Left out: no cap."
    )


class Task(Strict):
    """A task: what to answer, from which data, with which candidates, and how to decide."""

    task: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Name; the run folder's name too."
    )
    kind: Kind = Field(
        "classification",
        description="What is answered: one of a fixed set of labels, or a text that is written.",
    )
    instruction: str | None = Field(
        None, description="The task in a sentence or two, for prompted models."
    )
    data: DataSettings
    candidates: list[CandidateEntry] = Field(
        default_factory=_default_candidates,
        min_length=1,
        description="What may answer the task. Left out: majority, probe, prompt and encoder; for"
        " written answers majority, prompt and lora.",
    )
    checks: list[CheckSettings] = Field(
        default_factory=list,
        description="What every written answer must hold to; the share that does is reported.",
    )
    similarity: str | None = Field(
        None,
        description="Encoder whose embeddings say how near in meaning an answer is to the right"
        " one, such as minilm-l6. Left out: none, unless decide.metric is similarity.",
    )
    consistency: ConsistencySettings | None = Field(
        None, description="Whether answers are alike over rewordings. Left out: not looked at."
    )
    decide: DecideSettings = DecideSettings()
    spending: SpendingSettings = SpendingSettings()
    offline: bool = Field(False, description="Forbid candidates that send rows to an endpoint.")
    budget: BudgetSettings | None = Field(
        None, description="What a run may take; it asks before it takes more. Left out: no limit."
    )
    prices: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict,
        description="US dollars an hour of a card, by its name, in place of the catalogue's; of"
        " this machine under 'this machine'.",
    )
    track: list[Tracker] = Field(
        default_factory=list,
        description="Experiment trackers that are told of a finished run: figures, verdict, report."
        " Left out: none.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @property
    def encoder_of_similarity(self) -> str | None:
        """The encoder of the metric 'similarity'; None where nobody asks for it."""
        return self.similarity or (DEFAULT_ENCODER if self.decide.metric == "similarity" else None)

    @model_validator(mode="before")
    @classmethod
    def metric_follows_kind(cls, value: Any) -> Any:
        """Judge written answers by ROUGE-L where no metric is named."""
        if not isinstance(value, dict) or value.get("kind") != "generation":
            return value
        decide = value.get("decide") or {}
        if not isinstance(decide, dict) or "metric" in decide:
            return value
        return value | {"decide": decide | {"metric": "rouge_l"}}

    @model_validator(mode="after")
    def kind_bears_metric_and_candidates(self) -> Task:
        """Refuse a metric or a candidate that the kind of task can't have."""
        legal = TEXT_METRICS if self.kind == "generation" else LABEL_METRICS
        if self.decide.metric not in legal:
            raise ValueError(
                f"decide: metric '{self.decide.metric}' doesn't fit kind '{self.kind}'; choose from"
                f" {', '.join(legal)}"
            )
        if self.offline:
            self._refuse_endpoints()
        if self.kind == "classification" and (self.checks or self.similarity):
            raise ValueError(
                f"{'checks' if self.checks else 'similarity'}: they look at written answers, and"
                " the task is of kind 'classification'; leave them out"
            )
        if self.decide.least_consistency is not None and self.consistency is None:
            raise ValueError("decide: least_consistency needs consistency, which measures it")
        if self.decide.metric == "checks" and not self.checks:
            raise ValueError("decide: metric 'checks' needs at least one item in checks")
        self._refuse_token_budgets()
        if self.kind == "classification":
            self._refuse_what_scores_bear_not()
        if self.kind == "generation":
            for entry in self.candidates:
                if entry.kind not in WRITERS:
                    raise ValueError(
                        f"candidates: {entry.kind} chooses among labels and can't write an answer;"
                        f" kind 'generation' has {', '.join(WRITERS)}"
                    )
        return self

    def _refuse_endpoints(self) -> None:
        for name, entry in named(self.candidates).items():
            if getattr(entry.settings, "endpoint", None):
                raise ValueError(
                    f"candidates: '{name}' sends rows to an endpoint, which 'offline: true' forbids"
                )

    def _refuse_token_budgets(self) -> None:
        """Refuse a search by tokens where none are counted before they are written."""
        for name, entry in named(self.candidates).items():
            settings = entry.settings
            if not isinstance(settings, PromptSettings) or settings.endpoint is not None:
                continue
            if settings.search and settings.search.tokens and settings.is_asked(self.kind):
                raise ValueError(
                    f"candidates: the search of '{name}' writes replies on this machine, so it is"
                    " bounded by 'requests'; 'tokens' are for endpoints and for scored labels"
                )

    def _refuse_what_scores_bear_not(self) -> None:
        """Refuse settings that labels which are scored on this machine can't have."""
        for name, entry in named(self.candidates).items():
            settings = entry.settings
            if not isinstance(settings, PromptSettings) or settings.asks_elsewhere:
                continue
            if {*settings.think} == {True, False}:
                raise ValueError(
                    f"candidates: '{name}' is on this machine, where labels are scored without"
                    " thoughts; give one candidate 'think: [true]', and another none"
                )


def columns_asked(task: Task) -> list[str]:
    """Return further columns that the task names: existing systems' answers, the same request's."""
    existing = [
        entry.settings.column  # type: ignore[attr-defined]
        for entry in named(task.candidates).values()
        if entry.kind == "existing" and entry.settings.column  # type: ignore[attr-defined]
    ]
    same = task.consistency.same_request if task.consistency else None
    return sorted([*existing, *([same] if same else [])])


def named(entries: list[CandidateEntry]) -> dict[str, Entry]:
    """Return the candidates under the names of their folders, in the user's order.

    A name that isn't given is the kind, with the model where the kind has one; a second one of
    the same name gets '-2'.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        name = entry.settings.name or default_name(entry)
        unique, count = name, 1
        while unique in found:
            count += 1
            unique = f"{name}-{count}"
        found[unique] = entry
    return found


def default_name(entry: Entry) -> str:
    """Return 'kind-model', the model's path or Hub owner left out, or the kind alone."""
    model = getattr(entry.settings, "model", None)
    if model is None:
        return entry.kind
    tail = str(model).rstrip("/").rsplit("/", 1)[-1]
    legal = "".join(c if c.isalnum() or c in "._-" else "-" for c in tail)
    lora = "-lora" if getattr(entry.settings, "lora", False) else ""
    return f"{entry.kind}-{legal}{lora}"[:64]


def task_schema() -> dict[str, Any]:
    """Return the JSON schema of task.yaml, in which a candidate may be a word alone."""
    schema = Task.model_json_schema()
    definitions = schema["$defs"]
    for entry in Entry.__subclasses__():
        kind = next(iter(entry.model_fields))
        full = definitions[entry.__name__]
        settings = full["properties"][kind]
        full["properties"][kind] = {"anyOf": [settings, {"type": "null"}]}
        definitions[entry.__name__] = {"anyOf": [full, {"const": kind}]}
    items = schema["properties"]["candidates"]["items"]
    items["anyOf"] = items.pop("oneOf")
    items.pop("discriminator", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "task.yaml",
    } | schema
