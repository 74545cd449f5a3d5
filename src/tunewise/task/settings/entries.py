"""`candidates`: a kind alone, or a kind with its settings under it; and the names they go by."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag, model_validator

from tunewise.task.settings.basics import CandidateSettings, Strict
from tunewise.task.settings.choosing import (
    ClassifierSettings,
    EncoderSettings,
    ExistingSettings,
    MajoritySettings,
    ProbeSettings,
)
from tunewise.task.settings.prompting import PromptSettings
from tunewise.task.settings.tuning import ApiSettings, FullSettings, LoraCandidateSettings


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


WRITERS = (
    "majority",
    "existing",
    "prompt",
    "lora",
    "full",
    "api",
)  # kinds that can write an answer


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
