"""More tables: heartbeats, silences, and when somebody last looked."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, Table

from enricher.store.schema import NAME, TEXT, metadata
from enricher.store.types import Moment, Words

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("source", Words(100), primary_key=True),
    Column("name", Words(200), primary_key=True),
    Column("every_s", Float, nullable=False),
    Column("last_at", Moment, nullable=False),
)

heartbeat_faults = Table(
    "heartbeat_faults",
    metadata,
    Column("source", Words(100), primary_key=True),
    Column("fault", NAME, primary_key=True),
    Column("name", Words(200), nullable=False),
    Column("at", Moment, nullable=False),
    Column("said_at", Moment),
)
"""The last heartbeat of a source that is not watched as it asks to be, by why."""

silences = Table(
    "silences",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("what", NAME, nullable=False),
    Column("source", Words(100), nullable=False),
    Column("name", Words(200), nullable=False),
    Column("since", Moment, nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("ticket", TEXT),
    Column("told", Integer, nullable=False),
    Column("tried_at", Moment),
    Column("tries", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("logged", Integer, nullable=False),
)
"""`told`, `logged`: 0 nothing, 1 that it began, 2 that it ended. `tried_at`: an attempt to tell the next has no known outcome."""
_OPEN = silences.c.ended_at.is_(None)
Index(
    "silences_open",
    silences.c.what,
    silences.c.source,
    silences.c.name,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)

watch_looks = Table(
    "watch_looks",
    metadata,
    Column("name", Words(100), primary_key=True),
    Column("looked_at", Moment, nullable=False),
    Column("up_since", Moment, nullable=False),
)
"""One row: when somebody last looked for silences, and since when somebody has without a longer gap."""
