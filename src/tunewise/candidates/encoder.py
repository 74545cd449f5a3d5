"""A tuned model with a classification head: all its weights, or a LoRA adapter.

The candidate `encoder` reads texts with an encoder, `classifier` with a causal language model.
Given labelled examples, leaves in its folder either `model/` (the whole model as save_pretrained
writes it, its tokenizer and head.safetensors: nothing else is needed to answer) or, for LoRA,
`adapter/` (as PEFT writes it, tokenizer and head beside it; the base model is resolved again),
`training.json` with the curves, and settings.json. The training itself is in tunewise.training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model

from tunewise.candidates import Setup
from tunewise.candidates.label_names import LabelNames, label_names
from tunewise.candidates.tuned import answering_dtype, base_of
from tunewise.engines.embeddings import Embedder
from tunewise.engines.precision import computes_in_bf16, fastest_dtype
from tunewise.errors import ModelError, RunFolderError
from tunewise.files import folder_written_whole, read_json, write_json
from tunewise.models.loading import (
    load_encoder,
    load_tokenizer,
    most_tokens,
    quiet_peft,
    quiet_transformers,
)
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Progress, showing
from tunewise.records import Example, Prediction
from tunewise.task.settings import EncoderSettings, LoraSettings
from tunewise.training.checkpoints import delete_checkpoints
from tunewise.training.encoder.arguments import Arguments, effective, lora_settings
from tunewise.training.encoder.batches import Padding, batches_by_length, tokenised
from tunewise.training.encoder.classifier import EncoderClassifier, save_classifier, with_head
from tunewise.training.encoder.fit import Job, Texts, Tuned, device, end_token, tuned
from tunewise.training.preflight import check_target_modules


class Encoder:
    """The candidates `encoder` and `classifier`."""

    def __init__(self, settings: EncoderSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> FittedEncoder:
        """Fine-tune on `train`; keep the last epoch unless `validation` clearly prefers another.

        Raises:
            ModelError: the model isn't of the kind that is read, or can't be tuned.
            DataError, DiskFull, TaskFileError, BadInput: see tunewise.training.
        """
        base = resolve(self.settings.model, progress, task_folder=self.setup.task_folder)
        where = f"{self.setup.kind}: {self.settings.model}"
        _refuse_other_kind(base.kind, self.setup.kind, self.settings.model, where)
        tokenizer, encoder = load_tokenizer(base.path), load_encoder(base.path)
        names = self._label_names(train, base.path, progress)
        texts = self._texts(train, names)
        most = self.settings.max_length
        arguments = effective(
            self.settings,
            rows=len(texts.texts),
            parameters=encoder.num_parameters(),
            max_length=min(most, most_tokens(encoder.config, tokenizer) or most),
            bf16=computes_in_bf16(self.settings.bf16, device()),
            seed=self.setup.seed,
        )
        job = Job(
            train=texts,
            validation=self._texts(validation),
            labels=self.setup.labels,
            arguments=arguments,
            folder=folder,
            model_fingerprint=base.fingerprint,
            where=where,
        )
        encoder = prepared_encoder(encoder, lora_settings(self.settings), job.where)
        done = tuned(encoder, tokenizer, job, progress)
        kind = "model" if arguments.lora is None else "adapter"
        with folder_written_whole(folder / kind) as temporary:
            save_classifier(done.model, tokenizer, self.setup.labels, temporary)
        self._write_records(folder, base, arguments, names, done)
        delete_checkpoints(folder)
        return self.load(folder)

    def load(self, folder: Path) -> FittedEncoder:
        """Return the encoder that `fit` left in `folder`.

        Raises:
            RunFolderError: the base model of an adapter isn't the one it was trained on.
        """
        about = read_json(folder / "settings.json")
        model, tokenizer = trained_classifier(about, folder, self.setup.task_folder)
        return FittedEncoder(
            model,
            tokenizer,
            answering_order(about["labels"], self.setup.labels, folder),
            max_length=about["training"]["max_length"],
            dtype=answering_dtype(about, device()),
        )

    def _label_names(self, train: Sequence[Example], model: Path, progress: Progress) -> LabelNames:
        def embedded(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
            embedder = Embedder(model, self.settings.max_length)
            return embedder.embed([e.input for e in train], progress), embedder.embed(names)

        y = self._texts(train).labels
        return label_names(self.settings.label_names, self.setup.labels, y, embedded)

    def _texts(self, examples: Sequence[Example], names: LabelNames | None = None) -> Texts:
        index = {label: i for i, label in enumerate(self.setup.labels)}
        rows = [(e.input, index[e.target]) for e in examples]
        rows += names.examples if names else ()
        return Texts([text for text, _ in rows], [label for _, label in rows])

    def _write_records(
        self,
        folder: Path,
        base: ModelFolder,
        arguments: Arguments,
        names: LabelNames,
        done: Tuned,
    ) -> None:
        write_json(folder / "training.json", {"curve": done.curve})
        key = f"validation_{arguments.metric}"
        write_json(
            folder / "settings.json",
            {
                "kind": self.setup.kind,
                "model": {
                    "name": base.name,
                    "source": base.source,
                    "licence": base.licence,
                    "fingerprint": base.fingerprint,
                },
                "label_names": names,
                "training": asdict(arguments),
                "chosen_epoch": done.chosen_epoch,
                key: [entry[key] for entry in done.curve if key in entry],
                "trainable_parameters": done.trainable_parameters,
                "total_parameters": done.total_parameters,
                "examples_per_second": done.examples_per_second,
                "cut_texts": done.cut_texts,
                "answering": {"dtype": str(fastest_dtype(device())).removeprefix("torch.")},
                "labels": list(self.setup.labels),
            },
        )


class FittedEncoder:
    """A fine-tuned encoder that answers.

    Args:
        model: the classifier, in float32.
        tokenizer: its tokenizer.
        order: for each label of the task, its place in the classifier's logits.
        max_length: tokens read of each text.
        dtype: in which the encoder computes; the head always does in float32.
    """

    def __init__(
        self,
        model: EncoderClassifier,
        tokenizer: Any,
        order: dict[str, int],
        *,
        max_length: int,
        dtype: torch.dtype,
    ) -> None:
        self.model = model.to(device()).eval()
        self.model.encoder.to(dtype)
        self.tokenizer, self.max_length = tokenizer, max_length
        self.labels, self.order = list(order), list(order.values())
        self.padding = Padding(tokenizer.pad_token_id or 0)
        self.end = end_token(tokenizer, model.pooling)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return one prediction per example, with the probability of each label."""
        ids = tokenised(self.tokenizer, [e.input for e in examples], self.max_length, self.end).ids
        found: list[Prediction | None] = [None] * len(examples)
        with showing(progress, "Answering", len(examples)) as bar:
            for rows in batches_by_length([len(row) for row in ids]):
                scores = self._scores([ids[row] for row in rows])
                for row, values in zip(rows, scores, strict=True):
                    best = max(range(len(values)), key=values.__getitem__)
                    found[row] = Prediction(
                        id=examples[row].id,
                        answer=self.labels[best],
                        scores=tuple(values),
                        prompt_tokens=len(ids[row]),
                    )
                bar.advance(len(rows))
        return [prediction for prediction in found if prediction is not None]

    def embed(self, texts: Sequence[str]) -> tuple[np.ndarray, list[int]]:
        """Return what the head reads of each text, at unit length, and how many tokens it has.

        Returns:
            Vectors, float32 [texts, hidden], and tokens [texts].
        """
        ids = tokenised(self.tokenizer, list(texts), self.max_length, self.end).ids
        lengths = [len(row) for row in ids]
        found = np.zeros((len(texts), self.model.head.in_features), dtype=np.float32)
        for rows in batches_by_length(lengths):
            batch = self.padding.padded([ids[row] for row in rows])
            with torch.inference_mode():
                pooled = self.model.pooled(**{k: v.to(device()) for k, v in batch.items()})
                found[rows] = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
        return found, lengths

    def _scores(self, ids: Sequence[list[int]]) -> list[list[float]]:
        """Return the probabilities [rows, labels] in the task's order."""
        batch = {name: tensor.to(device()) for name, tensor in self.padding.padded(ids).items()}
        with torch.inference_mode():
            probabilities = self.model(**batch)["logits"].softmax(-1)
        found: list[list[float]] = probabilities[:, self.order].tolist()
        return found


def _refuse_other_kind(found: str, candidate: str, model: str, where: str) -> None:
    """Stop when an encoder is to be read as a language model, or the other way about."""
    if candidate == "classifier" and found != "causal":
        raise ModelError(
            f"'{model}' is an encoder, not a language model",
            where=where,
            mend="Use it under encoder, or name a language model.",
        )
    if candidate != "classifier" and found != "encoder":
        raise ModelError(
            f"'{model}' is a language model, not an encoder",
            where=where,
            mend="Use it under classifier or prompt, or name an encoder such as 'minilm-l6'.",
        )


def prepared_encoder(encoder: Any, lora: LoraSettings | None, where: str) -> Any:
    """Return the encoder as it is trained: with an adapter if asked for, and plain attention.

    On a CPU and short texts, plain attention is faster than the fused kernel, see docs/encoder.md.
    """
    encoder.config.use_cache = False  # nothing is written, so nothing is remembered
    if device().type == "cpu":
        encoder.set_attn_implementation("eager")
    if lora is None:
        return encoder
    check_target_modules(encoder, lora.target_modules, f"{where}: lora.target_modules")
    config = LoraConfig(task_type=TaskType.FEATURE_EXTRACTION, **lora.model_dump())
    with quiet_peft():
        return get_peft_model(encoder, config)


def trained_classifier(
    about: dict[str, Any], folder: Path, task_folder: Path
) -> tuple[EncoderClassifier, Any]:
    """Return the classifier that `fit` left in `folder`, in float32, and its tokenizer.

    Args:
        about: its settings.json.
        folder: of the candidate.
        task_folder: where the user's relative paths start.

    Raises:
        RunFolderError: the base model of an adapter isn't the one it was trained on.
    """
    if about["training"]["lora"] is None:
        place = folder / "model"
        encoder: Any = load_encoder(place)
    else:
        place = folder / "adapter"
        encoder = adapted(load_encoder(base_of(about, place, task_folder)), place)
    return with_head(encoder, place, about["training"]["pooling"]), load_tokenizer(place)


def adapted(encoder: Any, folder: Path) -> Any:
    """Return `encoder` with the adapter in `folder` merged into its weights."""
    with quiet_transformers(), quiet_peft():
        return PeftModel.from_pretrained(encoder, str(folder)).merge_and_unload()


def answering_order(trained: list[str], task: Sequence[str], folder: Path) -> dict[str, int]:
    """Return the place of each label of the task among those that were trained."""
    if sorted(trained) != sorted(task):
        raise RunFolderError(
            "the labels aren't those that the model was trained on",
            where=str(folder),
            mend="Run the task again.",
        )
    return {label: trained.index(label) for label in task}
