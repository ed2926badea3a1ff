"""Findings → cases. One alert gives zero or more cases; every row is in a case or in `dropped`, never in neither.

A case keeps its key for life. What is learnt later (the process is another class than its image said; the host rotates over
tenants; another detection speaks for the platform) would give the same contacts another key: then they stay in the case that has
them, and the other key becomes its alias.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from enricher.core.casefile import case_document, case_key
from enricher.core.classify import Classified, Signal
from enricher.core.distinct import Distinct
from enricher.core.document import CaseDocument
from enricher.core.finding import Finding
from enricher.core.join import Activity, Process
from enricher.core.memory import Memory
from enricher.core.rules import Rules
from enricher.core.wording import NOT_ALL_READ
from enricher.model import Alert, Dropped, Event

CLASSES = (
    "script_host",
    "lolbin",
    "downloader",
    "shell",
    "runtime",
    "transfer",
    "office",
    "tunnel",
    "browser",
    "agent",
    "other",
)
NO_MEMORY = Memory()
_MOST_TELLING = ("inbound", "not_public", "excluded", "no_match", "no_name", "unrelated")


@dataclass(frozen=True, slots=True)
class Case:
    """A case of this alert: its document, and its events with the signals they belong to."""

    document: CaseDocument
    findings: tuple[Finding, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Grouped:
    """What an alert comes to. `aliases` are keys that lead to the case that was there before; `joined` are stored cases that
    have nothing of their own any more, and the case that has it all.
    """

    cases: tuple[Case, ...]
    dropped: tuple[Dropped, ...]
    aliases: Mapping[str, str]
    joined: Mapping[str, str]


def group(
    findings: Sequence[Finding],
    classified: Classified,
    activity: Activity,
    seen: Distinct,
    unreadable: Sequence[Dropped],
    alert: Alert,
    rules: Rules,
    memory: Memory = NO_MEMORY,
) -> Grouped:
    """Group findings by case key, and account for every row.

    What came makes up cases; another case of the same hosts is among them only where what came changes its judgement: a burst
    of failures is one of all the host's processes.
    """
    keys = [_key_of(finding, rules) for finding in findings]
    known = _Known(seen.case_of, activity, frozenset(keys), tuple(one.id for one in rules.detections))
    before = [known.case_before(finding, key) for finding, key in zip(findings, keys, strict=True)]
    aliases = {
        key: case
        for finding, key, case in zip(findings, keys, before, strict=True)
        if case is not None and known.is_variant(finding, key, case)
    }
    by_key: dict[str, list[Finding]] = defaultdict(list)
    for finding, key, case in zip(findings, keys, before, strict=True):
        by_key[case or aliases.get(key, key)].append(finding)
    events = {
        key: _in_order(e for f in members for e in events_of(f.graded.facts.signal, activity))
        for key, members in by_key.items()
    }
    came = _came(by_key, events, classified, seen)
    columns = {row.index: row.columns for row in alert.rows}
    cases = []
    for key, members in by_key.items():
        rows = {row for event in events[key] for row in seen.rows[id(event)]} if key in came else set()
        document = case_document(key, members, rows, events[key], alert, columns, rules)
        document["missing"] += [NOT_ALL_READ] if memory.cut else []
        if key in came or _changed(document, memory):
            cases.append(Case(document, tuple(members), events[key]))
    kept = {row for case in cases for row in case.document["rows"]}
    dropped = _dropped(kept, classified, seen, unreadable, alert)
    has = {id(event): key for key in by_key for event in events[key]}
    return Grouped(tuple(cases), dropped, aliases, _joined(by_key, has, seen.case_of, memory))


def _came(
    by_key: Mapping[str, Sequence[Finding]], events: Mapping[str, Sequence[Event]], classified: Classified, seen: Distinct
) -> set[str]:
    """The cases that the events asked about are in: by a contact or their own process, or by what is new of an ancestor.

    The start of an ancestor that is known already comes again with every child of it, and says nothing of the others; it is put
    in their cases only where it is in no other, for every row is in a case or has left.
    """
    own = {key: {id(e) for f in members for e in _own(f.graded.facts.signal)} for key, members in by_key.items()}
    news = seen.asked_of - seen.case_of.keys()
    came = {key for key in by_key if any(id(e) in (seen.asked_of if id(e) in own[key] else news) for e in events[key])}
    placed = {id(event) for event, _ in classified.leaving} | {id(event) for key in came for event in events[key]}
    left = seen.asked_of - placed
    return came | {key for key in by_key if any(id(event) in left for event in events[key])}


def _changed(document: CaseDocument, memory: Memory) -> bool:
    """Whether a stored case is judged otherwise now; how often it made contact says something only where all of it is here."""
    key = document["key"]
    if memory.ledgers.get(key) != document["ledger_digest"]:
        return True
    return key in memory.whole and memory.counts.get(key) != document["count"]


def _joined(
    found: Mapping[str, object], has: Mapping[int, str], case_of: Mapping[int, str], memory: Memory
) -> dict[str, str]:
    """Stored cases all of whose events are here, and belong to another case now."""
    into: dict[str, set[str | None]] = defaultdict(set)
    for event, case in case_of.items():
        if case in memory.whole and case not in found:
            into[case].add(has.get(event))
    return {case: key for case, keys in into.items() if len(keys) == 1 and (key := next(iter(keys))) is not None}


# --- keys -----------------------------------------------------------------------------------------------------------


def _key_of(finding: Finding, rules: Rules) -> str:
    """Detection, host, tenant (else family) and process class. A tenant that comes after the host was seen to rotate over
    tenants joins the family's case.
    """
    facts = finding.graded.facts
    signal = facts.signal
    target = signal.platform.family if _joins_rotation(finding) else signal.target
    detection = rules.detection_of(signal.platform).id
    return case_key(detection, signal.process.computer, target, facts.program.kind)


def _joins_rotation(finding: Finding) -> bool:
    facts = finding.graded.facts
    since, first = facts.rotating_since, facts.first_here
    return since is not None and first is not None and first > since and facts.signal.tenant is not None


@dataclass(frozen=True, slots=True)
class _Known:
    """Which cases have the events already; `claimed` are the keys of what is found now."""

    case_of: Mapping[int, str]
    activity: Activity
    claimed: frozenset[str]
    detections: tuple[str, ...]

    def case_before(self, finding: Finding, key: str) -> str | None:
        """The case that has the finding's contacts or its process already, where its key differs only by what was learnt since.

        Or the one that an ancestor opened by its command line alone, before it was known to be only an ancestor.
        """
        signal = finding.graded.facts.signal
        process = signal.process
        own = self._cases(*signal.connections, *signal.queries, *process.creations, *process.blocks)
        if key in own:
            return None
        above = [self.activity.processes[a.key] for a in signal.ancestors if a.key in self.activity.processes]
        opened = self._cases(*(event for ancestor in above for event in (*ancestor.creations, *ancestor.blocks)))
        ours = self._keys(finding, signal.target) | self._keys(finding, signal.platform.family)
        before = [*own, *(case for case in opened if case not in self.claimed)]
        return next((case for case in before if case in ours and case != key), None)

    def is_variant(self, finding: Finding, key: str, case: str) -> bool:
        """Whether the two keys differ in the process class alone: then whatever has the one belongs to the other."""
        signal = finding.graded.facts.signal
        return any({key, case} <= self._keys(finding, target) for target in (signal.target, signal.platform.family))

    def _keys(self, finding: Finding, target: str) -> set[str]:
        host = finding.graded.facts.signal.process.computer
        return {case_key(one, host, target, kind) for one in self.detections for kind in CLASSES}

    def _cases(self, *events: Event) -> list[str]:
        return [self.case_of[id(event)] for event in events if id(event) in self.case_of]


# --- rows -----------------------------------------------------------------------------------------------------------


def events_of(signal: Signal, activity: Activity) -> Iterable[Event]:
    """The signal's contacts, and what its process and ancestors did besides contacting somebody else."""
    yield from _own(signal)
    for ancestor in signal.ancestors:
        key = ancestor.key or ((signal.process.computer, ancestor.guid) if ancestor.guid else None)
        if key in activity.processes:
            yield from _besides(activity.processes[key])


def _own(signal: Signal) -> Iterable[Event]:
    yield from signal.connections
    yield from signal.queries
    yield from _besides(signal.process)


def _besides(process: Process) -> Iterable[Event]:
    yield from process.creations
    yield from process.files
    yield from process.blocks


def _in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    once = {id(event): event for event in events}
    return tuple(sorted(once.values(), key=lambda e: (e.at is None, e.at, e.row)))


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
