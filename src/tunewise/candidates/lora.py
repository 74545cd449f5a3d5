"""A causal language model tuned on its answers: a LoRA adapter, or all of its weights.

Given labelled examples, leaves in its folder either `adapter/` (as PEFT writes it, with tokenizer,
chat template and a model card beside it; the base model is resolved again) or `model/` (all weights
as save_pretrained writes them), `training.json` with the curves, and settings.json. Where the task
has labels, they are scored, so an answer is always a legal one; else the answer is written. The
training itself is in tunewise.training.language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tunewise.candidates import Setup
from tunewise.candidates.prompt.conversation import Conversation
from tunewise.candidates.prompt.settings_file import used
from tunewise.candidates.tuned import answering_dtype, base_of
from tunewise.candidates.writing import AnswerWriter
from tunewise.engines.label_scoring import LabelScorer
from tunewise.engines.precision import computes_in_bf16, fastest_dtype
from tunewise.engines.window import room_for
from tunewise.errors import ModelError
from tunewise.files import folder_written_whole, read_json, write_json
from tunewise.models.loading import (
    context_length,
    load_causal,
    load_tokenizer,
    quiet_peft,
    quiet_transformers,
    stop_ids,
)
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Progress
from tunewise.records import Example, Prediction
from tunewise.rendering.chat import Chat, chat_to_train
from tunewise.rendering.rows import Renderer
from tunewise.rendering.wording import Wording, wording_of
from tunewise.task.settings import TuningSettings
from tunewise.training.checkpoints import delete_checkpoints
from tunewise.training.language.adapters import dequantised
from tunewise.training.language.arguments import Arguments, effective
from tunewise.training.language.card import card
from tunewise.training.language.fit import Job, TunedLanguageModel, device, tuned
from tunewise.training.language.launched import launched


class Lora:
    """The candidates `lora` and `full`."""

    def __init__(self, settings: TuningSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> FittedLora:
        """Tune on `train`; keep the weights with the lowest loss on `validation`.

        Raises:
            ModelError: the model isn't a language model that can be tuned.
            DataError, DiskFull, OutOfMemory, TaskFileError, BadInput: see tunewise.training.
        """
        settings = self.settings
        base = resolve(settings.model, progress, task_folder=self.setup.task_folder)
        where = f"{self.setup.kind}: {settings.model}"
        if base.kind != "causal":
            raise ModelError(
                f"'{settings.model}' is an encoder, not a language model",
                where=where,
                mend="Use it under encoder, or name a language model.",
            )
        tokenizer = load_tokenizer(base.path)
        chat = chat_to_train(tokenizer)
        renderer = Renderer(chat, self._wording(), settings.train_on)
        arguments = effective(
            settings,
            rows=len(train),
            parameters=parameters_of(base.path),
            max_length=min(
                settings.max_length, context_length(base.path, tokenizer) or settings.max_length
            ),
            bf16=computes_in_bf16(settings.bf16, device()),
            seed=self.setup.seed,
        )
        job = Job(
            train=renderer.rendered(train, progress),
            validation=renderer.rendered(validation, progress),
            arguments=arguments,
            allow=settings.allow,
            folder=folder,
            model=base.path,
            model_fingerprint=base.fingerprint,
            tokens_per_pass=settings.tokens_per_pass,
            where=where,
        )
        several = self.setup.processes
        done = launched(job, several, progress) if several > 1 else tuned(job, progress)
        about = self._about(base, arguments, done)
        self._save(done, tokenizer, folder, about)
        write_json(folder / "training.json", {"curve": done.curve})
        write_json(folder / "settings.json", about)
        delete_checkpoints(folder)
        loss = "" if done.validation_loss is None else f", loss {done.validation_loss:.3f}"
        progress.line(
            f"Tuned {done.trainable_parameters:,} of {done.total_parameters:,} parameters; epoch"
            f" {done.chosen_epoch} is kept{loss}."
        )
        return self.load(folder)

    def load(self, folder: Path) -> FittedLora:
        """Return the tuned model that `fit` left in `folder`.

        Raises:
            RunFolderError: the base model of an adapter isn't the one it was trained on.
        """
        about = read_json(folder / "settings.json")
        dtype = answering_dtype(about, device())
        if about["training"]["method"] == "full":
            place = folder / "model"
            model: Any = load_causal(place, dtype)
        else:
            place = folder / "adapter"
            model = trained_weights(about, place, self.setup.task_folder).to(dtype)
        return FittedLora(
            model.to(device()).eval(),
            load_tokenizer(place),
            self._wording(),
            self.setup,
            stops=frozenset(about["answering"]["stop_ids"]),
            max_new_tokens=about["answering"]["max_new_tokens"],
        )

    def _wording(self) -> Wording:
        return wording_of(self.setup.task_kind, self.setup.instruction, self.setup.labels)

    def _save(
        self, done: TunedLanguageModel, tokenizer: Any, folder: Path, about: dict[str, Any]
    ) -> None:
        """Write weights, tokenizer, chat template and model card."""
        name = "model" if about["training"]["method"] == "full" else "adapter"
        model: Any = done.model
        with folder_written_whole(folder / name) as place, quiet_transformers():
            if name == "model":
                model.to(fastest_dtype(device())).save_pretrained(str(place))
            else:
                for config in model.peft_config.values():
                    config.base_model_name_or_path = about["model"]["name"]
                # Else PEFT asks the Hub whether the vocabulary has grown; it never does here.
                model.save_pretrained(str(place), save_embedding_layers=False)
            tokenizer.save_pretrained(str(place))
            (place / "README.md").write_text(card(about), encoding="utf-8")

    def _about(
        self, base: ModelFolder, arguments: Arguments, done: TunedLanguageModel
    ) -> dict[str, Any]:
        longest = self.settings.max_new_tokens or room_for(done.longest_answer)
        return {
            "kind": self.setup.kind,
            "model": asdict(used(base)),
            "training": asdict(arguments),
            "chosen_epoch": done.chosen_epoch,
            "validation_loss": [
                entry["validation_loss"] for entry in done.curve if "validation_loss" in entry
            ],
            "rows": done.rows,
            "tokens": done.tokens,
            "supervised_tokens": done.supervised_tokens,
            "trainable_parameters": done.trainable_parameters,
            "total_parameters": done.total_parameters,
            "tokens_per_second": done.tokens_per_second,
            "tokens_per_pass": done.tokens_per_pass,
            "recomputed_layers": done.recomputed_layers,
            "compiled": done.compiled,
            "row_by_row": done.plain,
            "fast_loss_differs_by": done.difference,
            "answering": {
                "dtype": str(fastest_dtype(device())).removeprefix("torch."),
                "max_new_tokens": longest,
                "stop_ids": sorted(stop_ids(base.path)),
            },
            "labels": list(self.setup.labels),
        }


class FittedLora:
    """A tuned language model that answers.

    Args:
        model: with its adapter merged.
        tokenizer: its tokenizer, with the chat template that it was trained with.
        wording: of the task.
        setup: of the task.
        stops: tokens at which the base model stops.
        max_new_tokens: of a written answer at most.

    Attributes:
        model, wording, max_new_tokens: as given.
        chat: of the model.
        ends: tokens that end a written answer.
        conversation: that writes prompts and labels, where the task has labels.
        scorer: of these labels.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        wording: Wording,
        setup: Setup,
        *,
        stops: frozenset[int],
        max_new_tokens: int,
    ) -> None:
        self.wording, self.setup, self.max_new_tokens = wording, setup, max_new_tokens
        self.model, self.chat = model, Chat(tokenizer)
        self.answers = AnswerWriter(model, self.chat, stops)
        self.ends = self.answers.ends
        self.scorer: LabelScorer | None = None
        self.conversation: Conversation | None = None
        if setup.task_kind == "classification":
            texts = list(wording.answers.values())
            self.conversation = Conversation(tokenizer, texts, setup.instruction, wording.templates)
            self.scorer = LabelScorer(
                model, self.conversation.label_ids, self.conversation.shared_ids(0)
            )

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return one prediction per example: the most probable label, or a written answer."""
        if self.scorer is not None:
            return self._labels(examples, progress)
        return self.answers.predictions(
            examples, self.asked(examples), self.max_new_tokens, progress
        )

    def asked(self, examples: Sequence[Example]) -> list[str]:
        """Return the prompt of each example whose answer is written."""
        prompts = (self.wording.prompt(example) for example in examples)
        return [self.answers.chat.render(prompt, answer_follows=True) for prompt in prompts]

    def _labels(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        assert self.conversation is not None
        assert self.scorer is not None
        prompts = [self.conversation.prompt_ids(example.input) for example in examples]
        names = [f"{example.source}:{example.row}" for example in examples]
        logps = self.scorer.scores(prompts, names=names, progress=progress)
        shares = np.exp(logps - logps.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        best = logps.argmax(axis=1)
        return [
            Prediction(
                id=example.id,
                answer=self.setup.labels[int(place)],
                scores=tuple(map(float, row)),
                prompt_tokens=len(prompt),
                completion_tokens=len(self.conversation.label_ids[int(place)]),
            )
            for example, prompt, row, place in zip(examples, prompts, shares, best, strict=True)
        ]


def trained_weights(about: dict[str, Any], adapter: Path, task_folder: Path) -> Any:
    """Return the base model with an adapter merged into it, in float32.

    Args and Raises: see base_weights.
    """
    return merged(base_weights(about, adapter, task_folder), adapter)


def base_weights(about: dict[str, Any], adapter: Path, task_folder: Path) -> Any:
    """Return the base model that an adapter is merged into, in float32.

    An adapter that learnt beside NF4 weights is merged into what these weights stand for, since it
    makes up for their rounding as well.

    Args:
        about: the candidate's settings.json.
        adapter: its folder.
        task_folder: where the user's relative paths start.

    Raises:
        RunFolderError: the base model isn't the one it was trained on.
    """
    base = base_of(about, adapter, task_folder)
    training = about["training"]
    if not training["load_in_4bit"]:
        return load_causal(base, torch.float32)
    read_in = torch.bfloat16 if training["bf16"] else torch.float32
    return dequantised(base, read_in, device(), str(adapter))


def merged(base: Any, adapter: Path) -> Any:
    """Return a loaded base model with an adapter merged into it, in the base's number format."""
    from peft import PeftModel

    with quiet_transformers(), quiet_peft():
        return PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()


def parameters_of(folder: Path) -> int:
    """Return how many parameters the weights in a model folder have, tied ones counted once."""
    from safetensors import safe_open

    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - not a dictionary
                total += int(np.prod(opened.get_slice(name).get_shape()))
    return total
