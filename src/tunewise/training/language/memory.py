"""How a training of a language model fits into memory, read off traces of its own step.

Given a model's config, arguments, rows and how many bytes there are, gives back the tokens of a
pass and the layers to compute anew. All decoder layers of a model do the same, so the step is
traced with a few of them and with a few more, and carried on to all: each phase's peak is a
straight line in their number. So it is in the tokens of a pass, whose longest row stays the same.
Knows nothing of which machine it is for.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tunewise.tracing.ledger import Trace
from tunewise.training.fast.packed import Row
from tunewise.training.language.arguments import Arguments
from tunewise.training.language.traced import Step, Traceable

FEW = 2  # layers of the smaller model that is traced, where all do the same
# What lies in memory however many tokens a pass has.
HELD = (
    "frozen weights", "trained weights", "optimizer", "best weights so far", "cuBLAS's workspaces",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fit:
    """How a training fits into memory.

    Attributes:
        budget: tokens of one pass at most.
        recomputed: layers that are computed anew in the backward pass.
        peak: bytes that are foreseen at most, weights included; None where they aren't known.
    """

    budget: int
    recomputed: int
    peak: int | None


@dataclass
class Foreseen:
    """A training whose memory is asked for.

    Attributes:
        config: of the language model, as transformers has it.
        arguments: what is trained with.
        rows: all that may be in a pass.
        on_cuda: whether it runs on a card.
    """

    config: Any
    arguments: Arguments
    rows: Sequence[Row]
    on_cuda: bool = False
    _known: dict[tuple[int, int], Trace] = field(default_factory=dict)
    _models: dict[int, Traceable] = field(default_factory=dict)

    @property
    def layers(self) -> int:
        """Decoder layers of the model."""
        return layers_of(self.config)

    def longest_first(self, tokens: int) -> list[Row]:
        """Return the longest rows that share a pass of so many tokens; one at least."""
        ordered = sorted(self.rows, key=lambda row: -row.read)
        some, filled = ordered[:1], ordered[0].read
        for row in ordered[1:]:
            if filled + row.read > tokens:
                break
            some.append(row)
            filled += row.read
        return some

    def trace(self, rows: Sequence[Row], recomputed: int) -> Trace:
        """Return what a step does whose passes are like these rows; no or all layers anew."""
        key = (sum(row.read for row in rows), recomputed)
        if key not in self._known:
            step = Step(
                rows=rows,
                recomputed=recomputed,
                further_passes=self.arguments.train_batch_size > len(rows),
                keeps_best=not self.on_cuda,
                on_cuda=self.on_cuda,
            )
            self._known[key] = carried_on(self.config, self.arguments, step, self._models)
        return self._known[key]

    def peak(self, rows: Sequence[Row], recomputed: int) -> int:
        """Return the bytes at most; between no and all layers anew, never too few."""
        least = self.trace(rows, 0).peak
        if not recomputed:
            return least
        share = recomputed / self.layers
        return math.ceil((1 - share) * least + share * self.trace(rows, self.layers).peak)

    def between(self, asked: int, budget: int, recomputed: int) -> Trace:
        """Return what a step does whose pass has `budget` tokens, without tracing it.

        Its bytes and operations lie on straight lines from the longest row alone to the pass of
        `asked` tokens. Those from no layer computed anew to all are a bound: never too few.
        """
        alone, full = self.longest_first(0), self.longest_first(asked)
        first, last = (sum(row.read for row in rows) for rows in (alone, full))
        filled = (min(budget, last) - first) / (last - first) if last > first else 1.0

        def at(layers: int) -> Trace:
            return _between(
                lambda: self.trace(alone, layers), lambda: self.trace(full, layers), filled
            )

        return _between(lambda: at(0), lambda: at(self.layers), recomputed / self.layers)

    def fit(self, room: float, asked: int, *, may_recompute: bool = True) -> Fit | None:
        """Return the fewest layers anew, then the fullest pass; None where a row doesn't fit.

        Args:
            room: bytes that there are, weights included.
            asked: tokens of a pass that are wanted.
            may_recompute: whether layers may be computed anew.
        """
        alone, full = self.longest_first(0), self.longest_first(asked)
        wanted = self.trace(full, 0)
        if wanted.peak <= room:
            return Fit(max(asked, alone[0].read), 0, wanted.peak)
        if held(wanted.kinds) > room:
            return None
        least = self.trace(alone, 0).peak
        recomputed = 0
        if least > room:
            anew = self.trace(alone, self.layers).peak
            if not may_recompute or anew > room:
                return None
            recomputed = min(self.layers, math.ceil(self.layers * (least - room) / (least - anew)))
        return self._fullest(alone, full, recomputed, room)

    def longest_that_fits(self, room: float) -> int:
        """Return how many tokens a row may have, with all layers computed anew."""
        longest = self.longest_first(0)[0]
        half = Row(
            longest.ids[: len(longest.ids) // 2], longest.supervised[: len(longest.ids) // 2]
        )
        if half.read < 1 or not half.targets:
            half = _cut(longest)
        whole, part = (self.trace([row], self.layers).peak for row in (longest, half))
        each = max((whole - part) / max(longest.read - half.read, 1), 1e-9)
        return max(0, int(longest.read - (whole - room) / each))

    def _fullest(
        self, alone: Sequence[Row], full: Sequence[Row], recomputed: int, room: float
    ) -> Fit:
        first, last = (sum(row.read for row in rows) for rows in (alone, full))
        lowest, highest = (self.peak(rows, recomputed) for rows in (alone, full))
        if last == first or highest <= lowest:
            return Fit(first, recomputed, lowest)
        each = (highest - lowest) / (last - first)
        budget = min(last, int(first + (room - lowest) / each))
        return Fit(budget, recomputed, int(lowest + each * (budget - first)))


def _cut(row: Row) -> Row:
    """Return the second half of a row, which has its last supervised token."""
    start = len(row.ids) // 2
    return Row(row.ids[start:], row.supervised[start:])


def carried_on(
    config: Any,
    arguments: Arguments,
    step: Step,
    models: dict[int, Traceable] | None = None,
) -> Trace:
    """Return what a step does, traced with a few layers and carried on to all.

    Args:
        config: of the whole model.
        arguments: what is trained with.
        step: whose `recomputed` is 0 or all layers.
        models: by their layers, of the same config and arguments; gets those that are made.
    """
    models = {} if models is None else models

    def trace(config: Any) -> Trace:
        count = layers_of(config)
        if count not in models:
            models[count] = Traceable(config, arguments)
        return models[count].trace(replace(step, recomputed=count if step.recomputed else 0))

    few = with_few_layers(config)
    if few is None:
        return trace(config)
    return _on_line(trace(few.small), trace(few.large), few.times)


@dataclass(frozen=True, slots=True)
class FewLayers:
    """Two models that differ from a third in their layers alone.

    Attributes:
        small, large: their configs.
        times: how often what is between them lies between the small one and the third.
    """

    small: Any
    large: Any
    times: float


def with_few_layers(config: Any) -> FewLayers | None:
    """Return configs that stand for a model whose layers are alike; None where it stands alone."""
    layers, few, period = layers_of(config), few_layers(config), _period(config)
    if layers <= few + period or not _all_alike(config):
        return None
    return FewLayers(shallow(config, few), shallow(config, few + period), (layers - few) / period)


def _on_line(first: Trace, second: Trace, times: float) -> Trace:
    """Return what lies so many times the way from the first trace to the second, or beyond."""

    def on(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
        names = dict.fromkeys((*one, *other))
        return {name: _point(one.get(name, 0), other.get(name, 0), times) for name in names}

    peaks = {name: on(kinds, second.peaks.get(name, {})) for name, kinds in first.peaks.items()}
    highest = max(peaks.values(), key=lambda kinds: sum(kinds.values()))
    return Trace(
        peak=sum(highest.values()),
        kinds=dict(sorted(highest.items(), key=lambda item: -item[1])),
        peaks=peaks,
        flops=on(first.flops, second.flops),
        operations=_point(first.operations, second.operations, times),
    )


def _between(first: Callable[[], Trace], second: Callable[[], Trace], share: float) -> Trace:
    """Return what lies between two traces; one that has no share in it isn't made."""
    if share in (0.0, 1.0):
        return second() if share else first()
    return _on_line(first(), second(), share)


def _point(one: int, other: int, times: float) -> int:
    return max(0, round(one + (other - one) * times))


def held(kinds: Mapping[str, int]) -> int:
    """Return the bytes among those of a peak that no shorter pass would save."""
    return sum(kinds.get(kind, 0) for kind in HELD)


def layers_of(config: Any) -> int:
    """Return how many decoder layers a model has."""
    return int(config.get_text_config().num_hidden_layers)


def few_layers(config: Any) -> int:
    """Return of how many layers the smaller of the two models is that are traced."""
    return _period(config) * FEW


def shallow(config: Any, layers: int) -> Any:
    """Return a config with fewer layers."""
    found = copy.deepcopy(config)
    text = found.get_text_config()
    kinds = getattr(text, "layer_types", None)
    if kinds:
        text.layer_types = list(kinds[:layers])
    text.num_hidden_layers = layers
    return found


def _period(config: Any) -> int:
    """Return after how many layers their kinds begin anew; 1 where all are of one kind."""
    kinds = list(getattr(config.get_text_config(), "layer_types", None) or [""])
    return next(
        period
        for period in range(1, len(kinds) + 1)
        if all(kind == kinds[number % period] for number, kind in enumerate(kinds))
    )


def _all_alike(config: Any) -> bool:
    """Whether nothing in a config makes single layers of another shape."""
    text = config.get_text_config()
    odd = ("first_k_dense_replace", "mlp_only_layers", "moe_layer_freq", "layers_block_type")
    return not any(getattr(text, name, None) for name in odd)
