"""The flow, written once, in order. Only the two ports touch the world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from enricher.core.classify import classify
from enricher.core.distinct import Distinct, distinct
from enricher.core.evidence import event_id, evidence
from enricher.core.finding import tune
from enricher.core.gather import gather, observe
from enricher.core.grade import Asked, grade
from enricher.core.group import Case, Grouped, group
from enricher.core.join import Activity, ProcessKey, join
from enricher.core.normalise import normalise
from enricher.core.programs import Programs
from enricher.model import Alert, DnsQuery, Dropped, ProcessCreate
from enricher.ports import History, Lookups, SeenEvent, Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigation:
    """What came of an alert: its cases, the rows that are in none, and what is to be remembered of its events."""

    cases: tuple[Case, ...]
    dropped: tuple[Dropped, ...]
    events: tuple[SeenEvent, ...]
    sightings: tuple[Sighting, ...]
    events_read: int


def investigate(
    alert: Alert, programs: Programs, lookups: Lookups, history: History, today: date, asked: Asked
) -> Investigation:
    """Turn one alert into graded cases, tuned away or not; each opens or joins a case in the store."""
    rules = programs.rules
    read = normalise(alert)
    seen = distinct(read.events)
    activity = join(seen.events)
    past = _earlier(activity, history)
    classified = classify(activity, rules, past)
    found = lookups.about(observe(classified.signals))
    facts = gather(classified.signals, activity, found, rules, programs)
    graded = grade(facts, programs, asked)
    findings = tune(graded, rules, today)
    grouped = group(findings, classified, activity, seen, read.dropped, alert, rules)
    return _remembered(grouped, seen)


def _earlier(activity: Activity, history: History) -> dict[ProcessKey, ProcessCreate]:
    """Event 1s of ancestors that this alert does not hold, from history, as far up as they go."""
    past: dict[ProcessKey, ProcessCreate] = {}
    wanted: dict[str, set[str]] = {}
    for process in activity.processes.values():
        if (guid := activity.parents_missing(process)) is not None:
            wanted.setdefault(process.computer, set()).add(guid)
    for computer, guids in wanted.items():
        for event in history.ancestors(computer, guids):
            if isinstance(event, ProcessCreate) and event.guid:
                past[computer, event.guid] = event
    return past


def _remembered(grouped: Grouped, seen: Distinct) -> Investigation:
    events: dict[bytes, SeenEvent] = {}
    sightings: dict[bytes, Sighting] = {}
    for case in grouped.cases:
        for event in _events(case, seen):
            events.setdefault(event.digest, event)
        for sighting in _sightings(case, seen):
            sightings.setdefault(sighting.event, sighting)
    return Investigation(
        cases=grouped.cases,
        dropped=grouped.dropped,
        events=tuple(events.values()),
        sightings=tuple(sightings.values()),
        events_read=len(seen.events),
    )


def _events(case: Case, seen: Distinct) -> Iterator[SeenEvent]:
    """The case's events; `count` is how many contacts each stands for, so that a repeat adds none."""
    contacts = {id(event): event.count for f in case.findings for event in f.graded.facts.signal.counted}
    for event in case.events:
        yield SeenEvent(
            digest=seen.digests[id(event)],
            case_key=case.document["key"],
            computer=event.computer,
            guid=event.guid,
            event_id=event_id(event),
            at=event.at,
            count=contacts.get(id(event), 0),
            document=evidence(event) if isinstance(event, ProcessCreate) and event.observed else None,
            rows=seen.rows[id(event)],
        )


def _sightings(case: Case, seen: Distinct) -> Iterator[Sighting]:
    for finding in case.findings:
        signal = finding.graded.facts.signal
        for contact in (*signal.connections, *signal.queries):
            if contact.at is not None:
                yield Sighting(
                    event=seen.digests[id(contact)],
                    host=contact.computer,
                    user=signal.process.user,
                    image=signal.process.image,
                    family=signal.platform.family,
                    tenant=signal.tenant,
                    at=contact.at,
                    kind="query" if isinstance(contact, DnsQuery) else "connection",
                )
