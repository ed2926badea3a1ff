"""JSON lines, one for each piece of news: to a file, in which each stands once, or to standard output, at least once."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import orjson

from enricher.core.document import News
from enricher.destinations.machine import UNTOLD, message
from enricher.destinations.wording import event_id
from enricher.errors import DeliveryError, Reason
from enricher.ports import Delivery, Ticket

SEARCHED = 64 * 1024 * 1024
"""Bytes at the end of the file in which a line in doubt is looked for."""
_UNSEEN = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Controls and bidi characters that JSON would let stand; the others it escapes by itself."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EINTR})
"""What goes by, where everything else is for a person to mend."""


class FileLines:
    """The port `Destination` for a file. Each line is on disk before it counts as written; writers of all processes take turns."""

    def __init__(self, path: Path, *, name: str = "file") -> None:
        self.name, self._path = name, path

    def close(self) -> None:
        """Nothing is kept open: a file that was rotated away is not written to."""

    def find(self, delivery: Delivery) -> Ticket | None:
        with self._opened() as file:
            return self._ticket(delivery) if _has(file, event_id(delivery.case)) else None

    def create(self, delivery: Delivery) -> Ticket:
        self._append(delivery, None)
        return self._ticket(delivery)

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        del ticket
        if news["kind"] not in UNTOLD:
            self._append(delivery, news)

    def check(self) -> Sequence[str]:
        """Whether it can be opened for writing; it may be made for that."""
        with self._opened():
            return ()

    def _append(self, delivery: Delivery, news: News | None) -> None:
        content = message(delivery, news)
        with self._opened() as file:
            if delivery.in_doubt and _has(file, content["event"]):
                return
            try:
                _write(file, _line(content))
            except OSError as error:
                raise _refusal(self.name, error, Reason.DROPPED) from None

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """The file, ours alone until it is closed. Raises DeliveryError where it cannot be opened."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise _refusal(self.name, error, Reason.CONNECT) from None
        with os.fdopen(descriptor, "rb+", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DeliveryError(self.name, Reason.CONFIGURATION, detail="is no regular file")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield file

    def _ticket(self, delivery: Delivery) -> Ticket:
        key = delivery.case["key"]
        return Ticket(external_id=key, label=f"{self._path.name}: {key}")


class StandardOutput:
    """The port `Destination` for standard output. What was in doubt is written again: `event` tells that it is the same."""

    def __init__(self, *, name: str = "stdout", out: IO[bytes] | None = None) -> None:
        self.name, self._out = name, out or sys.stdout.buffer

    def close(self) -> None:
        """It is not ours to close."""

    def find(self, delivery: Delivery) -> Ticket | None:
        """Never anything: what was written is out of sight."""
        del delivery
        return None

    def create(self, delivery: Delivery) -> Ticket:
        self._write(delivery, None)
        key = delivery.case["key"]
        return Ticket(external_id=key, label=f"line {key}")

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        del ticket
        if news["kind"] not in UNTOLD:
            self._write(delivery, news)

    def check(self) -> Sequence[str]:
        return ()

    def _write(self, delivery: Delivery, news: News | None) -> None:
        line = _line(message(delivery, news))
        try:
            with _ONE_AT_A_TIME:
                self._out.write(line)
                self._out.flush()
        except OSError as error:
            raise _refusal(self.name, error, Reason.DROPPED) from None


_ONE_AT_A_TIME = threading.Lock()


def _line(content: dict[str, object]) -> bytes:
    """`event` comes first: by that a line is found again. People read such lines in a terminal: it gets no controls."""
    text = orjson.dumps(content).decode()
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode() + b"\n"


def _has(file: IO[bytes], event: str) -> bool:
    """Whether there is a whole line of the event. A line that a crash has cut off is none."""
    begins = b'{"event":' + orjson.dumps(event) + b","
    file.seek(max(0, file.seek(0, os.SEEK_END) - SEARCHED))
    left = b""
    while chunk := file.read(1024 * 1024):
        *lines, left = (left + chunk).split(b"\n")
        if any(line.startswith(begins) for line in lines):
            return True
    return False


def _write(file: IO[bytes], line: bytes) -> None:
    """Append it whole and wait for the disk; a cut-off line at the end is closed first."""
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        line = line if file.read(1) == b"\n" else b"\n" + line
    written = file.write(line)
    if written != len(line):
        raise OSError(errno.ENOSPC, "only a part of the line was written")
    os.fsync(file.fileno())


def _refusal(name: str, error: OSError, passing: Reason) -> DeliveryError:
    reason = passing if error.errno in _FULL else Reason.CONFIGURATION
    return DeliveryError(name, reason, detail=error.strerror or type(error).__name__)
