"""The tables of judgement over time: how often tuning rules match, drift, versions of queries, and what people say of cases.

The counts stand in rows of their process, as those of `tallies` do; the other tables hold one row for each thing.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table

from enricher.store.schema import CASE_KEY, MONITOR, NAME, TEXT, metadata
from enricher.store.types import Moment

known_rules = Table(
    "known_rules",
    metadata,
    Column("rule", NAME, primary_key=True),
    Column("first_at", Moment, nullable=False),
)
"""Tuning rules that a service has had loaded, and since when."""

rule_days = Table(
    "rule_days",
    metadata,
    Column("rule", NAME, primary_key=True),
    Column("mode", NAME, primary_key=True),
    Column("day", Moment, primary_key=True),
    Column("process", TEXT, primary_key=True),
    Column("matches", BigInteger, nullable=False),
    Column("last_at", Moment, nullable=False),
)

drift_days = Table(
    "drift_days",
    metadata,
    Column("day", Moment, primary_key=True),
    Column("field", NAME, primary_key=True),
    Column("sumo", NAME, primary_key=True),
    Column("ours", NAME, primary_key=True),
    Column("reason", NAME, primary_key=True),
    Column("process", TEXT, primary_key=True),
    Column("cases", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("last_at", Moment, nullable=False),
)

query_versions = Table(
    "query_versions",
    metadata,
    Column("source", NAME, primary_key=True),
    Column("monitor", MONITOR, primary_key=True),
    Column("digest", NAME, primary_key=True),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("case_key", CASE_KEY, ForeignKey("cases.key"), nullable=False),
    Column("said", NAME, nullable=False),
    Column("by", NAME, nullable=False),
    Column("source", NAME, nullable=False),
    Column("note", TEXT, nullable=False),
    Column("said_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),
)
"""What people have said of cases in their tickets, all of it: `said_at` by the ticket's clock, `at` when it was stored."""
Index("feedback_by_case", feedback.c.case_key, feedback.c.said_at)
