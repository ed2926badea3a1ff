"""What stands in the way of tickets in a ServiceNow instance, found by reading alone.

Lines that begin `warning: ` are what cannot be seen from outside or is weaker than it could be; every other line is something
missing. What an account may not read looks like what is not there, and is said as that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import quote

from enricher.core.document import Json
from enricher.destinations.http import part
from enricher.destinations.servicenow_body import MOST_DESCRIPTION, MOST_SHORT, Form, sys_id_of
from enricher.destinations.servicenow_references import ITEM, NAME, SYS_ID, Kind, References
from enricher.destinations.servicenow_session import Session
from enricher.errors import DeliveryError, Outcome

DEEPEST = 8
"""Tables between ours and the root; instances have three or four."""
MOST_ROWS = 2000
MOST_EXAMPLES = 8
LENGTHS = {
    "correlation_id": len("enricher-") + 16 + len("-g99"),
    "short_description": MOST_SHORT,
    "description": MOST_DESCRIPTION,
}
"""How many characters a field must hold."""

Rows = Mapping[str, Mapping[str, object]]
"""Dictionary rows by field."""


def problems(session: Session, form: Form, references: References) -> list[str]:
    """One line for each thing. Raises DeliveryError where we are not let in, or nobody answers."""
    check = _Check(session, form, references)
    if refused := check.table():
        return refused
    parts: tuple[Callable[[], list[str]], ...] = (check.names, check.cmdb, check.fields, check.earlier)
    return [line for part in parts for line in part()]


class _Check:
    def __init__(self, session: Session, form: Form, references: References) -> None:
        self._session, self._form, self._references = session, form, references
        self._sent = sorted({*form.sends(), *references.fields})

    def table(self) -> list[str]:
        """Nothing else is worth asking where the table cannot be read."""
        table = self._form.table
        try:
            self._rows(table, "", "sys_id", 1)
        except DeliveryError as error:
            if error.outcome is not Outcome.REJECTED:
                raise
            return [f"table {table} does not exist or may not be read ({error.detail or error.reason})"]
        return []

    def names(self) -> list[str]:
        return [line for kind, name in self._references.named.values() for line in self._name(kind, name)]

    def cmdb(self) -> list[str]:
        if "cmdb_ci" not in self._references.fields:
            return []
        rows, refused = self._tried(ITEM.table, "", "sys_id", 1)
        if refused:
            return [f"{ITEM.table} may not be read ({refused}): allow it, or switch the look-up off"]
        return (
            []
            if rows
            else [f"warning: {ITEM.table} shows nothing to this account: no ticket will name a configuration item"]
        )

    def fields(self) -> list[str]:
        """Each field that is sent against the dictionary: a field that is not there is dropped without a word."""
        lineage = self._lineage()
        known, refused = self._dictionary(lineage)
        if not known:
            return [f"warning: fields are not checked: sys_dictionary shows nothing to this account{refused}"]
        return [
            *(line for name in self._sent for line in self._field(name, known.get(name))),
            *self._mandatory(known),
            *self._choices(lineage),
        ]

    def earlier(self) -> list[str]:
        """What the records that we opened before prove."""
        query = "correlation_idSTARTSWITHenricher-^ORDERBYDESCsys_created_on"
        rows, _ = self._tried(self._form.table, query, "sys_id,correlation_id", 20)
        ours = [row for row in rows if str(row.get("correlation_id")).startswith("enricher-")]
        if not ours:
            table = self._form.table
            return [f"warning: no ticket of ours in {table} yet, so whether we may insert and keep our sys_id is not known"]
        told = self._told(str(ours[0].get("sys_id")))
        if any(row.get("sys_id") == sys_id_of(str(row["correlation_id"]), self._form.table) for row in ours):
            return told
        return [
            *told,
            "warning: the instance does not keep the sys_id that we choose: correlation_id alone guards against a second ticket",
        ]

    def _told(self, sys_id: str) -> list[str]:
        """Each record of ours began with a work note; who may not read it cannot look for others before writing them again."""
        shown = {"sysparm_fields": "sys_id,work_notes", "sysparm_display_value": "true"}
        path = f"/api/now/v2/table/{self._form.table}/{quote(sys_id, safe='')}"
        try:
            record = part(self._session.call("GET", path, params=shown).data, "result")
        except DeliveryError as error:
            if error.outcome is not Outcome.REJECTED:
                raise
            record = {}
        return (
            []
            if record.get("work_notes")
            else ["warning: work notes may not be read: one whose answer was lost is told twice"]
        )

    # --- the pieces ------------------------------------------------------------------------------------------------

    def _name(self, kind: Kind, name: str) -> list[str]:
        if not SYS_ID.fullmatch(name):
            found = self._references.reference(kind, name)
            return [] if found.sys_id else [f"{kind.word} {name!r}: {found.remark}"]
        rows, refused = self._tried(kind.table, f"sys_id={name}", "sys_id,active", 1)
        entry = next((row for row in rows if row.get("sys_id") == name), None)
        if entry is None:
            return [f"{kind.word} {name}: no such record in {kind.table}{f' ({refused})' if refused else ''}"]
        return [f"{kind.word} {name} is not active"] if str(entry.get("active")).lower() == "false" else []

    def _lineage(self) -> list[str]:
        """The table and those that it extends, nearest first; at least task, which every table of tickets extends."""
        lineage = [self._form.table]
        for _ in range(DEEPEST):
            rows, _ = self._tried("sys_db_object", f"name={lineage[-1]}", "name,super_class.name", 2)
            above = next((row.get("super_class.name") for row in rows if row.get("name") == lineage[-1]), None)
            if not isinstance(above, str) or not NAME.fullmatch(above) or above in lineage:
                break
            lineage.append(above)
        return lineage if "task" in lineage else [*lineage, "task"]

    def _dictionary(self, lineage: Sequence[str]) -> tuple[Rows, str]:
        wanted = "element,name,read_only,mandatory,default_value,max_length"
        rows, refused = self._tried("sys_dictionary", f"nameIN{','.join(lineage)}^active=true", wanted, MOST_ROWS)
        nearest = _nearest(rows, lineage)
        return {element: rows[0] for element, rows in nearest.items()}, f" ({refused})" if refused else ""

    def _field(self, name: str, row: Mapping[str, object] | None) -> list[str]:
        if row is None:
            return [f"field {name} is not in {self._form.table}: what is sent would be dropped"]
        if _true(row.get("read_only")):
            return [f"field {name} is read-only: what is sent would be dropped"]
        held = str(row.get("max_length") or "")
        if name in LENGTHS and held.isdecimal() and 0 < int(held) < LENGTHS[name]:
            level = "" if name == "correlation_id" else "warning: "
            return [f"{level}field {name} holds {held} characters, ours are up to {LENGTHS[name]}: the rest would be cut"]
        return []

    def _mandatory(self, known: Rows) -> list[str]:
        asked = (name for name, row in known.items() if _true(row.get("mandatory")) and not row.get("default_value"))
        return [
            f"warning: field {name} is mandatory and not sent: the instance may refuse tickets until `fields` has it"
            for name in sorted(asked)
            if name not in self._sent
        ]

    def _choices(self, lineage: Sequence[str]) -> list[str]:
        """A value that no choice has is taken, and shown as nothing."""
        given = self._form.values()
        query = f"nameIN{','.join(lineage)}^elementIN{','.join(sorted(given))}^inactive=false"
        rows, _ = self._tried("sys_choice", query, "name,element,value", MOST_ROWS)
        choices = {name: {str(row.get("value")) for row in rows} for name, rows in _nearest(rows, lineage).items()}
        return [
            f"field {name} has no choice {value!r}; it has {_some(choices[name])}"
            for name, values in sorted(given.items())
            for value in sorted(values)
            if name in choices and value not in choices[name]
        ]

    def _tried(self, table: str, query: str, fields: str, limit: int) -> tuple[list[Json], str]:
        """The rows, or none and why: here a refusal is an answer."""
        try:
            return self._rows(table, query, fields, limit), ""
        except DeliveryError as error:
            if error.outcome is not Outcome.REJECTED:
                raise
            return [], str(error.reason)

    def _rows(self, table: str, query: str, fields: str, limit: int) -> list[Json]:
        params = {
            "sysparm_query": query,
            "sysparm_fields": fields,
            "sysparm_limit": str(limit),
            "sysparm_exclude_reference_link": "true",
        }
        answer = self._session.call("GET", f"/api/now/v2/table/{table}", params=params)
        return self._session.service.objects(answer.data, "result")


def _nearest(rows: Iterable[Mapping[str, object]], lineage: Sequence[str]) -> dict[str, list[Mapping[str, object]]]:
    """Rows by `element`, of the nearest table that has any; rows of other tables are not what was asked for."""
    by_place: dict[tuple[str, str], list[Mapping[str, object]]] = {}
    for row in rows:
        by_place.setdefault((str(row.get("name")), str(row.get("element"))), []).append(row)
    return {element: by_place[table, element] for table in reversed(lineage) for name, element in by_place if name == table}


def _true(value: object) -> bool:
    return str(value).lower() == "true"


def _some(values: Iterable[str]) -> str:
    every = sorted(values)
    return ", ".join(every[:MOST_EXAMPLES]) + (" …" if len(every) > MOST_EXAMPLES else "")
