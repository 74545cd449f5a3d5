"""A training in several processes: the job is written down, accelerate runs it, weights come back.

Given a Job and how many processes, gives back what `tuned` gives back. Each process runs worker.py;
how they find each other and share gradients is accelerate's. Knows nothing of task files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from tunewise import errors
from tunewise.errors import TunewiseError
from tunewise.files import read_json, write_json
from tunewise.models.loading import SAFELY
from tunewise.progress import Progress
from tunewise.rendering.faults import Fault
from tunewise.rendering.rows import Rendered
from tunewise.training.language.adapters import trainable
from tunewise.training.language.arguments import Arguments
from tunewise.training.language.fit import Job, TunedLanguageModel
from tunewise.workspace.cores import usable_cores

WHOLE = 0.6  # share of a card's memory up to which every process holds all weights
JOB, CONFIG = "job.json", "accelerate.yaml"
RESULT, WEIGHTS, ERROR = "result.json", "trained.safetensors", "error.json"


def launched(
    job: Job, processes: int, progress: Progress, *, sharded: bool | None = None
) -> TunedLanguageModel:
    """Tune a language model in several processes of this machine; see fit.tuned.

    Args:
        job: what is to be trained.
        processes: how many.
        progress: told which configuration accelerate is given.
        sharded: whether each process holds a part of the weights (FSDP2) in place of all (DDP);
            left out, where the weights take more than WHOLE of a card's memory.

    Raises:
        TunewiseError: what a process met.
        RuntimeError: a process ended without saying why.
    """
    for name in (RESULT, WEIGHTS, ERROR):
        (job.folder / name).unlink(missing_ok=True)
    write_json(job.folder / JOB, _plain(job))
    config = job.folder / CONFIG
    if sharded is None:
        sharded = needs_sharding(job.model)
    layer = layer_class(job.model) if sharded else None
    accelerate_config(processes, layer).to_yaml_file(str(config))
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)),
        *("-m", "tunewise.training.language.worker", str(job.folder)),
    ]
    how = "each with a part of the weights (FSDP2)" if sharded else "each with all weights (DDP)"
    progress.line(f"Training in {processes} processes, {how}, as {config} tells accelerate.")
    threads = max(1, usable_cores() // processes)
    ended = subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    if (job.folder / ERROR).exists():
        raise _met(read_json(job.folder / ERROR))
    if ended.returncode or not (job.folder / RESULT).exists():
        raise RuntimeError(f"a training process ended with status {ended.returncode}")
    found = _result(job)
    for name in (JOB, RESULT, WEIGHTS):
        (job.folder / name).unlink()
    return found


def needs_sharding(model: Path) -> bool:
    """Whether a model's weights, as they are stored, leave too little of a card for the rest."""
    if not torch.cuda.is_available():
        return False
    weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    card = torch.cuda.get_device_properties(0).total_memory
    return bool(weights > WHOLE * card)


def layer_class(model: Path) -> str:
    """Return the name of the class of a model's decoder layers, built without weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(model), **SAFELY)
    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(config)
    return type(built.get_decoder().layers[0]).__name__


def accelerate_config(processes: int, layer: str | None = None) -> Any:
    """Return accelerate's configuration for so many processes of this machine.

    Args:
        processes: how many.
        layer: class of the layers that are sharded by FSDP2; None for DDP.
    """
    from accelerate.commands.config.config_args import ClusterConfig
    from accelerate.utils import DistributedType

    on_cuda = torch.cuda.is_available()
    kind = DistributedType.MULTI_GPU if on_cuda else DistributedType.MULTI_CPU
    if layer is not None:
        kind = DistributedType.FSDP
    return ClusterConfig(
        compute_environment="LOCAL_MACHINE",
        distributed_type=kind,
        mixed_precision="no",
        use_cpu=not on_cuda,
        debug=False,
        num_processes=processes,
        machine_rank=0,
        num_machines=1,
        main_training_function="main",
        fsdp_config=_fsdp(layer) if layer else {},
    )


def _fsdp(layer: str) -> dict[str, Any]:
    return {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_transformer_layer_cls_to_wrap": layer,
        "fsdp_reshard_after_forward": True,
        "fsdp_state_dict_type": "SHARDED_STATE_DICT",
        "fsdp_cpu_ram_efficient_loading": False,
        "fsdp_activation_checkpointing": False,
        "fsdp_offload_params": False,
    }


def read_job(folder: Path) -> Job:
    """Return the job that `launched` wrote down in a folder."""
    told = read_json(folder / JOB)
    lists = ("switched_off", "report_to")
    arguments = told["arguments"] | {name: tuple(told["arguments"][name]) for name in lists}
    return Job(
        **{name: told[name] for name in _SIMPLE},
        train=[_rendered(row) for row in told["train"]],
        validation=[_rendered(row) for row in told["validation"]],
        arguments=Arguments(**arguments),
        folder=folder,
        model=Path(told["model"]),
    )


def write_error(folder: Path, error: TunewiseError) -> None:
    """Write down what a process met, for the one that launched it."""
    write_json(
        folder / ERROR,
        {"kind": type(error).__name__, "what": error.what, "where": error.where}
        | {"mend": error.mend},
    )


_SIMPLE = (
    "allow", "model_fingerprint", "tokens_per_pass", "where", "epoch_seconds", "step_seconds",
)  # fmt: skip


def _plain(job: Job) -> dict[str, Any]:
    return {
        **{name: getattr(job, name) for name in _SIMPLE},
        "train": [_told(row) for row in job.train],
        "validation": [_told(row) for row in job.validation],
        "arguments": asdict(job.arguments),
        "model": str(job.model),
    }


def _told(row: Rendered) -> dict[str, Any]:
    return {
        "id": row.id,
        "row": row.row,
        "ids": row.ids.tolist(),
        "supervised": row.supervised.astype(int).tolist(),
        "answers": row.answers,
        "faults": [asdict(fault) for fault in row.faults],
    }


def _rendered(told: dict[str, Any]) -> Rendered:
    return Rendered(
        told["id"],
        told["row"],
        "",
        np.array(told["ids"], dtype=np.int32),
        np.array(told["supervised"], dtype=bool),
        told["answers"],
        tuple(Fault(**fault) for fault in told["faults"]),
    )


def _met(told: dict[str, Any]) -> TunewiseError:
    kind: type[TunewiseError] = getattr(errors, told["kind"])
    return kind(told["what"], where=told["where"], mend=told["mend"])


def _result(job: Job) -> TunedLanguageModel:
    """Return what the processes found, with their weights in a model of this process."""
    model = trainable(job.model, job.arguments, torch.device("cpu"), job.where)
    parameters = dict(model.named_parameters())
    for name, weights in load_file(str(job.folder / WEIGHTS)).items():
        parameters[name].data.copy_(weights)
    return TunedLanguageModel(model=model.eval(), **read_json(job.folder / RESULT))
