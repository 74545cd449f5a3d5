"""What the server counts, for Prometheus: requests, tokens, answers, the line, and the process.

Given what happened, keeps the figures that /metrics shows. A figure is named by route, never by a
path that a client made up. Knows nothing of how it came about.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Meters:
    """The figures of one server."""

    def __init__(self) -> None:
        disable_created_metrics()  # a second series beside each figure, which nobody reads
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        kept = self.registry
        self.requests = Counter(
            "tunewise_requests",
            "Requests, by route and status.",
            ["route", "status"],
            registry=kept,
        )
        self.seconds = Histogram(
            "tunewise_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=kept,
        )
        self.line_seconds = Histogram(
            "tunewise_line_seconds", "Waiting in line.", buckets=SECONDS, registry=kept
        )
        self.first_piece = Histogram(
            "tunewise_first_piece_seconds",
            "Until the first piece of a written answer.",
            buckets=SECONDS,
            registry=kept,
        )
        self.together = Histogram(
            "tunewise_texts_together", "Texts answered in one go.", buckets=TEXTS, registry=kept
        )
        self.in_flight = Gauge("tunewise_requests_in_flight", "Requests begun.", registry=kept)
        self.line = Gauge("tunewise_line_length", "Requests that wait in line.", registry=kept)
        self.tokens = Counter(
            "tunewise_tokens", "Tokens read and written.", ["kind"], registry=kept
        )
        self.answers = Counter("tunewise_answers", "Answers, by label.", ["label"], registry=kept)
        self.rejected = Counter(
            "tunewise_answers_rejected", "Answers whose probability was too low.", registry=kept
        )
        self.cancelled = Counter(
            "tunewise_requests_cancelled", "Requests whose client went away.", registry=kept
        )
        self.shadow = Counter(
            "tunewise_shadow",
            "Requests sent to the second candidate: same, other, failed, left out.",
            ["outcome"],
            registry=kept,
        )
        self.shadow_seconds = Histogram(
            "tunewise_shadow_seconds", "Its answers.", buckets=SECONDS, registry=kept
        )

        self.drift_texts = Gauge(
            "tunewise_drift_texts", "Texts that are compared with training rows.", registry=kept
        )
        self.drift, self.drift_p, self.drifted = (
            Gauge(f"tunewise_{name}", words, ["measure"], registry=kept)
            for name, words in (
                ("drift_distance", "How far the last texts are from the training rows."),
                ("drift_p_value", "Of no difference."),
                ("drifted", "1 where it is more than chance and large enough to matter."),
            )
        )

    def page(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)
