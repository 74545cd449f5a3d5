"""The whole of task.yaml, what its parts ask of each other, and its JSON schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tunewise.task.settings.basics import DEFAULT_ENCODER, Kind, PositiveInt, Strict
from tunewise.task.settings.choosing import EncoderSettings, MajoritySettings, ProbeSettings
from tunewise.task.settings.data import DataSettings
from tunewise.task.settings.entries import (
    WRITERS,
    CandidateEntry,
    EncoderEntry,
    Entry,
    LoraEntry,
    MajorityEntry,
    ProbeEntry,
    PromptEntry,
    named,
)
from tunewise.task.settings.judging import (
    LABEL_METRICS,
    TEXT_METRICS,
    CheckSettings,
    ConsistencySettings,
    DecideSettings,
)
from tunewise.task.settings.prompting import PromptSettings
from tunewise.task.settings.tuning import LoraCandidateSettings

Tracker = Literal["mlflow", "trackio"]


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
