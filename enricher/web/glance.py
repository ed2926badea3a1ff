"""What the overview shows: what is wrong first, then the figures of a period. Shapes for the templates, no HTML."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from enricher.core.accounts import SourceRecord
from enricher.core.canary import WEBHOOK, Standing
from enricher.core.document import Json
from enricher.core.phrases import span
from enricher.core.secrets import mask
from enricher.core.silence import Watching
from enricher.core.uses import RuleDay
from enricher.model import Backlog, Severity
from enricher.ports import DestinationHealth, Overview
from enricher.web.text import when

LONG_WAIT_S = 300.0
"""An alert that waits longer than this is named: the worker is gone, or behind."""
GAPS = 6
"""A source is quiet once nothing came for so many of its usual gaps, where that is more than `LEAST_SILENCE`."""
LEAST_SILENCE = timedelta(hours=1)
A_DAY = timedelta(days=1)
FORGOTTEN = timedelta(days=7)
"""A source that is quiet for so long was taken out of use: it is still listed, and nothing is wrong with it."""
MOST_PROBLEMS = 5
MOST_SOURCES = 5
MOST_RULES = 10
MOST_EXAMPLES = 3
PRESSURE = {
    "inbox": "Senders are told to come again later: too many alerts wait.",
    "disk": "Senders are told to come again later: too little space is free beside the database.",
}
"""What the marks of backpressure mean."""
_ENDING = frozenset({"expiring", "unmatched", "expired"})
"""States of a tuning rule that somebody should look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that is wrong: of what, in words, and the page that tells more, with its arguments."""

    of: str
    said: str
    page: str
    arguments: Mapping[str, str] = field(default_factory=dict)


# --- sources --------------------------------------------------------------------------------------------------------


def silence(source: SourceRecord, now: datetime) -> timedelta | None:
    """For how long nothing has come of a source that usually sends more often; None while it is as always.

    What is usual is measured over the last day: a source that sent nothing in it is quiet, however rarely it sends.
    """
    since = now - source.last_at
    if since > A_DAY:
        return since
    usual = timedelta(hours=1) / source.per_hour if source.per_hour else A_DAY
    return since if since > max(LEAST_SILENCE, GAPS * usual) else None


def silences(sources: Iterable[SourceRecord], now: datetime) -> dict[str, timedelta]:
    """Those that are quiet, by name."""
    found = {source.source: silence(source, now) for source in sources}
    return {name: quiet for name, quiet in found.items() if quiet is not None}


# --- what is wrong --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that can be wrong."""

    problems: Sequence[str]
    """Of the content."""
    failing: Sequence[DestinationHealth]
    backlog: Backlog
    mark: str | None
    """Of backpressure."""
    quiet: Mapping[str, timedelta]
    watchings: Mapping[str, Watching]
    standings: Sequence[Standing]
    rules: Sequence[Json]


def troubles(found: Found) -> list[Trouble]:
    """The worst first: what is not accepted, not judged, not delivered; then what may be so soon."""
    return [
        *_intake(found.backlog, found.mark),
        *_silent(found.watchings),
        *_destinations(found.failing),
        *_dead(found.backlog),
        *_content(found.problems),
        *_canaries(found.standings),
        *_quiet({name: since for name, since in found.quiet.items() if not _speechless(found.watchings.get(name))}),
        *_rules(found.rules),
    ]


def _intake(backlog: Backlog, mark: str | None) -> list[Trouble]:
    said = [PRESSURE[mark]] if mark else []
    if backlog.alerts_waiting and backlog.oldest_alert_s > LONG_WAIT_S:
        said.append(
            f"The oldest of {_many(backlog.alerts_waiting, 'waiting alert')} has waited for {span(backlog.oldest_alert_s)}."
        )
    return [Trouble(of="Intake", said=one, page="console.intake") for one in said]


def _silent(watchings: Mapping[str, Watching]) -> list[Trouble]:
    """One line, however many there are: Intake tells them apart."""
    open_ = [silence for one in watchings.values() for silence in one.silences]
    if not open_:
        return []
    mute = sorted({one.source for one in open_ if one.what != "logs"})
    missing = sorted({one.source for one in open_ if one.what == "logs"})
    said = [
        *([f"nothing is heard in time of {_named(mute)}"] if mute else []),
        *([f"logs do not reach Sumo Logic, says {_named(missing)}"] if missing else []),
    ]
    since = when(min(one.since for one in open_), seconds=False)
    text = "; ".join(said)
    return [Trouble(of="Silence", said=f"{text[0].upper()}{text[1:]}. Since {since}.", page="console.intake")]


def _named(sources: Sequence[str]) -> str:
    more = len(sources) - MOST_SOURCES
    return ", ".join(sources[:MOST_SOURCES]) + (f" and {more} more" if more > 0 else "")


def _speechless(one: Watching | None) -> bool:
    """Whether its silence is said already."""
    return one is not None and any(silence.what != "logs" for silence in one.silences)


def _destinations(failing: Sequence[DestinationHealth]) -> list[Trouble]:
    return [
        Trouble(
            of=one.destination,
            said=f"{'Paused until ' + when(one.paused_until, seconds=False) if one.paused else 'Tried again'}: "
            f"{(one.reason or 'trouble').replace('_', ' ')}" + (f", {_times(one)}." if one.failures else "."),
            page="console.deliveries",
            arguments={"destination": one.destination},
        )
        for one in failing
    ]


def _times(one: DestinationHealth) -> str:
    return f"{_many(one.failures, 'time')} in a row" + (f" since {when(one.since, seconds=False)}" if one.since else "")


def _dead(backlog: Backlog) -> list[Trouble]:
    parts = [
        _many(count, name)
        for count, name in ((backlog.dead_alerts, "alert"), (backlog.dead_deliveries, "delivery"))
        if count
    ]
    wait = "waits" if backlog.dead_alerts + backlog.dead_deliveries == 1 else "wait"
    said = f"{' and '.join(parts)} {wait} for a person."
    return [Trouble(of="Dead letters", said=said, page="console.dead_letters")] if parts else []


def _content(problems: Sequence[str]) -> list[Trouble]:
    shown = [f"The last good content stays in use: {mask(problem)}" for problem in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        shown.append(f"{len(problems) - MOST_PROBLEMS} more problems: enricher check-config lists them.")
    return [Trouble(of="Content", said=one, page="console.tuning") for one in shown]


def _canaries(standings: Sequence[Standing]) -> list[Trouble]:
    return [
        Trouble(
            of="Canary",
            said=f"{'the webhook' if one.destination == WEBHOOK else one.destination}: {one.state}"
            + (f", {mask(one.detail)}" if one.detail else "")
            + (f"; last proved {when(one.proved_at, seconds=False)}." if one.proved_at else "; never proved."),
            page="console.intake" if one.destination == WEBHOOK else "console.deliveries",
            arguments={} if one.destination == WEBHOOK else {"destination": one.destination},
        )
        for one in standings
        if one.failing
    ]


def _quiet(quiet: Mapping[str, timedelta]) -> list[Trouble]:
    return [
        Trouble(of=name, said=f"Nothing has come for {span(since.total_seconds())}.", page="console.intake")
        for name, since in quiet.items()
        if since < FORGOTTEN
    ]


def _rules(rules: Sequence[Json]) -> list[Trouble]:
    ending = sum(rule["state"] in _ENDING for rule in rules)
    said = f"{_many(ending, 'rule')} {'ends' if ending == 1 else 'end'} soon or {'has' if ending == 1 else 'have'} ended."
    return [Trouble(of="Tuning", said=said, page="console.tuning")] if ending else []


def _many(count: int, name: str) -> str:
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{count:,} {name if count == 1 else plural}"


# --- the figures ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The cases of one severity: opened in the period, and open now; each also as a part of the longest bar, 0 to 100."""

    severity: str
    opened: int
    opened_width: float
    open_now: int
    open_width: float
    more: bool
    """More are open than were counted."""


def levels(overview: Overview) -> list[Level]:
    """The worst first; every severity is there."""
    opened_most = max(overview.opened.values(), default=0)
    open_most = max(overview.open_now.values(), default=0)
    return [
        Level(
            severity=severity.value,
            opened=(opened := overview.opened.get(severity.value, 0)),
            opened_width=_part(opened, opened_most),
            open_now=(now := overview.open_now.get(severity.value, 0)),
            open_width=_part(now, open_most),
            more=now >= overview.most_counted,
        )
        for severity in reversed(Severity)
    ]


def _part(count: int, most: int) -> float:
    return round(100 * count / most, 1) if most else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A destination: how many deliveries are in which state, how it fares, and what its last canary proved."""

    name: str
    delivered: int
    waiting: int
    in_doubt: int
    dead: int
    health: DestinationHealth | None
    standing: Standing | None


def places(overview: Overview, failing: Sequence[DestinationHealth], standings: Sequence[Standing]) -> list[Place]:
    """Every destination that is configured, has something to take, or fails; by name."""
    health = {one.destination: one for one in failing}
    proved = {one.destination: one for one in standings if one.destination != WEBHOOK}
    names = {name for name, _ in overview.deliveries} | set(health) | set(proved)

    def count(name: str, *states: str) -> int:
        return sum(overview.deliveries.get((name, state), 0) for state in states)

    return [
        Place(
            name=name,
            delivered=count(name, "delivered"),
            waiting=count(name, "pending", "sending"),
            in_doubt=count(name, "unknown"),
            dead=count(name, "dead"),
            health=health.get(name),
            standing=proved.get(name),
        )
        for name in sorted(names)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What one tuning rule did in the period, or in shadow would have done; `doc` is None for one that is loaded no more."""

    rule: str
    live: int
    shadow: int
    doc: Json | None


def tuned(days: Iterable[RuleDay], rules: Iterable[Json]) -> list[Tuned]:
    """The rules that matched, those that changed most first; at most ten."""
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for day in days:
        counted[day.rule][day.mode] += day.matches
    docs = {rule["id"]: rule for rule in rules}
    found = [
        Tuned(rule=rule, live=modes["live"], shadow=modes["shadow"], doc=docs.get(rule)) for rule, modes in counted.items()
    ]
    return sorted(found, key=lambda one: (-one.live, -one.shadow, one.rule))[:MOST_RULES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One reason for drift: how many cases have it, and a few of the lines that count most of them."""

    cases: int
    examples: tuple[Json, ...]


def drifted(drift: Json) -> list[tuple[str, Difference]]:
    """Why cases differ from Sumo Logic's columns, the most frequent reason first."""
    by_reason: defaultdict[str, list[Json]] = defaultdict(list)
    for one in drift["drift"]:
        by_reason[one["reason"]].append(one)
    parts = [
        (reason, Difference(cases=sum(one["cases"] for one in lines), examples=_examples(lines)))
        for reason, lines in by_reason.items()
    ]
    return sorted(parts, key=lambda part: -part[1].cases)


def _examples(lines: Sequence[Json]) -> tuple[Json, ...]:
    """What is said most, each once, whatever the day."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for one in lines:
        counted[one["field"], one["sumo"], one["ours"]] += one["cases"]
    most = counted.most_common(MOST_EXAMPLES)
    return tuple({"field": field, "sumo": sumo, "ours": ours} for (field, sumo, ours), _ in most)
