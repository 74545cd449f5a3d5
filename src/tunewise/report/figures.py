"""Numbers -> words a person reads: shares, points, times, p-values.

Rounding never turns a little into nothing or almost into all; None is '—', never 0. Knows nothing
of HTML or terminals.
"""

from __future__ import annotations

from tunewise.decision import words
from tunewise.progress import clock
from tunewise.records import Interval

UNKNOWN = "—"
METRICS = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "rouge_l": "ROUGE-L",
    "token_f1": "Token F1",
    "exact_match": "Exact",
    "chrf": "chrF",
    "bleu": "BLEU",
    "similarity": "Similarity",
    "checks": "Checks passed",
}


def metric_name(metric: str) -> str:
    """Return a metric's name as a heading."""
    return METRICS.get(metric, metric.replace("_", " "))


def share(value: float | None) -> str:
    """Return a share between 0 and 1 as a percentage: '92.7%', '<0.1%', '>99.9%'."""
    return UNKNOWN if value is None else f"{_rounded_share(value)}%"


def _rounded_share(value: float) -> str:
    text = f"{100 * value:.1f}"
    if text == "0.0" and value > 0:
        return "<0.1"
    if text == "100.0" and value < 1:
        return ">99.9"
    return text


def share_range(interval: Interval | None) -> str:
    """Return an interval of shares: '91.7–93.6%'."""
    if interval is None:
        return UNKNOWN
    low, high = _rounded_share(interval.low), _rounded_share(interval.high)
    return f"{low}%" if low == high else f"{low}–{high}%"


def points(value: float | None) -> str:
    """Return a signed difference of shares in percentage points: '+12.3', '−0.04', '0.0'."""
    if value is None:
        return UNKNOWN
    return _signed(100 * value)


def _signed(value: float) -> str:
    text = f"{abs(value):.1f}"
    if text == "0.0" and value:
        text = f"{abs(value):.2f}"
    if float(text) == 0:
        return "0.0"
    return f"{'+' if value > 0 else '−'}{text}"


def points_range(interval: Interval) -> str:
    """Return an interval of differences in percentage points: '+9.0 to +15.6'."""
    return f"{points(interval.low)} to {points(interval.high)}"


def plain_points(value: float | None) -> str:
    """Return a size in percentage points without a sign: '1.9'."""
    return UNKNOWN if value is None else points(value).lstrip("+−")


def p_value(value: float | None) -> str:
    """Return a p-value: '0.034', or '< 0.001' when three decimals would show nothing."""
    if value is None:
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(value: int | None) -> str:
    """Return a whole number with thousands separated: '3,080'."""
    return UNKNOWN if value is None else f"{value:,}"


def counted(value: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: '1 row', '3,080 rows'."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def quantity(value: float | None) -> str:
    """Return a positive number with about two digits: '1,234', '45', '3.2', '0.05'."""
    if value is None:
        return UNKNOWN
    if value >= 9.95 or value == 0:
        return f"{value:,.0f}"
    if value >= 0.095:
        return f"{value:.1f}"
    return f"{value:.2g}" if value >= 0.0001 else "<0.0001"


def duration(seconds: float | None) -> str:
    """Return a time with its unit: '0.4 ms', '73 ms', '1.2 s', '2 min 5 s'."""
    if seconds is None:
        return UNKNOWN
    if seconds >= 9.95 or seconds == 0:
        return clock(seconds)
    if seconds >= 0.9995:
        return f"{seconds:.1f} s"
    if seconds >= 0.00995:
        return f"{1000 * seconds:.0f} ms"
    return f"{1000 * seconds:.1f} ms" if seconds >= 0.00005 else "<0.1 ms"


def fit_time(seconds: float | None) -> str:
    """Return the time that a fit took, in which less than a second is of no interest."""
    return "<1 s" if seconds is not None and 0 < seconds < 0.5 else duration(seconds)


def dollars(value: float | None) -> str:
    """Return US dollars as sentences have them, but shorter: '$0.42', '$1,234', '<$0.0001'."""
    return UNKNOWN if value is None else words.dollars(value).replace("under ", "<")


def rows_of(rows: int, whole: int) -> str:
    """Return how many rows were judged: '3,080', or '400 of 3,080' when not all."""
    return f"{rows:,}" if rows == whole else f"{rows:,} of {whole:,}"
