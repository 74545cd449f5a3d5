"""Two processes take the steps that one takes: same losses, same weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_language_fit import job, losses
from tiny_language_models import tiny_folder

from tunewise.errors import TaskFileError
from tunewise.files import read_json
from tunewise.progress import Silent
from tunewise.training.checkpoints import MARKER, newest_whole
from tunewise.training.language.fit import tuned
from tunewise.training.language.launched import CONFIG, launched


@pytest.mark.slow
@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_take_the_steps_of_one(sharded: bool, tmp_path: Path) -> None:
    # Catches a loss divided by one process's tokens, rows computed twice or left out, an epoch's
    # last step with fewer rows than processes, and gradients that aren't summed.
    model = tiny_folder("llama", tmp_path / "model")
    settings = {"rows": 42, "tokens_per_pass": 90, "train_batch_size": 11}
    alone = tuned(job(tmp_path / "alone", model, **settings), Silent())
    both = launched(job(tmp_path / "both", model, **settings), 2, Silent(), sharded=sharded)
    steps = [[entry["loss"] for entry in done.curve if "loss" in entry] for done in (alone, both)]
    assert steps[1] == pytest.approx(steps[0], rel=1e-4)
    assert losses(both) == pytest.approx(losses(alone), rel=1e-4)
    theirs = dict(alone.model.named_parameters())
    for name, parameter in both.model.named_parameters():
        torch.testing.assert_close(parameter, theirs[name], rtol=1e-3, atol=1e-4)
    assert "num_processes: 2" in (tmp_path / "both" / CONFIG).read_text()


@pytest.mark.slow
def test_what_a_process_refuses_is_told_as_if_there_were_one(tmp_path: Path) -> None:
    model = tiny_folder("llama", tmp_path / "model")
    work = job(tmp_path / "work", model, target_modules=["q_prj"])
    with pytest.raises(TaskFileError, match="Did you mean 'q_proj'"):
        launched(work, 2, Silent())


@pytest.mark.slow
@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_carry_on_where_they_were(
    sharded: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Catches a checkpoint that one process seals while the other still writes, parts of the
    # optimizer's state that are lost, and weights that are read as another process's part.
    model = tiny_folder("llama", tmp_path / "model")
    settings = {"rows": 42, "tokens_per_pass": 90, "train_batch_size": 11}
    work = replace(job(tmp_path / "work", model, **settings), epoch_seconds=0.0)
    first = launched(work, 2, Silent(), sharded=sharded)
    assert newest_whole(work.folder, read_json(work.folder / "checkpoint-8" / MARKER)["key"])
    capfd.readouterr()
    again = launched(work, 2, Silent(), sharded=sharded)  # the last epoch anew
    assert "Carrying on with step 9 of 12" in "".join(capfd.readouterr())
    assert losses(again) == pytest.approx(losses(first), rel=1e-5)
    theirs = dict(first.model.named_parameters())
    for name, parameter in again.model.named_parameters():
        torch.testing.assert_close(parameter, theirs[name], rtol=1e-4, atol=1e-5)
