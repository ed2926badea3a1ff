"""Findings → cases. One alert gives zero or more cases; every row is in a case or in `dropped`, never in neither."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from enricher.core.casefile import case_document, key_of
from enricher.core.classify import Classified
from enricher.core.distinct import Distinct
from enricher.core.document import CaseDocument
from enricher.core.finding import Finding
from enricher.core.join import Activity
from enricher.core.rules import Rules
from enricher.model import Alert, Dropped, Event

_MOST_TELLING = ("inbound", "not_public", "excluded", "no_match", "no_name", "unrelated")


@dataclass(frozen=True, slots=True)
class Case:
    """A case of this alert: its document, and its events with the signals they belong to."""

    document: CaseDocument
    findings: tuple[Finding, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Grouped:
    """What an alert comes to."""

    cases: tuple[Case, ...]
    dropped: tuple[Dropped, ...]


def group(
    findings: Sequence[Finding],
    classified: Classified,
    activity: Activity,
    seen: Distinct,
    unreadable: Sequence[Dropped],
    alert: Alert,
    rules: Rules,
) -> Grouped:
    """Group findings by case key, and account for every row."""
    by_key: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_key[key_of(finding, rules)].append(finding)
    columns = {row.index: row.columns for row in alert.rows}
    cases = []
    for members in by_key.values():
        events = _events_of(members, activity)
        rows = {row for event in events for row in seen.rows[id(event)]}
        cases.append(Case(case_document(members, rows, events, alert, columns, rules), tuple(members), events))
    kept = {row for case in cases for row in case.document["rows"]}
    return Grouped(tuple(cases), _dropped(kept, classified, seen, unreadable, alert))


def _events_of(findings: Sequence[Finding], activity: Activity) -> tuple[Event, ...]:
    """The contacts of the findings, and what their processes and ancestors did besides contacting somebody else."""
    events: dict[int, Event] = {}
    for finding in findings:
        signal = finding.graded.facts.signal
        related = [signal.process]
        for ancestor in signal.ancestors:
            key = ancestor.key or ((signal.process.computer, ancestor.guid) if ancestor.guid else None)
            if key in activity.processes:
                related.append(activity.processes[key])
        own = [e for p in related for e in (*p.creations, *p.files, *p.blocks)]
        events |= {id(e): e for e in (*own, *signal.connections, *signal.queries)}
    return tuple(sorted(events.values(), key=lambda e: (e.at is None, e.at, e.row)))


def _dropped(
    kept: set[int], classified: Classified, seen: Distinct, unreadable: Sequence[Dropped], alert: Alert
) -> tuple[Dropped, ...]:
    reasons: dict[int, str] = {dropped.row: dropped.reason for dropped in unreadable}
    for event, reason in classified.leaving:
        for row in seen.rows[id(event)]:
            if row not in kept:
                reasons[row] = min(reasons.get(row, reason), reason, key=_telling)
    names = {row.index: row.name for row in alert.rows}
    return tuple(Dropped(row=row, reason=reasons[row], name=names.get(row)) for row in sorted(reasons) if row not in kept)


def _telling(reason: str) -> int:
    word = reason.partition(":")[0]
    return _MOST_TELLING.index(word) if word in _MOST_TELLING else -1
