"""The table `incident`: what an insert and an update make of what was sent. Knows nothing of HTTP but the refusals it raises."""

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
from enricher.standins.shelf import Json, Shelf

LENGTHS = {
    "short_description": 160,
    "description": 4_000,
    "correlation_id": 100,
    "correlation_display": 100,
    "close_notes": 4_000,
    "close_code": 40,
    "category": 40,
    "subcategory": 40,
    "impact": 40,
    "urgency": 40,
    "state": 40,
    "caller_id": 32,
    "assignment_group": 32,
    "assigned_to": 32,
    "cmdb_ci": 32,
    "contact_type": 40,
    "parent_incident": 32,
}
"""Every field that can be written, and where it is cut."""
JOURNAL = ("work_notes", "comments")
READ_ONLY = ("sys_id", "number", "priority", "active", "opened_at", "sys_created_on", "sys_updated_on", "sys_created_by")
FIELDS = frozenset({*LENGTHS, *READ_ONLY})
REFERENCES = {
    "caller_id": "sys_user",
    "assignment_group": "sys_user_group",
    "assigned_to": "sys_user",
    "cmdb_ci": "cmdb_ci",
}
PRIORITY = {
    ("1", "1"): "1",
    ("1", "2"): "2",
    ("1", "3"): "3",
    ("2", "1"): "2",
    ("2", "2"): "3",
    ("2", "3"): "4",
    ("3", "1"): "3",
    ("3", "2"): "4",
    ("3", "3"): "5",
}
"""(impact, urgency) → priority."""
STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"}
RESOLVED, CLOSED, CANCELED = "6", "7", "8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How an instance differs from the next. `on_insert` are fields that a business rule sets behind the client's back."""

    honour_sys_id: bool = True
    duplicate_status: int = 403
    resolve_status: int = 403
    """What missing close fields give: 403, on some instances 500."""
    abort_rule: str | None = None
    """The name of a business rule that aborts every insert."""
    on_insert: Mapping[str, str] = field(default_factory=dict)


def failure(status: int, message: str, detail: str = "") -> Refusal:
    """The instance's own form of an error."""
    return Refusal(status, {"error": {"message": message, "detail": detail}, "status": "failure"})


def stamp(seconds: float) -> str:
    """A time as the instance keeps it: UTC, without a zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


class Incidents:
    """All incidents, and the journal of their notes."""

    def __init__(self, rules: Rules, clock: Clock, user: str, state: Path | None) -> None:
        self.rules, self._clock, self._user = rules, clock, user
        self._records = Shelf(state / "incidents" if state else None)
        self._journal = Shelf(state / "journal" if state else None)
        self._counters = Shelf(state / "counters" if state else None)
        self._notes: defaultdict[str, list[Record]] = defaultdict(list)
        for note in self._journal:
            self._notes[note["element_id"]].append(note)

    def all(self) -> list[Record]:
        return list(self._records)

    def get(self, sys_id: str) -> Record | None:
        return self._records.get(sys_id)

    def journal(self) -> list[Record]:
        """Every note that was ever written, oldest first."""
        return list(self._journal)

    def notes(self, sys_id: str) -> list[Record]:
        """The notes of one incident, oldest first."""
        return list(self._notes.get(sys_id, ()))

    def insert(self, sent: Json) -> Record:
        """Raises Refusal. The number is used up even where the insert fails."""
        number = self._next_number()
        if self.rules.abort_rule:
            raise failure(403, "Operation Failed", _aborted(self.rules.abort_rule))
        sys_id = _client_sys_id(sent) if self.rules.honour_sys_id else None
        if sys_id and self._records.get(sys_id):
            detail = f"Error during insert of incident ({number}): Unique Key violation detected by database (Duplicate entry '{sys_id}' for key 'PRIMARY')"
            raise failure(self.rules.duplicate_status, "Operation Failed", detail)
        now = stamp(self._clock())
        record = dict.fromkeys(LENGTHS, "")
        record |= {
            "sys_id": sys_id or uuid4().hex,
            "number": number,
            "state": "1",
            "impact": "3",
            "urgency": "3",
            "priority": "",
        }
        record |= {"active": "true", "opened_at": now, "sys_created_on": now, "sys_created_by": self._user}
        self._write(record, {**sent, **self.rules.on_insert})
        return record

    def update(self, sys_id: str, sent: Json) -> Record:
        """Raises Refusal. Notes append: what is sent twice stands there twice."""
        present = self._records.get(sys_id)
        if present is None:
            raise failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        record = dict(present)
        self._write(record, sent)
        return record

    def _write(self, record: Record, sent: Json) -> None:
        for name, length in LENGTHS.items():
            if name in sent:
                record[name] = _plain(sent[name])[:length]
        self._check_state(record)
        record["priority"] = PRIORITY.get((record["impact"], record["urgency"]), "5")
        record["active"] = "false" if record["state"] in {CLOSED, CANCELED} else "true"
        record["sys_updated_on"] = stamp(self._clock())
        self._records.put(record["sys_id"], record)
        for element in JOURNAL:
            if sent.get(element):
                self._note(record["sys_id"], element, _plain(sent[element]))

    def _check_state(self, record: Record) -> None:
        before = self._records.get(record["sys_id"])
        if record["state"] == CLOSED and (before is None or before["state"] != CLOSED):
            raise failure(403, "Operation Failed", "ACL Exception Update Failed due to security constraints")
        if record["state"] == RESOLVED and not (record["close_code"] and record["close_notes"]):
            detail = "Data Policy Exception:\n The following fields are mandatory: Resolution code, Resolution notes"
            raise failure(self.rules.resolve_status, "Operation Failed", detail)

    def _note(self, sys_id: str, element: str, text: str) -> None:
        note = {
            "sys_id": uuid4().hex,
            "name": "incident",
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
        return f"INC{counter['n']:07d}"


def _client_sys_id(sent: Json) -> str | None:
    given = sent.get("sys_id")
    return given if isinstance(given, str) and re.fullmatch(r"[0-9a-f]{32}", given) else None


def _aborted(rule: str) -> str:
    return f"Operation against file 'incident' was aborted by Business Rule '{rule}^{'0' * 32}'"


def _plain(value: Any) -> str:
    """A value as the database keeps it: text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
