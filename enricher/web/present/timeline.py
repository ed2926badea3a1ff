"""What has happened to a case, the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from enricher.core.feedback import PHRASES
from enricher.ports import AlertRecord, CaseRecord
from enricher.web.present.fitted import Room
from enricher.web.text import outward


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

MOST_MOMENTS = 36
_LONGEST, _MOST_LINES = 300, 3
_LABEL = 60
_ROOM = 8_000


def timeline(record: CaseRecord, alerts: Sequence[AlertRecord]) -> list[Moment]:
    """Alerts, news, what people did and said, and deliveries, the newest first; what has no time comes last.

    The texts of the first `MOST_MOMENTS` are cut to what a page holds, and it holds no more of them.
    """
    moments = [*_alerts(alerts), *_news(record), *_work(record), *_feedback(record), *_deliveries(record)]
    moments.sort(key=lambda moment: moment.at, reverse=True)
    room = Room(_ROOM)
    return [*(_fitting(moment, room) for moment in moments[:MOST_MOMENTS]), *moments[MOST_MOMENTS:]]


def _fitting(moment: Moment, room: Room) -> Moment:
    lines = tuple(room.fit(line, _LONGEST) for line in moment.lines[:_MOST_LINES])
    label = None if moment.label is None else moment.label[:_LABEL]
    return replace(moment, text=room.fit(moment.text, _LONGEST), lines=lines, label=label)


def _alerts(alerts: Sequence[AlertRecord]) -> Iterator[Moment]:
    for alert in alerts:
        yield Moment(
            at=alert.received_at,
            kind="alert",
            text=f"{alert.kind} from {alert.source}, {alert.state}{_rows(alert)}",
            label=alert.alert_id,
        )


def _news(record: CaseRecord) -> Iterator[Moment]:
    for news in record.news:
        yield Moment(at=_time(news["at"]), kind=news["kind"], text=news["text"], lines=tuple(news["lines"]))


def _work(record: CaseRecord) -> Iterator[Moment]:
    """What people did, unless the news tell it."""
    work, told = record.work, {news["kind"] for news in record.news}
    if work.acknowledged_at and "acknowledged" not in told:
        yield Moment(at=work.acknowledged_at, kind="acknowledged", text=f"by {work.acknowledged_by or 'somebody'}")
    if work.assigned_at and "assigned" not in told:
        yield Moment(at=work.assigned_at, kind="assigned", text=f"to {work.assignee or 'nobody'}")


def _feedback(record: CaseRecord) -> Iterator[Moment]:
    for word in record.feedback:
        note = (word.note,) if word.note else ()
        yield Moment(at=word.at, kind="feedback", text=f"{PHRASES[word.said]}: {word.by} in {word.source}", lines=note)


def _deliveries(record: CaseRecord) -> Iterator[Moment]:
    for delivery in record.deliveries:
        yield Moment(
            at=delivery.updated_at,
            kind="delivery",
            text=f"{delivery.destination}: {delivery.state}" + (f", {delivery.reason}" if delivery.reason else ""),
            link=outward(delivery.url),
            label=delivery.label,
        )


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
