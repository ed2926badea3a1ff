"""The ledger as a waterfall: bars on a scale of 0 to 100, and the bands behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enricher.core.document import StepDoc
from enricher.model import Severity
from enricher.web.text import number

_FULL = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step of the ledger, as a bar on a scale of 0 to 100."""

    step: StepDoc
    points: str
    start: float
    """Where the score stood, and `end`, where it stands after this step."""
    end: float
    left: float
    width: float
    kind: str
    """`up`, `down`, `level` or `not-taken`."""


def waterfall(ledger: Sequence[StepDoc]) -> list[Bar]:
    """A bar for each step, from where the score stood to where it went; one not taken is drawn where it would have gone."""
    return [_bar(step) for step in ledger]


def _bar(step: StepDoc) -> Bar:
    points = step["points"] or 0.0
    start = step["from"] or 0.0
    end = (step["to"] or 0.0) if step["taken"] else start + points
    left, right = sorted((_on_scale(start), _on_scale(end)))
    kind = "not-taken"
    if step["taken"]:
        kind = "up" if end > start else "down" if end < start else "level"
    after = end if step["taken"] else start
    return Bar(
        step=step,
        points=signed(points),
        start=_on_scale(start),
        end=_on_scale(after),
        left=left,
        width=right - left,
        kind=kind,
    )


def _on_scale(score: float) -> float:
    return min(max(score, 0.0), _FULL)


def signed(points: float) -> str:
    """`+30`, `−15` (a true minus sign), `0`."""
    text = number(abs(points))
    return text if text == "0" else f"{'−' if points < 0 else '+'}{text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One band of the scale behind the bars."""

    severity: Severity
    left: float
    width: float


def scale(bands: Mapping[Severity, float]) -> list[Band]:
    """The bands from left to right; the last one ends at 100."""
    starts = sorted((_on_scale(start), severity.rank, severity) for severity, start in bands.items())
    ends = [start for start, _, _ in starts[1:]] + [_FULL]
    return [
        Band(severity=severity, left=start, width=end - start)
        for (start, _, severity), end in zip(starts, ends, strict=True)
        if end > start
    ]
