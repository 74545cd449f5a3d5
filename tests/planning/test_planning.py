"""Faults these catch: a candidate left out, a sum that isn't one, a price or range upside down."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from planned_task import models, plan_of, write_task

from tunewise.cli.main import status
from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.errors import BadInput, ModelError
from tunewise.planning.estimate import Between, Part
from tunewise.planning.hardware import HERE, hardware, machine
from tunewise.planning.measured import Rate
from tunewise.planning.rates import money, seconds
from tunewise.planning.rows import Rows
from tunewise.planning.work import load
from tunewise.progress import Silent
from tunewise.task.load import load_task
from tunewise.task.settings import columns_asked

ALL = """\
  - majority
  - probe: {model: ./reader}
  - encoder: {model: ./reader, max_length: 40}
  - prompt: {model: ./writer, shots: [0]}
  - lora: {model: ./writer, max_length: 200}
  - full: {model: ./writer, max_length: 200}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("planned")
    models(found)
    return found


def test_every_candidate_is_planned_and_the_total_is_their_sum(folder: Path) -> None:
    plan = plan_of(write_task(folder, ALL), elsewhere=True)
    kinds = [one.kind for one in plan.estimates]
    assert kinds == ["majority", "probe", "encoder", "prompt", "lora", "full"]
    assert all(one.fits for one in plan.estimates[1:])
    total = next(t for t in plan.totals if t.machine == "a40")
    assert total.seconds is not None
    assert total.seconds.high == pytest.approx(
        sum(one.seconds.high for one in plan.estimates if one.seconds)
    )
    for one in plan.estimates:
        assert one.seconds is not None
        assert one.seconds.low <= one.seconds.high
        assert not one.peak or sum(one.kinds.values()) == pytest.approx(one.peak, rel=0.01)
    machines = {t.machine for t in plan.totals}
    assert machines == {name for name, m in hardware().items() if m.kind == "cuda"}
    paid = [t.usd.high for t in plan.totals if t.fits and t.usd]
    assert plan.cheapest in {t.machine for t in plan.totals if t.usd and t.usd.high == min(paid)}


def test_a_language_model_with_a_head_is_planned_like_an_encoder(folder: Path) -> None:
    plan = plan_of(write_task(folder, "  - classifier: {model: ./writer, max_length: 40}\n"))
    one = plan.estimates[0]
    assert one.fits
    assert one.seconds is not None
    assert one.kinds["frozen weights"] > one.kinds["trained weights"] > 0


def test_full_tuning_takes_more_memory_than_an_adapter(folder: Path) -> None:
    plan = plan_of(write_task(folder, ALL))
    peaks = {one.kind: one.peak or 0 for one in plan.estimates}
    assert peaks["full"] > peaks["lora"] > 0


def test_the_users_price_wins(folder: Path) -> None:
    task = write_task(folder, "  - lora: {model: ./writer, max_length: 200}\n",
                      more="prices: {A40: 36.0}\n")  # fmt: skip
    plan = plan_of(task)
    total = next(t for t in plan.totals if t.machine == "a40")
    assert total.price == 36.0
    assert total.seconds is not None
    assert total.usd == total.seconds.times(0.01)


def test_on_this_machine_nothing_is_paid_and_an_existing_system_is_unknown(folder: Path) -> None:
    task = write_task(folder, "  - existing: {column: label}\n  - probe: {model: ./reader}\n")
    plan = plan_of(task, on=None)
    assert plan.on == HERE
    total = next(t for t in plan.totals if t.machine == HERE)
    assert total.usd is None
    assert total.unknown == ("existing",)


def test_more_rows_take_more_time(folder: Path) -> None:
    candidate = "  - lora: {model: ./writer, max_length: 200, num_train_epochs: 3}\n"
    few = plan_of(write_task(folder, candidate, rows=60)).estimates[0].seconds
    many = plan_of(write_task(folder, candidate, rows=600)).estimates[0].seconds
    assert few is not None
    assert many is not None
    assert many.high > 5 * (few.high - 25)


def test_a_model_that_was_not_taught_to_end_may_write_all_it_is_allowed(folder: Path) -> None:
    candidates = "".join(
        f"  - prompt: {{name: {name}, model: ./writer, shots: [0], max_new_tokens: {most}}}\n"
        for name, most in (("short", 40), ("long", 400))
    )
    plan = plan_of(write_task(folder, candidates, more="kind: generation\n"), on="cpu-16")
    short, long = (one.seconds for one in plan.estimates)
    assert short is not None
    assert long is not None
    assert long.high - 25 > 8 * (short.high - 25)
    assert long.low < 2 * short.low, "it may also end where the answers of the training rows do"


class TestRates:
    """Work and a machine become seconds and money."""

    part = Part("train", flops=1e15, passes=10, operations=100, reads=1e9)

    def test_a_measured_rate_gives_a_narrow_range_around_it(self) -> None:
        rate = Rate(1e12, 0.9e12, 2e12, 1.8e12)
        found = seconds([self.part], machine("cpu-16"), rate=rate)
        assert found.low < 1000 + 25 < found.high < 1500

    def test_a_faster_card_is_faster_and_four_bits_slower(self) -> None:
        slow, fast = (seconds([self.part], machine(name)) for name in ("t4", "h100"))
        assert fast.high < slow.high
        assert seconds([self.part], machine("t4"), in_4bit=True).high > slow.high

    def test_many_small_passes_are_bound_by_launching(self) -> None:
        small = Part("train", flops=1.0, passes=1e6, operations=1000, reads=0)
        assert seconds([small], machine("h100")).low > 1000

    def test_writing_is_bound_by_what_a_processor_reads_of_its_memory(self) -> None:
        at = machine("cpu-16")
        part = Part("write", flops=1.0, passes=1e3, operations=0, reads=at.bandwidth / 100)
        assert 10 < seconds([part], at).low < 20
        measured = Rate(1e15, 1e15, 1e15, 1e15)
        assert seconds([part], at, rate=measured) == seconds([part], at)

    def test_what_is_ended_after_a_while_takes_no_longer(self) -> None:
        part = Part("write", flops=1e15, passes=1e6, operations=0, reads=1e9, most_seconds=30)
        found = seconds([part], machine("cpu-16"))
        assert found == Between(3.0 + 30, 25.0 + 30)

    def test_money_is_hours_times_price(self) -> None:
        card = machine("a10g")
        assert card.usd_per_hour is not None
        assert money(Between(3600, 7200), card) == Between(card.usd_per_hour, 2 * card.usd_per_hour)


class TestBadInput:
    """Each is one line that says what is wrong and how to mend it."""

    def test_an_unknown_card_is_named_with_the_nearest(self, folder: Path) -> None:
        task = write_task(folder, "  - majority\n")
        with pytest.raises(BadInput, match=r"no card 'a100'.*Did you mean 'a100-40gb'"):
            plan_of(task, on="a100")
        with pytest.raises(BadInput, match="Did you mean 'rtx-4090'"):
            plan_of(task, on="RTX 4091")

    def test_case_and_dashes_of_a_card_are_no_matter(self) -> None:
        assert machine("RTX4090").name == machine("rtx 4090").name == "rtx-4090"

    def test_an_unknown_model_is_named_with_the_nearest(self, folder: Path) -> None:
        with pytest.raises(ModelError, match="Did you mean 'llama-2-7b'"):
            plan_of(write_task(folder, "  - lora: {model: lama-2-7b}\n"))

    def test_an_encoder_under_lora_is_refused(self, folder: Path) -> None:
        with pytest.raises(ModelError, match="is an encoder"):
            plan_of(write_task(folder, "  - lora: {model: ./reader}\n"))

    def test_a_config_without_fields_is_refused(self, folder: Path) -> None:
        broken = folder / "broken"
        broken.mkdir(exist_ok=True)
        (broken / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 9}))
        with pytest.raises(ModelError, match="the config lacks hidden_size, num_hidden_layers"):
            plan_of(write_task(folder, "  - lora: {model: ./broken}\n"))
        (broken / "config.json").write_text('{"model_type": "lama"}')
        with pytest.raises(ModelError, match=r"model_type 'lama'.*Did you mean 'llama'"):
            plan_of(write_task(folder, "  - lora: {model: ./broken}\n"))
        (broken / "config.json").write_text("{")
        with pytest.raises(ModelError, match="isn't readable JSON"):
            plan_of(write_task(folder, "  - lora: {model: ./broken}\n"))

    def test_a_length_beyond_the_models_window_is_refused(self, folder: Path) -> None:
        task = write_task(folder, "  - lora: {model: ./writer, max_length: 4096}\n")
        with pytest.raises(BadInput, match=r"4,096.*reads 512 tokens at most.*max_length to 512"):
            plan_of(task)

    def test_a_gated_model_says_how_to_get_access(self, folder: Path) -> None:
        plan = plan_of(write_task(folder, "  - lora: {model: gemma-2-2b, max_length: 256}\n"))
        assert any("gated: accept its owner's terms at" in note for note in plan.notes)
        assert any("tokenizer" in note or "characters" in note for note in plan.notes)

    def test_what_does_not_fit_comes_with_what_would(self, folder: Path) -> None:
        plan = plan_of(write_task(folder, "  - lora: {model: llama-3.1-8b}\n"), on="rtx-3060")
        one = plan.estimates[0]
        assert one.fits is False
        assert one.seconds is None
        assert "set load_in_4bit: true (QLoRA)" in one.mends
        assert any("larger card" in mend for mend in one.mends)

    def test_another_way_to_tune_is_tried_with_a_default_length_beyond_the_window(
        self, folder: Path
    ) -> None:
        config = json.loads((folder / "writer" / "config.json").read_text())
        shape = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24}
        large = folder / "large"
        shutil.copytree(folder / "writer", large)
        (large / "config.json").write_text(json.dumps(config | shape))
        plan = plan_of(write_task(folder, "  - full: {model: ./large}\n"), on="rtx-3060")
        assert "tune an adapter (lora) in place of all weights" in plan.estimates[0].mends

    def test_a_model_that_cannot_be_traced_is_unknown(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def untraceable(*_: object) -> None:
            raise RuntimeError("nonzero of what has no values")

        monkeypatch.setattr("tunewise.training.language.memory.carried_on", untraceable)
        plan = plan_of(write_task(folder, "  - lora: {model: ./writer, max_length: 200}\n"))
        one = plan.estimates[0]
        assert (one.fits, one.peak, one.seconds) == (None, None, None)
        assert any("can't be traced" in note for note in plan.notes)
        assert plan.totals[0].unknown == ("lora-writer",)

    def test_no_single_card_means_several_that_share(self, folder: Path) -> None:
        plan = plan_of(write_task(folder, "  - full: {model: llama-3.3-70b}\n"), on="h200")
        assert any("FSDP" in mend for mend in plan.estimates[0].mends)


def test_the_command_prints_a_table_of_80_columns_and_json(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    task = write_task(folder, ALL)
    assert status(["plan", str(task), "--on", "a40", "--bytes"]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80
    for word in ("lora-writer", "fits", "elsewhere", "frozen weights", "The cheapest"):
        assert word in table
    assert status(["plan", str(task), "--on", "a40", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["on"] == "a40"
    assert len(told["estimates"]) == 6


def test_a_mistake_is_one_line_and_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = write_task(folder, "  - majority\n")
    assert status(["plan", str(task), "--on", "a4"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("consistency", "times"),
    [
        ("{rewordings: [], seeds: 1}", 2),  # fitted anew, and asked all rows again
        ("{rewordings: [case], seeds: 0}", 1),
    ],
)
def test_asking_again_takes_time_too(folder: Path, consistency: str, times: int) -> None:
    candidate = "  - lora: {model: ./writer, max_length: 200, num_train_epochs: 3}\n"
    once = of_task(write_task(folder, candidate))
    again = of_task(write_task(folder, candidate, more=f"consistency: {consistency}\n"))
    assert again["train"] == pytest.approx(times * once["train"])
    assert again["answer"] > 1.2 * once["answer"]


def of_task(task: Path) -> dict[str, float]:
    """Return the operations of each part of a task's only candidate."""
    settings, folder = load_task(task), task.parent
    dataset = read_dataset(
        settings.data, folder, columns_asked(settings), kind=settings.kind, progress=Silent()
    )
    rows = Rows(settings, folder, dataset, split(dataset, settings.data, settings.seed))
    (entry,) = settings.candidates
    fitting = load(rows, entry).fitting
    assert fitting is not None
    found = dict.fromkeys(("train", "validate", "answer", "write"), 0.0)
    for part in fitting(1e12, True, True).parts:
        found[part.name] += part.flops
    return found
