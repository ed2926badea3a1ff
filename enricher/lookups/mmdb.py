"""Who announces an address, by the operator's own file in MaxMind's DB format: nothing leaves the house.

Read tolerantly: GeoLite2's and DB-IP's fields (`autonomous_system_number`), IPinfo's (`asn`, `name` or `as_name`), and whatever has
names like these. The file is read into memory whole, by the library's Python reader: a file that is written over in place
would end a process that had it mapped, and a damaged one must not reach a parser in C.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import maxminddb
import structlog

from enricher.lookups.asn import MAX_HOLDER
from enricher.lookups.files import Followed, stamp_of
from enricher.lookups.source import MAX_REASON, Answer, Known, one_line
from enricher.model import ObservableKind, Status

log = structlog.get_logger(__name__)

MAX_BYTES = 512 * 1024 * 1024
"""The largest known to us has 60 MB."""

_NUMBERS = ("autonomous_system_number", "asn", "as_number")
_HOLDERS = ("autonomous_system_organization", "as_name", "name", "organization", "as_org")
_COUNTRIES = ("country_code", "country")
_ASN = re.compile(r"(?:AS)?([0-9]{1,10})", re.ASCII | re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)

_BROKEN = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
    MemoryError,
    OSError,
    maxminddb.InvalidDatabaseError,
)
"""What a damaged file does to a reader that follows its pointers."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """The file, or why there is none."""

    reader: maxminddb.Reader | None
    built_at: datetime | None
    problem: str | None


class AsnFile:
    """AS number, prefix, holder and, where the file has it, country of an address. Opened again when the file changes."""

    name = "asn"
    kind = ObservableKind.ADDRESS

    def __init__(self, path: Path, *, clock: Callable[[], datetime]) -> None:
        """`clock` gives aware datetimes. Nothing is opened before the first question."""
        self._path, self._clock = path, clock
        self._file = Followed(lambda: stamp_of(path), self._open)

    def ask(self, about: str) -> Known:
        opened = self._file.now()
        if opened.reader is None or opened.built_at is None:
            return Known(Answer(status=Status.ERROR, reason=opened.problem))
        try:
            record, length = opened.reader.get_with_prefix_len(about)
            detail = _detail(about, record, length)
        except _BROKEN as trouble:
            return Known(Answer(status=Status.ERROR, reason=_wrong(self._path, trouble)))
        if detail is None:
            return Known(Answer(status=Status.NEGATIVE, reason=f"{self._path.name} has no AS number for it"))
        age_s = max(0, int((self._clock() - opened.built_at).total_seconds()))
        dated = opened.built_at.date().isoformat()
        return Known(Answer(status=Status.OK, detail={**detail, "origin": "mmdb", "dated": dated}), age_s)

    def _open(self) -> _Opened:
        opened = _opened(self._path)
        if opened.problem:
            log.warning("asn_file_refused", problem=opened.problem)
        return opened


def problem_of(path: Path) -> str | None:
    """What is wrong with a file, in one line."""
    return _opened(path).problem


def _opened(path: Path) -> _Opened:
    try:
        if path.stat().st_size > MAX_BYTES:
            return _Opened(None, None, f"{path.name} is longer than {MAX_BYTES} bytes")
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        built_at = datetime.fromtimestamp(reader.metadata().build_epoch, UTC)
    except (*_BROKEN, OverflowError) as trouble:
        return _Opened(None, None, _wrong(path, trouble))
    return _Opened(reader, built_at, None)


def _wrong(path: Path, trouble: BaseException) -> str:
    said = trouble.strerror if isinstance(trouble, OSError) else type(trouble).__name__
    return one_line(f"{path.name} cannot be read: {said}", MAX_REASON)


def _detail(about: str, record: object, length: int) -> dict[str, object] | None:
    """What a record says, in the words of `model.Enrichment`; None where it names no AS."""
    if not isinstance(record, dict):
        return None
    number = next((number for key in _NUMBERS if (number := _number(record.get(key))) is not None), None)
    if number is None:
        return None
    return {
        "asns": [number],
        "prefix": str(ip_network(f"{about}/{length}", strict=False)),
        "country": next((word for key in _COUNTRIES if (word := _country(record.get(key)))), None),
        "registry": None,
        "holder": next((word for key in _HOLDERS if (word := _holder(record, key))), None),
    }


def _number(value: object) -> int | None:
    """15169, "AS15169" or "15169"."""
    found = _ASN.fullmatch(value) if isinstance(value, str) else None
    number = int(found[1]) if found else value
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**32 else None


def _country(value: object) -> str | None:
    return value if isinstance(value, str) and _COUNTRY.fullmatch(value) else None


def _holder(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return (one_line(value, MAX_HOLDER) or None) if isinstance(value, str) else None
