"""What a new instance has: its tables of tickets and their fields, its choices, people and groups. Data only.

The names of fields and states are those of the base system. Two values could not be found in any document and are from use
alone: the security incident's states 20 (Recover) and 100 (Review).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import NAMESPACE_OID, uuid5

from enricher.standins.servicenow.query import Record

TASK = {
    "short_description": 160,
    "description": 4_000,
    "correlation_id": 100,
    "correlation_display": 100,
    "close_notes": 4_000,
    "impact": 40,
    "urgency": 40,
    "priority": 40,
    "state": 40,
    "assignment_group": 32,
    "assigned_to": 32,
    "cmdb_ci": 32,
    "contact_type": 40,
}
"""Fields of every ticket, and where each is cut."""
JOURNAL = ("work_notes", "comments")
READ_ONLY = ("sys_id", "number", "active", "opened_at", "sys_created_on", "sys_updated_on", "sys_created_by")
PEOPLE = {"assignment_group": "sys_user_group", "assigned_to": "sys_user", "cmdb_ci": "cmdb_ci"}
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
PRIORITIES = {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low", "5": "5 - Planning"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table that extends task. `steps` are the states that a record goes through one by one; empty: in any order."""

    name: str
    word: str
    """What its records are called in `holdings` and in addresses."""
    prefix: str
    own: Mapping[str, int]
    references: Mapping[str, str]
    states: Mapping[str, str]
    defaults: Mapping[str, str]
    ended: frozenset[str]
    """States in which a record is no longer active."""
    close_needed: frozenset[str]
    """States that need close code and close notes."""
    steps: tuple[str, ...] = ()
    resolved: str = ""
    """The state between open and ended out of which a record may be taken again; empty: there is none."""
    roles: tuple[str, ...] = ()
    """Beginnings of the role names of which an account needs one."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def lengths(self) -> dict[str, int]:
        """Every field that can be written, and where it is cut."""
        return {**TASK, **self.own}

    @property
    def fields(self) -> frozenset[str]:
        return frozenset({*self.lengths, *READ_ONLY, *self.stamps})

    @property
    def stamps(self) -> tuple[str, ...]:
        """When it was resolved and ended: kept by the instance."""
        return ("closed_at", *(("resolved_at",) if self.resolved else ()))


INCIDENT = Table(
    name="incident",
    word="incident",
    prefix="INC",
    own={"caller_id": 32, "category": 40, "subcategory": 40, "close_code": 40, "parent_incident": 32},
    references={**PEOPLE, "caller_id": "sys_user"},
    states={"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"},
    defaults={"state": "1", "impact": "3", "urgency": "3"},
    ended=frozenset({"7", "8"}),
    close_needed=frozenset({"6"}),
    resolved="6",
    choices={
        "impact": ("1", "2", "3"),
        "urgency": ("1", "2", "3"),
        "category": ("inquiry", "software", "hardware", "network", "database"),
        "close_code": (
            "Duplicate",
            "Known error",
            "No resolution provided",
            "Solution provided",
            "Workaround provided",
            "User error",
        ),
    },
)
SECURITY_INCIDENT = Table(
    name="sn_si_incident",
    word="security_incident",
    prefix="SIR",
    own={
        "caller": 32,
        "affected_user": 32,
        "alert_rule": 100,
        "alert_sensor": 32,
        "business_criticality": 40,
        "risk_score": 40,
        "risk_score_override": 40,
        "category": 40,
        "subcategory": 40,
        "close_code": 40,
    },
    references={**PEOPLE, "caller": "sys_user", "affected_user": "sys_user"},
    states={
        "10": "Draft",
        "16": "Analysis",
        "18": "Contain",
        "19": "Eradicate",
        "20": "Recover",
        "100": "Review",
        "3": "Closed",
        "7": "Cancelled",
    },
    defaults={"state": "10", "priority": "4", "business_criticality": "3", "risk_score_override": "false"},
    ended=frozenset({"3", "7"}),
    close_needed=frozenset({"3"}),
    steps=("10", "16", "18", "19", "20", "100", "3"),
    roles=("sn_si.", "admin"),
    choices={
        "priority": ("1", "2", "3", "4", "5"),
        "business_criticality": ("1", "2", "3"),
        "category": ("Denial of Service", "Malicious code", "Phishing", "Unauthorized access"),
    },
)
TICKETS = {table.name: table for table in (INCIDENT, SECURITY_INCIDENT)}

SOC_GROUP = "287ebd7da9fe198100f92cc8d1d2154e"
ENRICHER_USER = "6816f79cc0a8016401c5a33be04be441"


def others() -> dict[str, list[Record]]:
    """Tables that are only read, as they stand in a new instance."""
    return {
        "sys_user_group": [{"sys_id": SOC_GROUP, "name": "SOC", "active": "true"}],
        "sys_user": [
            {
                "sys_id": ENRICHER_USER,
                "name": "Enricher",
                "user_name": "enricher",
                "email": "enricher@corp.example",
                "active": "true",
            }
        ],
        "cmdb_ci": [],
        "sys_choice": [choice for table in TICKETS.values() for choice in _choices(table)],
        "sys_dictionary": [*_dictionary("task", TASK), *(row for table in TICKETS.values() for row in _own(table))],
        "sys_db_object": [
            _identified({"name": "task", "super_class.name": ""}),
            *(_identified({"name": name, "super_class.name": "task"}) for name in TICKETS),
        ],
    }


def dictionary_row(table: str, element: str, **changes: str) -> Record:
    """What `sys_dictionary` holds of one field."""
    row = {"name": table, "element": element, "active": "true", "read_only": "false", "mandatory": "false"}
    return _identified({**row, "default_value": "", "max_length": "40", **changes})


def _dictionary(table: str, lengths: Mapping[str, int]) -> list[Record]:
    rows = [dictionary_row(table, name, max_length=str(length)) for name, length in lengths.items()]
    if table == "task":
        rows += [dictionary_row(table, name, max_length="4000") for name in JOURNAL]
        rows += [dictionary_row(table, name, read_only="true") for name in READ_ONLY]
    return rows


def _own(table: Table) -> list[Record]:
    """The table's own fields; the incident's priority is computed."""
    computed = [dictionary_row(table.name, "priority", read_only="true")] if table is INCIDENT else []
    return [*_dictionary(table.name, table.own), *computed]


def _choices(table: Table) -> list[Record]:
    return [
        _identified({"name": table.name, "element": element, "value": value, "label": value, "inactive": "false"})
        for element, values in table.choices.items()
        for value in values
    ]


def _identified(row: Record) -> Record:
    """Every row has a key; of these nobody asks which."""
    return {"sys_id": uuid5(NAMESPACE_OID, repr(sorted(row.items()))).hex, **row}
