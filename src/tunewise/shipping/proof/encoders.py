"""An encoder's or probe's export beside the trained candidate: ask, compare, name the cause.

Given the candidate and an exported model file, gives back a Proof. A position is a row here: its
label is what is compared. Knows nothing of how files were written.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunewise.candidates.encoder import FittedEncoder, adapted
from tunewise.candidates.logistic import probabilities
from tunewise.candidates.tuned import answering_dtype, base_of
from tunewise.models.loading import load_encoder, load_tokenizer
from tunewise.progress import Progress, Silent
from tunewise.records import Prediction
from tunewise.shipping.proof.adapter_files import compared_adapters
from tunewise.shipping.proof.metric import metric_of
from tunewise.shipping.proof.records import Cause, Proof
from tunewise.shipping.proof.weights import Compared
from tunewise.shipping.runtimes.in_onnxruntime import OnnxRuntime
from tunewise.shipping.subject import Subject
from tunewise.training.encoder.batches import tokenised
from tunewise.training.encoder.classifier import with_head
from tunewise.training.language.fit import device

BAR, INT8_BAR = 0.99, 0.97
TINY = 1e-12  # probabilities below it aren't told apart


def proved_encoder(
    subject: Subject, fitted: Any, folder: Path, model: str, progress: Progress
) -> Proof:
    """Return how one exported model file answers beside the trained encoder or probe.

    Raises:
        BadInput: the runtime isn't installed.
        ModelError: it doesn't load the file.
    """
    began = time.monotonic()
    texts = [example.input for example in subject.rows]
    trained = fitted.predict(subject.rows, progress)
    wanted = _ids(fitted, texts)
    runtime, ids, scores = _asked(subject, fitted, folder, model, texts)
    labels = subject.setup.labels
    exported = [
        Prediction(example.id, labels[int(row.argmax())], tuple(map(float, row)))
        for example, row in zip(subject.rows, scores, strict=True)
    ]
    failures, causes = list[str](), list[Cause]()
    equal = sum(a == b for a, b in zip(ids, wanted, strict=True))
    if equal < len(texts):
        failures.append(f"{len(texts) - equal:,} of {len(texts):,} texts are read as other tokens")
        words = "the exported tokenizer reads the very same text as other tokens"
        causes.append(Cause("tokenizer swapped", words))
    seen = _weights(subject, folder, model)
    if seen is not None and seen.off:
        failures.append(f"{len(seen.off):,} of {seen.compared:,} tensors aren't the trained ones")
        causes += seen.causes
    bar = INT8_BAR if "int8" in model else BAR
    same = sum(a.answer == b.answer for a, b in zip(trained, exported, strict=True))
    values, difference = metric_of(subject, trained, exported)
    if same < bar * len(texts):
        failures.append(f"the label agrees on {same / len(texts):.2%} of rows, below {bar:.0%}")
        causes += [] if causes else [_of_labels(trained, exported)]
    if not difference.low <= 0.0 <= difference.high:
        failures.append(f"{subject.metric} differs by {difference.value:+.3f}")
        causes += [] if causes else [_of_labels(trained, exported)]
    off = _log_differences(trained, scores, labels)
    return Proof(
        model=model,
        runtime=runtime,
        rows=len(texts),
        side=subject.side,
        prompts_equal=equal,
        positions=len(texts),
        agreement=same / len(texts),
        bar=bar,
        greedy_agreement=None,
        logp_largest=float(off.max()),
        logp_mean=float(off.mean()),
        logp_unknown=0,
        metric=subject.metric,
        trained=values[0],
        exported=values[1],
        difference=difference,
        ended=None,
        trained_ended=None,
        ran_on=None,
        weights_compared=seen.compared if seen else None,
        weights_off=len(seen.off) if seen else None,
        failures=tuple(failures),
        causes=tuple(causes),
        seconds=time.monotonic() - began,
    )


def _ids(fitted: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the tokens that the trained candidate reads of each text."""
    if isinstance(fitted, FittedEncoder):
        return tokenised(fitted.tokenizer, texts, fitted.max_length, fitted.end).ids
    found: list[list[int]] = fitted.embedder.tokens(texts)
    return found


def _asked(
    subject: Subject, fitted: Any, folder: Path, model: str, texts: Sequence[str]
) -> tuple[str, list[list[int]], np.ndarray]:
    """Return the runtime's name, the tokens it reads and the probabilities [rows, labels]."""
    if model.endswith(".onnx"):
        length = getattr(fitted, "max_length", None) or fitted.embedder.max_length
        runtime = OnnxRuntime(folder / model, length)
        ids = runtime.tokens(texts)
        return runtime.name, ids, probabilities(runtime.run("logits", ids))
    import transformers

    exported = _exported_encoder(subject, fitted, folder)
    ids = tokenised(exported.tokenizer, texts, exported.max_length, exported.end).ids
    scores = [answer.scores for answer in exported.predict(subject.rows, Silent())]
    return f"transformers {transformers.__version__}", ids, np.array(scores)


def _exported_encoder(subject: Subject, fitted: FittedEncoder, folder: Path) -> FittedEncoder:
    """Return the encoder in an exported folder: whole, or an adapter on its base model."""
    if (folder / "adapter_config.json").exists():
        base = base_of(subject.about, folder, subject.setup.task_folder)
        encoder = adapted(load_encoder(base), folder)
    else:
        encoder = load_encoder(folder)
    return FittedEncoder(
        with_head(encoder, folder, subject.about["training"]["pooling"]),
        load_tokenizer(folder),
        dict(zip(fitted.labels, fitted.order, strict=True)),
        max_length=fitted.max_length,
        dtype=answering_dtype(subject.about, device()),
    )


def _weights(subject: Subject, folder: Path, model: str) -> Compared | None:
    if model.endswith(".onnx") or not (folder / "adapter_config.json").exists():
        return None
    return compared_adapters(subject.folder / "adapter", folder)


def _log_differences(
    trained: Sequence[Prediction], scores: np.ndarray, labels: Sequence[str]
) -> np.ndarray:
    """Return by how much the log-probability of each trained answer differs, in nats [rows]."""
    places = [labels.index(answer.answer) for answer in trained]
    ours = np.array([answer.scores for answer in trained])[range(len(places)), places]
    theirs = scores[range(len(places)), places]
    found: np.ndarray = np.abs(np.log(ours + TINY) - np.log(theirs + TINY))
    return found


def _of_labels(trained: Sequence[Prediction], exported: Sequence[Prediction]) -> Cause:
    """Return whether labels were exchanged, or else that the format computes too coarsely."""
    pairs = Counter((a.answer, b.answer) for a, b in zip(trained, exported, strict=True))
    likeliest: dict[str, tuple[int, str]] = {}
    for (ours, theirs), count in pairs.items():
        likeliest[ours] = max(likeliest.get(ours, (0, "")), (count, theirs))
    explained = sum(count for count, _ in likeliest.values())
    moved = sum(ours != theirs for ours, (_, theirs) in likeliest.items())
    if moved > 1 and explained >= BAR * len(trained):
        words = f"{moved} labels are each answered as one and the same other label"
        return Cause("labels in another order", words)
    words = "texts are read as the same tokens, so the format computes too coarsely"
    return Cause("rounding", words)
