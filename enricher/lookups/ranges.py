"""Published address ranges out of a folder of the operator's: whose cloud an address is in, at once and inside the house."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import structlog

from enricher.core.ranges import MAX_BYTES, RangeFile, RangeTable, read_ranges
from enricher.errors import ConfigurationError
from enricher.lookups.files import Followed, Stamp, stamp_of, written_at
from enricher.lookups.source import Answer, Known
from enricher.model import ObservableKind, Status

log = structlog.get_logger(__name__)

MAX_FILES = 64
RECENT = timedelta(days=30)
"""How old a file may be for an address that is not in it to be nobody's of that provider."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds: the files that could be read, and a line for each thing that is wrong."""

    files: tuple[RangeFile, ...]
    problems: tuple[str, ...]


class Ranges:
    """The narrowest published range around an address. Files are read again when they change."""

    name = "ranges"
    kind = ObservableKind.ADDRESS

    def __init__(self, folder: Path, *, clock: Callable[[], datetime]) -> None:
        """`clock` gives aware datetimes. Nothing is read before the first question."""
        self._clock = clock
        self._read = Followed(lambda: _stamp(folder), lambda: _load(folder))

    def ask(self, about: str) -> Known:
        table = self._read.now()
        if not table.files:
            return Known(Answer(status=Status.ERROR, reason="no file of published ranges can be read"))
        now, place = self._clock(), table.find(about)
        searched = _searched(table.files, ip_address(about).version, now)
        if place is None:
            return Known(Answer(status=Status.NEGATIVE, reason="in no published range", detail={"searched": searched}))
        detail = {
            "provider": place.provider,
            "service": place.service,
            "region": place.region,
            "prefix": place.prefix,
            "dated": place.file.dated.date().isoformat(),
            "file": place.file.name,
            "providers": list(place.providers),
            "searched": searched,
        }
        return Known(Answer(status=Status.OK, detail=detail), max(0, int((now - place.file.dated).total_seconds())))


def read_folder(folder: Path) -> Folder:
    """Read every file of a folder, but hidden ones. A file that cannot be read is a problem, and no reason not to read others."""
    try:
        paths = _paths(folder)
    except OSError as trouble:
        return Folder((), (f"{folder}: cannot be read: {trouble.strerror}",))
    files: list[RangeFile] = []
    problems = [f"{folder}: more than {MAX_FILES} files; the rest is not read"] if len(paths) > MAX_FILES else []
    for path in paths[:MAX_FILES]:
        try:
            files.append(read_ranges(path.name, _content(path), written_at(path)))
        except ConfigurationError as refused:
            problems += refused.problems
        except OSError as trouble:
            problems.append(f"{path.name}: cannot be read: {trouble.strerror}")
    return Folder(tuple(files), tuple(problems))


def _load(folder: Path) -> RangeTable:
    found = read_folder(folder)
    if found.problems:
        log.warning("ranges_refused", problems=found.problems)
    return RangeTable(found.files)


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _stamp(folder: Path) -> Stamp:
    try:
        return stamp_of(*_paths(folder))
    except OSError:
        return ()


def _searched(files: Iterable[RangeFile], version: int, now: datetime) -> list[str]:
    """Whose addresses of that IP version would have been found: by whole files that are recent."""
    good = {file.provider for file in files if file.whole and version in file.versions and now - file.dated <= RECENT}
    return sorted(good)
