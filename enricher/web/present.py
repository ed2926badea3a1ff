"""From a case as stored to what its page shows: shapes for the templates, no HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from enricher.core.document import AncestorDoc, CaseDocument, StepDoc
from enricher.model import Severity
from enricher.ports import AlertRecord, CaseRecord
from enricher.web.text import number, outward

_FULL = 100.0


def complete(document: Mapping[str, Any]) -> CaseDocument:
    """`document` with every key of a case. Keys may be added over time: one that an older case lacks is None or empty."""
    return cast("CaseDocument", _completed(document, CaseDocument))


def _completed(value: Any, shape: Any) -> Any:
    if is_typeddict(shape):
        given = value if isinstance(value, Mapping) else {}
        return {**given, **{name: _completed(given.get(name), hint) for name, hint in _hints(shape).items()}}
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is list:
        return [_completed(item, arguments[0]) for item in value or ()]
    if origin is dict:
        return dict(value or {})
    if origin in {Union, UnionType} and value is not None:
        return _completed(value, arguments[0])
    return value


@cache
def _hints(shape: Any) -> dict[str, Any]:
    return get_type_hints(shape)


# --- the ledger -----------------------------------------------------------------------------------------------------


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


# --- lineage --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One process of the tree, the oldest ancestor first; the last is the process of the case."""

    process: AncestorDoc
    is_subject: bool


def tree(document: CaseDocument) -> list[Link]:
    """The lineage from its root down to the process itself, which the document keeps apart."""
    process = document["process"]
    subject: AncestorDoc = {
        "image": process["image"],
        "name": process["name"],
        "command_line": process["command_line"],
        "guid": process["guid"],
        "pid": process["pid"],
        "user": document["user"],
        "source": "",
    }
    ancestors = [Link(process=ancestor, is_subject=False) for ancestor in reversed(document["lineage"])]
    return [*ancestors, Link(process=subject, is_subject=True)]


# --- time line ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened to a case. `kind` is a fixed word, `text` one line, `link` where it leads."""

    at: datetime
    kind: str
    text: str
    lines: tuple[str, ...] = ()
    link: str | None = None
    label: str | None = None


_NO_TIME = datetime.min.replace(tzinfo=UTC)


def timeline(record: CaseRecord, alerts: Sequence[AlertRecord]) -> list[Moment]:
    """Alerts, news and deliveries in order of time; of the same instant, in that order."""
    moments = [
        Moment(
            at=alert.received_at,
            kind="alert",
            text=f"{alert.kind} from {alert.source}, {alert.state}{_rows(alert)}",
            label=alert.alert_id,
        )
        for alert in alerts
    ]
    moments += [
        Moment(at=_time(news["at"]), kind=news["kind"], text=news["text"], lines=tuple(news["lines"]))
        for news in record.news
    ]
    moments += [
        Moment(
            at=delivery.updated_at,
            kind="delivery",
            text=f"{delivery.destination}: {delivery.state}" + (f", {delivery.reason}" if delivery.reason else ""),
            link=outward(delivery.url),
            label=delivery.label,
        )
        for delivery in record.deliveries
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _rows(alert: AlertRecord) -> str:
    """`, 10 of 250 rows`: how much of what the search found came with an alert; nothing where that is not known."""
    if alert.rows is None:
        return ""
    total = alert.rows.received if alert.rows.total is None else max(alert.rows.total, alert.rows.received)
    return f", {alert.rows.received} of {total} rows"


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return _NO_TIME
    return at if at.tzinfo else at.replace(tzinfo=UTC)
