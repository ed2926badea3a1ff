"""One value at a time: what is null, and how times, numbers, GUIDs and names are written.

Every rendering of a record, and every parsed column, goes through these functions, so that the same fact reads the same
wherever it came from. None of them raises: what cannot be read is None.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import orjson

from enricher.core.addresses import unmap

NULLS = frozenset({"", "-", "?"})
VALUE_LIMIT = 64 * 1024
SCRIPT_LIMIT = 1024 * 1024
"""In characters; a script block is evidence as a whole, where a command line of this length is padding."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_UNKNOWN_PROCESS = frozenset({"<unknown process>", "&lt;unknown process&gt;"})
_GUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")
_ZERO_GUID = "00000000-0000-0000-0000-000000000000"
_PORT = re.compile(r":\d{1,5}$")
_DNS_RECORD = re.compile(r"type:\s+(\d+)\s*(.*)", re.DOTALL)
_CNAME = 5
_AMERICAN = re.compile(
    r"(\d\d)/(\d\d)/(\d{4}),? (\d\d):(\d\d):(\d\d)(?:\.\d{1,9})? ([AP])M (?:UTC|GMT|Z)?([+-]\d\d:?\d\d)?\.?", re.IGNORECASE
)
_ZONE_APART = re.compile(r" (?:UTC|GMT|Z|([+-]\d\d:?\d\d))$", re.IGNORECASE)
_CIM = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{6})([+-]\d{3})")

_FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1971, 2199
"""Times outside are no times: sums with them would overflow further on, and a log that says so is broken or hostile."""
_FOLDED_KEY_LIMIT = 64


# --- text -----------------------------------------------------------------------------------------------------------


def fold(key: str) -> str:
    """Write a key without case and without `_`, `-` and blanks: `QueryURL` and `query_url` are one."""
    return _fold(key) if len(key) <= _FOLDED_KEY_LIMIT else _fold.__wrapped__(key)


@lru_cache(maxsize=4096)
def _fold(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "").replace(" ", "")


def is_null(value: str | None) -> bool:
    """Absent, empty, `-` and `?` say nothing."""
    return value is None or value.strip() in NULLS


def text(value: str | None, limit: int = VALUE_LIMIT) -> str | None:
    """Return a value as it was logged, without characters that no log means, cut at `limit` characters; None for null."""
    if value is None or value.strip() in NULLS:
        return None
    if not value.isprintable():
        value = _SURROGATE.sub("\ufffd", _CONTROL.sub("", value))
    if len(value) > limit:
        value = f"{value[:limit]} …[cut at {limit} characters]"
    return value or None


def unescape(value: str) -> str:
    """Undo XML escaping once: a column parsed out of event XML still has it."""
    return _ENTITY.sub(_character, value) if "&" in value else value


def _character(entity: re.Match[str]) -> str:
    name = entity[1]
    return referenced(name.removeprefix("#")) or entity[0] if name[0] == "#" else _NAMED[name]


def referenced(code: str) -> str | None:
    """Return the character that XML writes as `&#65;` or `&#x41;`, given `65` or `x41`; None where there is none."""
    point = int(code.removeprefix("x"), 16 if code.startswith("x") else 10)
    return chr(point) if point <= sys.maxunicode else None


def scalar(value: object) -> str | None:
    """Write any JSON value as text; None stays None, and what is nested becomes JSON text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return orjson.dumps(value).decode()


# --- what Sysmon writes ---------------------------------------------------------------------------------------------


def image(value: str | None) -> str | None:
    """Read an image path. `<unknown process>`, escaped once too often or not, is a null image."""
    return None if value in _UNKNOWN_PROCESS else text(value)


def computer(value: str | None) -> str:
    """Read a host name: lower case, without a trailing dot and without a port; empty where there is none."""
    name = (text(value) or "").strip().lower()
    if name.count(":") == 1:
        name = _PORT.sub("", name)
    return name.rstrip(".")


def guid(value: str | None) -> str | None:
    """Read a GUID: upper case, no braces. All zeros is no key, and None like anything that is no GUID."""
    return _guid(value) if value and len(value) <= _FOLDED_KEY_LIMIT else None


@lru_cache(maxsize=8192)
def _guid(value: str) -> str | None:
    bare = value.strip().strip("{}").upper()
    return bare if _GUID.fullmatch(bare) and bare != _ZERO_GUID else None


def number(value: str | None, most: int = 0xFFFFFFFF) -> int | None:
    """Read a whole number from 0 to `most`: `7316`, `1,545`, `1.0`."""
    if not value or len(value) > _FOLDED_KEY_LIMIT:
        return None
    try:
        found = int(value) if value.isdecimal() else _whole(value.replace(",", ""))
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found <= most else None


def _whole(value: str) -> int:
    found = float(value)
    if not found.is_integer():
        raise ValueError(value)
    return int(found)


def flag(value: str | None) -> bool | None:
    """Read a truth value: `true`, `1`, `1.0`, `false`, `0`, `0.0`."""
    return _FLAGS.get((value or "").strip().lower())


def hashes(value: str | None) -> dict[str, str]:
    """Read `MD5=…,SHA256=…`; names and digests in lower case."""
    pairs = (part.partition("=") for part in (text(value) or "").split(","))
    return {name.strip().lower(): digest.strip().lower() for name, _, digest in pairs if not is_null(digest)}


def query_results(value: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read event 22's QueryResults into (addresses, CNAME targets), each in the order of the answer."""
    addresses: dict[str, None] = {}
    cnames: dict[str, None] = {}
    for item in (text(value) or "").split(";"):
        found = _DNS_RECORD.match(item.strip())
        if found is None:
            address = unmap(item)
            if address is not None:
                addresses[address] = None
        elif number(found[1]) == _CNAME and not is_null(found[2]):
            cnames[found[2].strip().rstrip(".")] = None
    return tuple(addresses), tuple(cnames)


# --- times ----------------------------------------------------------------------------------------------------------


def moment(value: str | None) -> datetime | None:
    """Read a time in any form that records and rows have, as aware UTC.

    ISO with or without zone (without is UTC, as Sysmon's UtcTime), up to nine fractional digits, also after the `+` of
    Sumo's collector; epoch seconds to nanoseconds, also as text with commas; WMI's `YYYYMMDDhhmmss.ffffff+mmm`;
    `MM/DD/YYYY hh:mm:ss AM` with UTC, GMT or an offset, and no other abbreviation of a zone: none says for sure what it
    means, and a time that is hours off is worse than none.
    """
    if not value or len(value) > _FOLDED_KEY_LIMIT:
        return None
    value = value.strip()
    try:
        found = _written(value)
    except (ValueError, OverflowError):
        return None
    return found if found and _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def _written(value: str) -> datetime | None:
    if value[4:5] == "-":
        return _iso(value)
    if value[2:3] == "/":
        return _american(value)
    return _cim(value) if value[14:15] == "." and value[-4] in "+-" else _from_epoch(value)


def _iso(value: str) -> datetime:
    if value[19:20] == "+" and value.endswith("Z"):
        value = f"{value[:19]}.{value[20:]}"
    elif " " in value[19:]:
        value = _ZONE_APART.sub(lambda zone: zone[1] or "+00:00", value)
    found = datetime.fromisoformat(value)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _american(value: str) -> datetime | None:
    found = _AMERICAN.fullmatch(value)
    if found is None or value.upper().rstrip(".").endswith("M"):
        return None  # AM or PM, and no zone at all
    month, day, year, hour, minute, second = map(int, found.groups()[:6])
    hour = hour % 12 + (12 if found[7] in "Pp" else 0)
    return _iso(f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{found[8] or '+00:00'}")


def _cim(value: str) -> datetime | None:
    found = _CIM.fullmatch(value)
    if found is None:
        return None
    year, month, day, hour, minute, second, micro = map(int, found.groups()[:7])
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC) - timedelta(minutes=int(found[8]))


def _from_epoch(value: str) -> datetime | None:
    since = float(value.replace(",", ""))
    for end, per_second in ((1e11, 1), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if since < end:
            return _EPOCH + timedelta(microseconds=round(since / per_second * 1e6))
    return None
