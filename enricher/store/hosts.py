"""One host at a time may use a SQLite file: its locks and shared memory do not reach another machine.

Beside the database lies `<file>.host`: which host uses it, and when it last said so. A host is one boot of one kernel, so
containers of one machine count as one. Another host is refused until the entry is old, or empty because everybody left.
"""

from __future__ import annotations

import fcntl
import os
import platform
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from enricher.errors import ConfigurationError, StoreUnavailable
from enricher.store.database import Clock

RENEW_S = 10
STALE_AFTER = timedelta(seconds=30)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_host() -> str:
    """Name this boot of this kernel."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{platform.node()}-{uuid.getnode():x}"


@dataclass(frozen=True, slots=True)
class _Entry:
    host: str
    name: str
    at: datetime


class HostClaim:
    """One process's share in its host's claim on the database at `path`."""

    def __init__(self, path: Path, clock: Clock, host: str) -> None:
        self._path = path.with_name(path.name + ".host")
        self._clock, self._host = clock, host
        self._shared: int | None = None
        self._lost = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Claim the file for this host and keep the claim fresh. Raises ConfigurationError while another host uses it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.refuse_other()
        self._shared = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._shared, fcntl.LOCK_SH)
        self._write()
        self._thread = threading.Thread(target=self._renew, name="store-host", daemon=True)
        self._thread.start()

    def refuse_other(self) -> None:
        """Raise ConfigurationError if another host uses the file now."""
        if other := self._other():
            wait = f"stop it there and wait {STALE_AFTER.seconds} s, or use PostgreSQL for several machines"
            raise ConfigurationError(
                [f"{self._path}: host {other.name} uses this SQLite database (last sign {other.at:%H:%M:%S} UTC); {wait}"]
            )

    def check(self) -> None:
        """Raise StoreUnavailable once another host has taken the file, because this one was silent for too long."""
        if self._lost:
            raise StoreUnavailable("another host has taken over this SQLite database")

    def release(self) -> None:
        """Leave; the last process of the host clears the entry, so that another host need not wait."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._shared is None:
            return
        if _no_other_holds(self._shared) and not self._lost:
            os.truncate(self._shared, 0)
        os.close(self._shared)
        self._shared = None

    def forget(self) -> None:
        """After a fork: the claim stays the parent's."""
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_S):
            with suppress(OSError):  # a full disk: the next turn tries again
                self.renew()

    def renew(self) -> None:
        """Say that this host is still here, unless another has taken over."""
        if self._other():
            self._lost = True
            return
        self._lost = False
        self._write()

    def _other(self) -> _Entry | None:
        entry = self._read()
        if entry is None or entry.host == self._host or self._clock() - entry.at > STALE_AFTER:
            return None
        return entry

    def _read(self) -> _Entry | None:
        try:
            content = orjson.loads(self._path.read_bytes())
            return _Entry(content["host"], content["name"], datetime.fromisoformat(content["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # never claimed, cleared, or half written: nobody's

    def _write(self) -> None:
        entry = {"host": self._host, "name": platform.node(), "at": self._clock().isoformat(timespec="seconds")}
        if self._shared is not None:
            content = orjson.dumps(entry)  # of the same length each time, so nobody reads half of it
            os.pwrite(self._shared, content, 0)
            os.truncate(self._shared, len(content))


def _no_other_holds(shared: int) -> bool:
    """Whether this is the last process with the shared lock."""
    try:
        fcntl.flock(shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
