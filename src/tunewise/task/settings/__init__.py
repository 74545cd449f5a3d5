"""What may stand in task.yaml: strict models with few keys, each with a default.

Training arguments are spelled as in transformers.TrainingArguments and peft.LoraConfig. Field
descriptions end up in the JSON schema that editors show. Knows nothing of files or positions.

One file a part of task.yaml: data.py; choosing.py, prompting.py and tuning.py for the kinds of
candidates, entries.py for their list; judging.py; task.py for the whole.
"""

from tunewise.task.settings.basics import (
    DEFAULT_ENCODER,
    DEFAULT_LANGUAGE_MODEL,
    CandidateSettings,
    Format,
    Kind,
    Strict,
)
from tunewise.task.settings.choosing import (
    ClassifierSettings,
    EncoderSettings,
    ExistingSettings,
    LoraSettings,
    MajoritySettings,
    ProbeSettings,
)
from tunewise.task.settings.data import DataSettings
from tunewise.task.settings.entries import (
    EncoderEntry,
    Entry,
    FullEntry,
    LoraEntry,
    ProbeEntry,
    PromptEntry,
    default_name,
    kind_of,
    named,
)
from tunewise.task.settings.judging import (
    LABEL_METRICS,
    TEXT_METRICS,
    CheckSettings,
    DecideSettings,
    Rewording,
)
from tunewise.task.settings.prompting import Order, PromptSettings, SearchSettings, Select
from tunewise.task.settings.task import BudgetSettings, Task, Tracker, columns_asked, task_schema
from tunewise.task.settings.tuning import (
    ApiSettings,
    FullSettings,
    LoraCandidateSettings,
    TuningSettings,
)

__all__ = [
    "DEFAULT_ENCODER",
    "DEFAULT_LANGUAGE_MODEL",
    "LABEL_METRICS",
    "TEXT_METRICS",
    "ApiSettings",
    "BudgetSettings",
    "CandidateSettings",
    "CheckSettings",
    "ClassifierSettings",
    "DataSettings",
    "DecideSettings",
    "EncoderEntry",
    "EncoderSettings",
    "Entry",
    "ExistingSettings",
    "Format",
    "FullEntry",
    "FullSettings",
    "Kind",
    "LoraCandidateSettings",
    "LoraEntry",
    "LoraSettings",
    "MajoritySettings",
    "Order",
    "ProbeEntry",
    "ProbeSettings",
    "PromptEntry",
    "PromptSettings",
    "Rewording",
    "SearchSettings",
    "Select",
    "Strict",
    "Task",
    "Tracker",
    "TuningSettings",
    "columns_asked",
    "default_name",
    "kind_of",
    "named",
    "task_schema",
]
