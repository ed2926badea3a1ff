"""More tables: who is logged in to the console, what people do about cases, and by which words cases are found."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table

from enricher.store.schema import CASE_KEY, DEAD, NAME, TEXT, audit, case_aliases, cases, deliveries, metadata
from enricher.store.types import Moment, Words

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Words(64), primary_key=True),
    Column("name", NAME, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
)
"""Log-ins of local accounts, by the SHA-256 of what the browser holds. The role is not kept: it is the account's of today."""
Index("sessions_by_end", sessions.c.ends_at)

case_work = Table(
    "case_work",
    metadata,
    Column("case_key", CASE_KEY, ForeignKey("cases.key"), primary_key=True),
    Column("acknowledged_by", TEXT),
    Column("acknowledged_at", Moment),
    Column("assignee", TEXT),
    Column("assigned_at", Moment),
    Column("muted_by", TEXT),
    Column("muted_until", Moment),
    Column("mute_reason", TEXT),
)
"""`core.work.CaseWork` of cases that somebody has touched."""

TERM = Words(300, bytewise=True)

interactions = Table(
    "interactions",
    metadata,
    Column("digest", Words(64), primary_key=True),
    Column("at", Moment, nullable=False),
)
"""Interactions of Slack that were let in, by the SHA-256 of their signature, for as long as that is good."""

case_terms = Table(
    "case_terms",
    metadata,
    Column("term", TERM, primary_key=True),
    Column("case_id", TEXT, primary_key=True),
    sqlite_with_rowid=False,
)
"""Words by which a case is found, see `terms.words_of`. They are compared byte by byte, so that a prefix is a range."""
Index("case_terms_by_case", case_terms.c.case_id, case_terms.c.term)

Index("cases_by_rank", cases.c.severity, cases.c.state, cases.c.id)
Index("case_aliases_by_case", case_aliases.c.case_key)
Index("audit_by_item", audit.c.item_id, audit.c.id)
Index("audit_by_person", audit.c.by, audit.c.id)
Index("deliveries_by_state", deliveries.c.state, deliveries.c.destination, deliveries.c.id)
Index("deliveries_told", deliveries.c.state, deliveries.c.updated_at, deliveries.c.destination)
"""By state first: an index by destination would be read from one end to the other to count what is open by destination."""
Index("deliveries_dead_by_reason", deliveries.c.reason, deliveries.c.id, sqlite_where=DEAD, postgresql_where=DEAD)
