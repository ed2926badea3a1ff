"""Two judgements of the same thing, side by side: what of a case, or of an alert's rows, is otherwise now.

What is compared is what was decided, by which rule and for how many points; the words of an evidence are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from enricher.core.document import CaseDocument, Json, StepDoc
from enricher.model import Severity

FIELDS = (
    "detection",
    "severity",
    "score",
    "raw_severity",
    "raw_score",
    "verdict",
    "disposition",
    "hostname",
    "tenant",
)
"""What a case is held to, beside its platform, its rules and its ledger."""
SUPPRESSED = "suppressed"
BANDS = (*(severity.value for severity in Severity), SUPPRESSED)

Kind = Literal["opened", "gone", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where one judgement left a case: as much of it as a comparison is told with. `target` is the tenant, else the family."""

    key: str
    host: str
    tenant: str | None
    target: str
    process: str | None
    severity: str
    score: int
    verdict: str
    disposition: str
    identity: tuple[str, ...]

    @property
    def band(self) -> str:
        """What an analyst sees of it: its severity, or that it is suppressed."""
        return SUPPRESSED if self.disposition == SUPPRESSED else self.severity

    @property
    def hidden(self) -> bool:
        """Nobody is told of it: it gets no ticket."""
        return self.disposition != "open"


@dataclass(frozen=True, slots=True)
class Moved:
    """One value, before and now; None where there was none."""

    name: str
    before: object
    now: object

    def as_json(self) -> Json:
        return {"name": self.name, "before": self.before, "now": self.now}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """What became of one case: `before` is None for one that is opened, `now` for one that is gone.

    `rules` are tuning rules with the mode in which they matched, `steps` ledger steps with their points, in brackets where they
    were not taken. `notes` say what was known then and is not now, or the reverse.
    """

    kind: Kind
    before: Stand | None = None
    now: Stand | None = None
    fields: tuple[Moved, ...] = ()
    rules: tuple[Moved, ...] = ()
    steps: tuple[Moved, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def about(self) -> Stand:
        """The case, as it is now where it still is. Raises ValueError for a change of no case."""
        about = self.now or self.before
        if about is None:
            raise ValueError("a change of no case")
        return about

    @property
    def lowered(self) -> bool:
        """Whether the case counts for less: a lower score, no ticket any more, suppressed, or gone."""
        if self.before is None or self.now is None:
            return self.now is None
        suppressed = self.now.band == SUPPRESSED != self.before.band
        return self.now.score < self.before.score or self.newly_hidden or suppressed

    @property
    def newly_hidden(self) -> bool:
        """Whether nobody is told of it any more."""
        return self.before is not None and not self.before.hidden and (self.now is None or self.now.hidden)

    def as_json(self) -> Json:
        return {
            "change": self.kind,
            "key": self.before.key if self.before else None,
            "new_key": self.now.key if self.now else None,
            "host": self.about.host,
            "tenant": self.about.tenant,
            "process": self.about.process,
            "fields": [moved.as_json() for moved in self.fields],
            "rules": [moved.as_json() for moved in self.rules],
            "steps": [moved.as_json() for moved in self.steps],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """A row of an alert that leaves for another reason now; a reason is None where the row is in a case."""

    alert_id: str
    row: int
    before: str | None
    now: str | None

    def as_json(self) -> Json:
        return {"alert": self.alert_id, "row": self.row, "before": self.before, "now": self.now}


# --- cases ----------------------------------------------------------------------------------------------------------


def stand_of(document: CaseDocument) -> Stand:
    """Where a case stands."""
    return Stand(
        key=document["key"],
        host=document["host"],
        tenant=document["tenant"],
        target=document["tenant"] or document["platform"]["family"],
        process=document["process"]["name"],
        severity=document["severity"],
        score=document["score"],
        verdict=document["verdict"],
        disposition=document["disposition"],
        identity=tuple(document["process"]["identity"]),
    )


def changed(
    was: CaseDocument, becomes: CaseDocument, *, reopened: bool = False, notes: Sequence[str] = ()
) -> CaseChange | None:
    """What is otherwise; None where nothing is. `reopened`: a person opened it again, so that a suppressed one may be open."""
    fields = tuple(_fields(was, becomes, reopened=reopened))
    rules = tuple(_moved(_rules(was), _rules(becomes)))
    steps = tuple(_moved(_steps(was["ledger"]), _steps(becomes["ledger"])))
    if not (fields or rules or steps):
        return None
    return CaseChange(
        kind="changed",
        before=stand_of(was),
        now=stand_of(becomes),
        fields=fields,
        rules=rules,
        steps=steps,
        notes=tuple(notes),
    )


def moved_to(was: CaseDocument, becomes: CaseDocument) -> CaseChange:
    """A case that has another key now."""
    key = Moved("key", was["key"], becomes["key"])
    change = changed(was, becomes) or CaseChange(kind="changed", before=stand_of(was), now=stand_of(becomes))
    return replace(change, fields=(key, *change.fields))


def pairs(changes: Sequence[CaseChange]) -> Iterator[tuple[CaseChange, CaseChange]]:
    """A case gone and one opened that are the same under another key: same host and target, and no other may be meant."""
    of_kind = {kind: [change for change in changes if change.kind == kind] for kind in ("gone", "opened")}
    places = {kind: Counter(map(_place, found)) for kind, found in of_kind.items()}
    opened = {_place(change): change for change in of_kind["opened"]}
    for change in of_kind["gone"]:
        place = _place(change)
        if places["gone"][place] == places["opened"][place] == 1:
            yield change, opened[place]


def _place(change: CaseChange) -> tuple[str, str]:
    return change.about.host, change.about.target


def _fields(was: CaseDocument, becomes: CaseDocument, *, reopened: bool) -> Iterator[Moved]:
    before: Mapping[str, object] = {**was, "platform": was["platform"]["id"]}
    now: Mapping[str, object] = {**becomes, "platform": becomes["platform"]["id"]}
    for name in (*FIELDS, "platform"):
        by_hand = reopened and name == "disposition" and now[name] == SUPPRESSED
        if before.get(name) != now.get(name) and not by_hand:
            yield Moved(name, before.get(name), now.get(name))


def _rules(document: CaseDocument) -> dict[str, object]:
    return {exception["rule"]: exception["mode"] for exception in document["exceptions"]}


def _steps(ledger: Sequence[StepDoc]) -> dict[str, object]:
    """Points by rule; a rule that comes twice is numbered."""
    steps: dict[str, object] = {}
    times: Counter[str] = Counter()
    for step in ledger:
        times[step["rule"]] += 1
        name = step["rule"] if times[step["rule"]] == 1 else f"{step['rule']} ({times[step['rule']]})"
        points = f"{round(step['points'], 3):+g}"
        steps[name] = points if step["taken"] else f"({points})"
    return steps


def _moved(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[Moved]:
    names = [*before, *(name for name in now if name not in before)]
    return (Moved(name, before.get(name), now.get(name)) for name in names if before.get(name) != now.get(name))


# --- rows -----------------------------------------------------------------------------------------------------------


def rows_changed(alert_id: str, before: Iterable[Json], now: Iterable[Json]) -> list[RowChange]:
    """Rows that leave with another fixed word; both sides as `dropped` of an alert lists them."""
    was, becomes = ({entry["row"]: str(entry["reason"]) for entry in side} for side in (before, now))
    return [
        RowChange(alert_id=alert_id, row=row, before=was.get(row), now=becomes.get(row))
        for row in sorted(was.keys() | becomes.keys())
        if _word(was.get(row)) != _word(becomes.get(row))
    ]


def _word(reason: str | None) -> str | None:
    return reason.partition(":")[0] if reason is not None else None
