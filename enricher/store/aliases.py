"""Keys that lead to the case of another: what is learnt later would give the same contacts another key than their case has.

Either no case has the key, or it was that of one that has been joined into the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, bindparam, select, update

from enricher.ports import Settlement
from enricher.store.database import Transaction, insert_new
from enricher.store.schema import CASE_KEY, case_aliases, cases
from enricher.store.statements import add, change, fetch_listed


@dataclass(frozen=True, slots=True)
class JoinedCase:
    """A stored case that is part of another one from now on."""

    key: str
    into: str


def stored_key(key: str) -> str:
    """A case's key as the tables have it."""
    return CASE_KEY.storable(key) or ""


def aliases_of(tx: Transaction, settlement: Settlement) -> dict[str, str]:
    """Where the keys of a settlement lead that are aliases. One whose case is not there leads nowhere."""
    named = [
        *(document["key"] for document in settlement.cases),
        *(event.case_key for event in settlement.events if event.case_key is not None),
        *(follow_up.case_key for follow_up in settlement.follow_ups),
        *settlement.aliases.values(),
        *settlement.joined,
        *settlement.joined.values(),
    ]
    keys = sorted({stored_key(key) for key in named})
    return {row.alias: row.case_key for row in fetch_listed(tx.conn, _LEADS_TO, "keys", keys)}


def joined_cases(tx: Transaction, settlement: Settlement, leads_to: Mapping[str, str]) -> list[JoinedCase]:
    """The stored cases that a settlement joins into one that it stores too; one that has been joined already is none."""
    stored = {leads_to.get(key, key) for key in map(stored_key, (document["key"] for document in settlement.cases))}
    found = {stored_key(key): stored_key(into) for key, into in settlement.joined.items()}
    there = {row.key for row in fetch_listed(tx.conn, _THERE, "keys", list(found))}
    pairs = ((key, leads_to.get(into, into)) for key, into in sorted(found.items()) if key in there and key not in leads_to)
    return [JoinedCase(key, into) for key, into in pairs if into in stored and into != key]


def add_aliases(tx: Transaction, settlement: Settlement, leads_to: Mapping[str, str], joined: Sequence[JoinedCase]) -> None:
    """Keep the aliases that a settlement has found out. A key that has a case of its own is one only if that has been joined."""
    found = {stored_key(alias): stored_key(key) for alias, key in settlement.aliases.items()}
    taken = {row.key for row in fetch_listed(tx.conn, _THERE, "keys", list(found))}
    leads = {alias: leads_to.get(key, key) for alias, key in found.items() if alias not in taken}
    for case in joined:
        leads[case.key] = case.into
        change(tx.conn, _OF_CASE, {"joined": case.key, "case_key": case.into})
    rows: list[dict[str, Any]] = [{"alias": alias, "case_key": key} for alias, key in sorted(leads.items()) if alias != key]
    add(tx.conn, insert_new(tx.conn.dialect.name, case_aliases), rows)


_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_LEADS_TO = (
    select(case_aliases.c.alias, case_aliases.c.case_key)
    .join(cases, cases.c.key == case_aliases.c.case_key)
    .where(case_aliases.c.alias.in_(_KEYS))
)
_THERE = select(cases.c.key).where(cases.c.key.in_(_KEYS))
_OF_CASE = update(case_aliases).where(case_aliases.c.case_key == bindparam("joined"))
