"""More tables: how destinations fare, what is done by the clock, and canaries."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, Table

from enricher.store.schema import NAME, TEXT, metadata
from enricher.store.types import JsonText, Moment, Words

destination_health = Table(
    "destination_health",
    metadata,
    Column("name", Words(100), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("reason", TEXT),
    Column("since", Moment),
    Column("paused_until", Moment),
    Column("tokens", Float, nullable=False),
    Column("tokens_at", Moment, nullable=False),
)
"""How each destination fares: failures in a row that are its own and not a case's, `since` when; nothing is claimed before
`paused_until`, nor without a token. One row for all processes.
"""

chores = Table(
    "chores",
    metadata,
    Column("name", Words(700), primary_key=True),
    Column("kind", NAME, nullable=False),
    Column("subject", JsonText),
    Column("every_s", Float),
    Column("due_at", Moment, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("holder", TEXT),
    Column("ended_at", Moment),
    Column("outcome", TEXT),
)
"""What is done by the clock, once for all processes: by name, each `every_s`, or once where that is NULL."""
Index("chores_due", chores.c.due_at)

canaries = Table(
    "canaries",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("sent_at", Moment, nullable=False),
    Column("settled_at", Moment),
)
canary_proofs = Table(
    "canary_proofs",
    metadata,
    Column("canary", TEXT, primary_key=True),
    Column("destination", Words(100), primary_key=True),
    Column("state", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False),
    Column("at", Moment, nullable=False),
)
"""What became of a canary at each destination: `proved`, `warned` or `failed`."""
