"""From a case as stored to what its page shows: shapes for the templates, no HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from enricher.core import phrases
from enricher.core.document import AncestorDoc, BeaconDoc, CaseDocument, EnrichmentDoc, StepDoc
from enricher.core.strip import Strip, strip
from enricher.model import Severity
from enricher.ports import AlertRecord, CaseRecord
from enricher.web.text import defang, number, outward, when

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
    is_subject: bool = False
    source: str = ""
    """Where it is known from, in words; empty for the process of the case."""
    why: str = ""
    """Of one that is missing: why, as far as is known."""

    @property
    def is_missing(self) -> bool:
        return self.process["source"] == "missing"


_NOBODY: AncestorDoc = {
    "image": None,
    "name": None,
    "command_line": None,
    "guid": None,
    "pid": None,
    "user": None,
    "source": "missing",
}


def tree(document: CaseDocument) -> list[Link]:
    """The lineage from its root down to the process itself, which the document keeps apart. No parent at all is one missing."""
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
    whys = dict(map(phrases.parts_of, document["missing"]))
    above = document["lineage"] or [_NOBODY]
    return [
        *(_link(one, place, whys) for place, one in reversed(list(enumerate(above)))),
        Link(process=subject, is_subject=True),
    ]


def _link(process: AncestorDoc, place: int, whys: Mapping[str, str]) -> Link:
    source = process["source"]
    why = whys.get(phrases.ANCESTORS[place], "") if source == "missing" and place < len(phrases.ANCESTORS) else ""
    return Link(process=process, source=phrases.SOURCES.get(source, source), why=why)


# --- contacts, history, look-ups ------------------------------------------------------------------------------------

Row = tuple[str, str]
"""A label and what is known under it, which may hold text from logs."""

STRIP_PLACES = 500


def contact_strip(document: CaseDocument) -> Strip | None:
    """The contacts to draw; None where none has a time."""
    return strip(document["contacts"], places=STRIP_PLACES)


def behaviour(document: CaseDocument) -> list[Row]:
    """How regular the contacts are, and over which of them that was judged."""
    beacon = document["beacon"]
    if beacon is None:
        return [("Contacts", phrases.how_many(document)), ("Rhythm", "not known")]
    reason = f": {beacon['reason']}" if beacon["reason"] else ""
    here, there = phrases.windows(beacon)
    rows = [
        ("Contacts", phrases.how_many(document)),
        ("Rhythm", f"{phrases.rhythm(beacon)}{reason}"),
        ("Judged over", "; ".join(filter(None, (here, there)))),
        *_finer(beacon),
        ("DNS", ", ".join(document["dns_anomalies"])),
    ]
    return [(label, text) for label, text in rows if text]


def _finer(beacon: BeaconDoc) -> list[Row]:
    """What is said only where there is something to say."""
    score, beats, times = beacon["score"], beacon["beats"], beacon["sightings"]
    return [
        ("Score", "" if score is None else f"{number(score)} of 1"),
        ("Beats", f"{beats}, of {times} times" if beats and beats != times else ""),
        ("Bursts", f"{beacon['bursts']}" if beacon["bursts"] else ""),
        ("Queries", f"asked again: {beacon['requery']}" if beacon["requery"] else ""),
        ("Clock", "the times are whole seconds" if (beacon["resolution_s"] or 0) >= 1 else ""),
        ("Cut", "there were more contacts than are known here" if beacon["truncated"] else ""),
    ]


def history(document: CaseDocument) -> list[Row]:
    """How new and how common the target is, as far as is known, and why no more is."""
    why = dict(map(phrases.parts_of, document["missing"])).get("history", "")
    first, hosts, since = document["first_seen_estate"], document["prevalence"], document["history_since"]
    rows = [
        ("First seen", when(first) if first else "not known"),
        ("Seen on", "" if hosts is None else f"{hosts} host{'' if hosts == 1 else 's'}"),
        ("Kept since", when(since) if since else ""),
        ("Note", why),
    ]
    return [(label, text) for label, text in rows if text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look-up in words. `status` is the fixed word; `said` what was found, or why nothing was."""

    source: str
    about: str
    status: str
    age: str
    said: str


def not_asked(document: CaseDocument) -> list[str]:
    """Why look-ups were not made, each reason once."""
    reasons = (answer["reason"] or "switched off" for answer in document["enrichments"] if answer["status"] == _OFF)
    return list(dict.fromkeys(reasons))


_OFF = "disabled"


def lookups(document: CaseDocument) -> list[Look]:
    """Every look-up that was made, with its end, its age and its answer or reason; a name that was asked about is defanged."""
    return [
        Look(
            source=phrases.LOOKUPS.get(answer["source"], answer["source"]),
            about=str(defang(answer["about"]) if answer["source"] == "forward" else answer["about"]),
            status=answer["status"],
            age=phrases.asked_ago(answer),
            said="; ".join(filter(None, (_found(document, answer), answer["reason"]))),
        )
        for answer in document["enrichments"]
        if answer["status"] != _OFF
    ]


def _found(document: CaseDocument, answer: EnrichmentDoc) -> str:
    """The owner is told beside the address; here only who says so."""
    if answer["source"] == "asn":
        return phrases.origin(document["destination"], [answer])
    said = phrases.found(answer)
    return said if answer["source"] in {"ranges", "forward"} else str(defang(said))


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
