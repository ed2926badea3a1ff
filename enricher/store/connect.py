"""From a database URL to what opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from enricher.errors import ConfigurationError
from enricher.store.database import Backend, Clock, trouble_as_unavailable
from enricher.store.hosts import HostClaim, this_host
from enricher.store.postgres import Postgres
from enricher.store.sqlite import Sqlite


def connector(url: str, clock: Clock, host: str | None = None) -> Callable[[], Backend]:
    """What makes this process's own connections. `host` names this machine, for SQLite's rule that there is only one."""
    parsed = _parse(url)
    match parsed.get_backend_name():
        case "postgresql":
            return lambda: Postgres(parsed.set(drivername="postgresql+psycopg"))
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return _sqlite(Path(parsed.database).absolute(), clock, host or this_host())
        case "sqlite":
            raise ConfigurationError(
                ["ENRICHER_DATABASE_URL: an accepted alert must outlive the process; name a file: sqlite:///path"]
            )
        case other:
            raise ConfigurationError(
                [f"ENRICHER_DATABASE_URL: {other} is not supported; use sqlite:///path or postgresql://…"]
            )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_backend_name()
    except ArgumentError:
        raise ConfigurationError(
            ["ENRICHER_DATABASE_URL: not a database URL; use sqlite:///path or postgresql://…"]
        ) from None
    return parsed


def _sqlite(path: Path, clock: Clock, host: str) -> Callable[[], Backend]:
    HostClaim(path, clock, host).refuse_other()

    def connect() -> Sqlite:
        claim = HostClaim(path, clock, host)
        with trouble_as_unavailable():
            claim.take()
        return Sqlite(path, clock, claim)

    return connect
