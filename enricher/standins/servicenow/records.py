"""The records of one table: what an insert and an update make of what was sent. Knows nothing of HTTP but the refusals it raises."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from enricher.standins.service import Clock, Refusal
from enricher.standins.servicenow.query import Record
from enricher.standins.servicenow.tables import INCIDENT, JOURNAL, PRIORITY, Table
from enricher.standins.shelf import Json, Shelf

CANCELLED_SECURITY = "7"
RISK = {"1": 80, "2": 60, "3": 40, "4": 20, "5": 10}
"""Risk score by priority, of the stand-in's own making: what an instance computes is configured there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How an instance differs from the next. `on_insert` are fields that a business rule sets behind the client's back."""

    honour_sys_id: bool = True
    duplicate_status: int = 403
    resolve_status: int = 403
    """What missing close fields give: 403, on some instances 500."""
    resolve_needs: tuple[str, ...] = ()
    """Fields of the site's own without which it lets nobody resolve."""
    reopen_to: frozenset[str] = frozenset({"1", "2", "3"})
    """The states into which a resolved record may be taken again."""
    abort_rule: str | None = None
    """The name of a business rule that aborts every insert."""
    on_insert: Mapping[str, str] = field(default_factory=dict)
    mandatory: tuple[str, ...] = ()
    """Fields without which a data policy lets nobody insert."""
    unwritable: frozenset[str] = frozenset()
    """Fields that an ACL keeps from being written: dropped, without a word."""
    custom: Mapping[str, int] = field(default_factory=dict)
    """A site's own fields, and their lengths."""


def failure(status: int, message: str, detail: str = "") -> Refusal:
    """The instance's own form of an error."""
    return Refusal(status, {"error": {"message": message, "detail": detail}, "status": "failure"})


def stamp(seconds: float) -> str:
    """A time as the instance keeps it: UTC, without a zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


class Records:
    """All records of one table, and the journal of their notes."""

    def __init__(self, table: Table, rules: Rules, clock: Clock, user: str, state: Path | None) -> None:
        self.table, self.rules, self._clock, self._user = table, rules, clock, user
        folder = state / f"{table.word}s" if state else None
        self._records = Shelf(folder)
        self._journal = Shelf(folder / "journal" if folder else None)
        self._counters = Shelf(folder / "counters" if folder else None)
        self._notes: defaultdict[str, list[Record]] = defaultdict(list)
        for note in self._journal:
            self._notes[note["element_id"]].append(note)

    @property
    def lengths(self) -> dict[str, int]:
        return {**self.table.lengths, **self.rules.custom}

    @property
    def fields(self) -> frozenset[str]:
        return self.table.fields | set(self.rules.custom)

    def all(self) -> list[Record]:
        return list(self._records)

    def get(self, sys_id: str) -> Record | None:
        return self._records.get(sys_id)

    def journal(self) -> list[Record]:
        """Every note that was ever written, oldest first."""
        return list(self._journal)

    def notes(self, sys_id: str) -> list[Record]:
        """The notes of one record, oldest first."""
        return list(self._notes.get(sys_id, ()))

    def insert(self, sent: Json) -> Record:
        """Raises Refusal. The number is used up even where the insert fails."""
        number = self._next_number()
        if self.rules.abort_rule:
            raise failure(403, "Operation Failed", self._aborted(self.rules.abort_rule))
        self._check_mandatory(sent)
        sys_id = _client_sys_id(sent) if self.rules.honour_sys_id else None
        if sys_id and self._records.get(sys_id):
            detail = f"Error during insert of {self.table.name} ({number}): Unique Key violation detected by database (Duplicate entry '{sys_id}' for key 'PRIMARY')"
            raise failure(self.rules.duplicate_status, "Operation Failed", detail)
        now = stamp(self._clock())
        record = {**dict.fromkeys((*self.lengths, *self.table.stamps), ""), "priority": "", **self.table.defaults}
        record |= {"sys_id": sys_id or uuid4().hex, "number": number, "active": "true", "opened_at": now}
        record |= {"sys_created_on": now, "sys_created_by": self._user}
        self._write(record, {**sent, **self.rules.on_insert})
        return record

    def update(self, sys_id: str, sent: Json) -> Record:
        """Raises Refusal. Notes append: what is sent twice stands there twice."""
        record = self._present(sys_id)
        if record["state"] in self.table.ended:
            raise failure(403, "Operation Failed", "ACL Exception Update Failed due to security constraints")
        self._write(record, sent)
        return record

    def by_hand(self, sys_id: str, sent: Json) -> None:
        """What an administrator does in the browser: any field that there is, any state. Raises Refusal where there is no record."""
        record = self._present(sys_id)
        record |= {name: _plain(value) for name, value in sent.items() if name in self.lengths}
        self._keep(record, sent)

    def delete(self, sys_id: str) -> None:
        """Its notes stay in the journal, as they do."""
        self._records.remove(self._present(sys_id)["sys_id"])

    def _present(self, sys_id: str) -> Record:
        present = self._records.get(sys_id)
        if present is None:
            raise failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        return dict(present)

    def _write(self, record: Record, sent: Json) -> None:
        """Fields that the table does not have, or the account may not write, are left out without a word."""
        for name, length in self.lengths.items():
            if name in sent and name not in self.rules.unwritable:
                record[name] = _plain(sent[name])[:length]
        self._check_state(record)
        self._keep(record, sent)

    def _keep(self, record: Record, sent: Json) -> None:
        self._compute(record, sent)
        self._stamp(record)
        record["active"] = "false" if record["state"] in self.table.ended else "true"
        record["sys_updated_on"] = stamp(self._clock())
        self._records.put(record["sys_id"], record)
        for element in JOURNAL:
            if sent.get(element):
                self._note(record["sys_id"], element, _plain(sent[element]))

    def _compute(self, record: Record, sent: Json) -> None:
        """An incident's priority is never what was sent; a risk score that was sent stays, whatever happens later."""
        if self.table is INCIDENT:
            record["priority"] = PRIORITY.get((record["impact"], record["urgency"]), "5")
            return
        if "risk_score" in sent and "risk_score" not in self.rules.unwritable:
            record["risk_score_override"] = "true"
        elif record["risk_score_override"] != "true":
            record["risk_score"] = str(RISK.get(record["priority"], 0))

    def _stamp(self, record: Record) -> None:
        """When it was resolved or ended, as long as it is."""
        now, state = stamp(self._clock()), record["state"]
        if self.table.resolved and state not in self.table.ended:
            record["resolved_at"] = (record["resolved_at"] or now) if state == self.table.resolved else ""
        record["closed_at"] = (record["closed_at"] or now) if state in self.table.ended else ""

    def _check_mandatory(self, sent: Json) -> None:
        if missing := [name for name in self.rules.mandatory if not sent.get(name)]:
            detail = f"Data Policy Exception:\n The following fields are mandatory: {', '.join(missing)}"
            raise failure(403, "Operation Failed", detail)

    def _check_state(self, record: Record) -> None:
        present = self._records.get(record["sys_id"])
        before = present["state"] if present else self.table.defaults["state"]
        after = record["state"]
        if after == before:
            return
        if self.table is INCIDENT and after == "7":
            raise failure(403, "Operation Failed", "ACL Exception Update Failed due to security constraints")
        if before == self.table.resolved and after not in {*self.rules.reopen_to, *self.table.ended}:
            raise failure(403, "Operation Failed", self._aborted("Incident is not opened again"))
        if self.table.steps and not self._is_a_step(before, after):
            detail = f"Invalid state change from {self.table.states.get(before)} to {self.table.states.get(after, after)}"
            raise failure(403, "Operation Failed", detail)
        needed = ("close_code", "close_notes", *self.rules.resolve_needs) if after in self.table.close_needed else ()
        if missing := [name for name in needed if not record.get(name)]:
            detail = f"Data Policy Exception:\n The following fields are mandatory: {', '.join(missing)}"
            raise failure(self.rules.resolve_status, "Operation Failed", detail)

    def _is_a_step(self, before: str, after: str) -> bool:
        """One state on or back; an open one may be cancelled, an ended one is not opened again."""
        if before in self.table.ended:
            return False
        steps = self.table.steps
        if after not in steps:
            return after == CANCELLED_SECURITY
        return abs(steps.index(after) - steps.index(before)) == 1

    def _note(self, sys_id: str, element: str, text: str) -> None:
        note = {
            "sys_id": uuid4().hex,
            "name": self.table.name,
            "element": element,
            "element_id": sys_id,
            "value": text,
            "sys_created_on": stamp(self._clock()),
            "sys_created_by": self._user,
        }
        self._journal.put(note["sys_id"], note)
        self._notes[sys_id].append(note)

    def _next_number(self) -> str:
        counter = self._counters.get("number") or {"n": 10_000}
        counter["n"] += 1
        self._counters.put("number", counter)
        return f"{self.table.prefix}{counter['n']:07d}"

    def _aborted(self, rule: str) -> str:
        return f"Operation against file '{self.table.name}' was aborted by Business Rule '{rule}^{'0' * 32}'"


def _client_sys_id(sent: Json) -> str | None:
    given = sent.get("sys_id")
    return given if isinstance(given, str) and re.fullmatch(r"[0-9a-f]{32}", given) else None


def _plain(value: Any) -> str:
    """A value as the database keeps it: text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
