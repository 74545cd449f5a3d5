"""An encoder with its head as one ONNX graph: float32, and int8 with weights scaled per channel.

The graph maps tokens to logits in the task's order of labels, and to the pooled embeddings. A
probe's coefficients become the graph's last layer. Knows nothing of proofs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tunewise.candidates.encoder import trained_classifier
from tunewise.errors import BadInput, ModelError, one_line
from tunewise.models.loading import load_encoder, quiet_transformers
from tunewise.progress import Progress, showing
from tunewise.shipping.subject import Subject

FLOAT, INT8 = "model.onnx", "model-int8.onnx"
OPSET = 20  # the first with Gelu as one operator, which is computed faster than its parts
NEVER = -1e4  # logit of a label that had no training row; its probability is 0 in float32
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class EncoderGraph(nn.Module):
    """Tokens to logits [rows, labels] and embeddings [rows, hidden].

    Args:
        encoder: without a head, in float32.
        weights: of the last layer, [labels, hidden].
        bias: of the last layer, [labels].
        unit: whether embeddings have unit length, as a probe's do.
    """

    def __init__(self, encoder: nn.Module, weights: Tensor, bias: Tensor, *, unit: bool) -> None:
        super().__init__()
        self.encoder, self.unit = encoder, unit
        self.head = nn.Linear(weights.shape[1], weights.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(weights)
            self.head.bias.copy_(bias.clamp(min=NEVER))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and embeddings of rows padded on the right."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * mask).sum(1) / mask.sum(1)
        if self.unit:
            pooled = normalize(pooled, dim=-1)
        return self.head(pooled), pooled


def write(
    subject: Subject,
    fitted: Any,
    folder: Path,
    quantisations: Sequence[str],  # noqa: ARG001 - of other formats
    progress: Progress,
) -> list[str]:
    """Write both graphs and the tokenizer; return the graphs' names.

    Raises:
        BadInput: a package is missing.
        ModelError: the architecture can't be written as a graph.
    """
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            raise BadInput(
                f"exporting to ONNX needs the package {name}",
                mend="Install it: pip install 'tunewise[onnx]'",
            )
    graph, tokenizer = graph_of(subject, fitted)
    with showing(progress, "Writing ONNX", 2, "files") as bar:
        write_graph(graph, tokenizer, folder / FLOAT)
        bar.advance()
        quantise(folder / FLOAT, folder / INT8)
        bar.advance()
    with quiet_transformers():
        tokenizer.save_pretrained(str(folder))
    return [FLOAT, INT8]


def graph_of(subject: Subject, fitted: Any) -> tuple[EncoderGraph, Any]:
    """Return a fitted encoder or probe as one module in float32, and its tokenizer.

    The weights are read from the disk: those that `fitted` answers with may be rounded to bf16, and
    are what the graph is held against.
    """
    if subject.kind == "probe":
        encoder = load_encoder(Path(fitted.embedder.model.name_or_path), torch.float32)
        weights, bias = torch.from_numpy(fitted.weights), torch.from_numpy(fitted.bias)
        graph = EncoderGraph(encoder, weights, bias, unit=True)
        return graph.eval(), fitted.embedder.tokenizer
    task_folder = subject.setup.task_folder
    model, tokenizer = trained_classifier(subject.about, subject.folder, task_folder)
    order = torch.tensor(fitted.order)
    weights, bias = model.head.weight.detach()[order], model.head.bias.detach()[order]
    return EncoderGraph(model.encoder, weights, bias, unit=False).eval(), tokenizer


def write_graph(graph: EncoderGraph, tokenizer: Any, file: Path) -> None:
    """Write a graph whose rows and tokens may be any number."""
    if hasattr(graph.encoder, "set_attn_implementation"):
        graph.encoder.set_attn_implementation("eager")
    pad = tokenizer.pad_token_id or 0
    ids = torch.tensor([[pad + 1, pad + 2, pad + 3, pad + 4, pad + 5]] * 3)
    rows, tokens = torch.export.Dim("rows"), torch.export.Dim("tokens", max=_longest(graph.encoder))
    shape = {0: rows, 1: tokens}
    try:
        with _quiet():
            torch.onnx.export(
                graph,
                (ids, torch.ones_like(ids)),
                str(file),
                input_names=["input_ids", "attention_mask"],
                output_names=["logits", "embeddings"],
                dynamic_shapes={"input_ids": shape, "attention_mask": shape},
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:
        raise ModelError(
            f"the encoder can't be written as an ONNX graph ({one_line(str(error), 200)})",
            mend="Export it to merged, and tell us of this architecture.",
        ) from error


def quantise(file: Path, target: Path) -> None:
    """Write a graph anew with its matrices in int8, scaled per channel."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            str(file),
            str(target),
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"],
        )


def _longest(encoder: Any) -> int:
    """Return a bound on tokens for the exporter; what is read is cut off by the tokenizer."""
    return int(getattr(encoder.config, "max_position_embeddings", 512))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks off the terminal."""
    level = logging.root.level
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            logging.root.setLevel(level)
