"""How answers are judged: `decide`, `checks`, `consistency`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from tunewise.task.settings.basics import Money, PositiveInt, Strict

LabelMetric = Literal["accuracy", "macro_f1"]
TextMetric = Literal["rouge_l", "token_f1", "exact_match", "chrf", "bleu", "similarity", "checks"]
Metric = LabelMetric | TextMetric
LABEL_METRICS: tuple[str, ...] = get_args(LabelMetric)
TEXT_METRICS: tuple[str, ...] = get_args(TextMetric)


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
