"""Databases that can be taken away from a running service, and disks that fill up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier


class SqliteFile:
    """A file that can be moved away, on a file system that can be filled."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/enricher.db"
        self.path = folder / "enricher.db"

    @contextmanager
    def gone(self) -> Iterator[None]:
        away = self.path.with_suffix(".away")
        self.path.rename(away)
        try:
            yield
        finally:
            away.rename(self.path)

    @contextmanager
    def full(self) -> Iterator[None]:
        filler = self.path.with_suffix(".filler")
        try:
            with filler.open("wb") as file:
                free = os.statvfs(self.path.parent)
                os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
            yield
        finally:
            filler.unlink()


class PostgresDatabase:
    """A database whose server can refuse it connections, or writes."""

    def __init__(self, url: str, server: str) -> None:
        self.url = url
        self._server, self._name = server, urlsplit(url).path.removeprefix("/")

    @contextmanager
    def gone(self) -> Iterator[None]:
        with self._altered("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"):
            yield

    @contextmanager
    def read_only(self) -> Iterator[None]:
        setting = "SET default_transaction_read_only = "
        with self._altered(setting + "on", setting + "off"):
            yield

    @contextmanager
    def _altered(self, how: str, back: str) -> Iterator[None]:
        with closing(psycopg.connect(self._server, autocommit=True)) as admin:
            self._alter(admin, how)
            try:
                yield
            finally:
                self._alter(admin, back)

    def _alter(self, admin: psycopg.Connection, how: str) -> None:
        admin.execute(SQL("ALTER DATABASE {} ").format(Identifier(self._name)) + SQL(how))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._name])


@dataclass(frozen=True)
class SmallDisk:
    """A file system with room for little, that only the programs started by `entering` see, and that ends with them."""

    folder: Path

    @property
    def entering(self) -> list[str]:
        owning = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        mounting = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
        return ["unshare", *owning, "--mount", "sh", "-c", mounting, str(self.folder)]

    def seen_by(self, pid: int) -> Path:
        return Path(f"/proc/{pid}/root{self.folder}")
