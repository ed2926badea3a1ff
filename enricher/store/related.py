"""Cases near one: of the same tenant and of the same host, each the newest few, by index however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from enricher.ports import CaseRecord, Related
from enricher.store.aliases import stored_key
from enricher.store.records import case_records
from enricher.store.schema import cases, stored_name
from enricher.store.schema_people import case_terms
from enricher.store.searching import STATES
from enricher.store.terms import stored_word

LOOKED_AT = 200
"""The newest cases that have the host's name among their words: nearly all of them are the host's."""


def related(conn: Connection, record: CaseRecord, limit: int) -> Related:
    """As `ports.Reader.related` says. Of the tenant those that were seen last, of the host those that were opened last."""
    key = stored_key(record.key)
    return Related(
        of_tenant=tuple(case_records(conn, _of_tenant(conn, record.document["tenant"], key, limit))),
        of_host=tuple(case_records(conn, _of_host(conn, record.document["host"], key, limit))),
    )


def _of_tenant(conn: Connection, tenant: str | None, key: str, limit: int) -> Sequence[Row[Any]]:
    if not tenant:
        return ()
    query = select(cases).where(cases.c.target == stored_name(tenant), cases.c.tenant == tenant, cases.c.key != key)
    return conn.execute(query.where(cases.c.state.in_(STATES)).order_by(cases.c.last_at.desc()).limit(limit)).all()


def _of_host(conn: Connection, host: str, key: str, limit: int) -> Sequence[Row[Any]]:
    if not host:
        return ()
    named = select(case_terms.c.case_id).where(case_terms.c.term == stored_word(host))
    newest = conn.execute(named.order_by(case_terms.c.case_id.desc()).limit(LOOKED_AT)).scalars().all()
    theirs = (cases.c.id.in_(newest), cases.c.host == host, cases.c.key != key, cases.c.state.in_(STATES))
    ids = conn.execute(select(cases.c.id).where(*theirs).order_by(cases.c.id.desc()).limit(limit)).scalars().all()
    return conn.execute(select(cases).where(cases.c.id.in_(ids)).order_by(cases.c.id.desc())).all()
