"""Text from outside, on its way onto a page: made visible, defanged, never a link on its own word.

Jinja escapes everything besides; `visible` is applied to everything that a template prints.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from jinja2 import Undefined
from markupsafe import Markup

from enricher.core import phrases
from enricher.core.harmless import defang, defanger, shown

__all__ = ["NOTHING", "defang", "defanger", "moment", "number", "outward", "span", "thousands", "visible", "when"]

NOTHING = "–"

_LINK = re.compile(r"(?ai)https?://(?P<host>[\w.-]+|\[[\da-f:.]+\])(:\d+)?([/?#][^\s\\]*)?")


def visible(value: object) -> object:
    """What a template prints, with every character that hides or reorders text shown as its code point."""
    if value is None:
        return NOTHING
    if isinstance(value, str) and not isinstance(value, Markup):
        return shown(value)
    return value if not isinstance(value, Undefined) else str(value)


def outward(url: str | None, *, below: str | None = None) -> str | None:
    """`url` where it may be a link: http or https, and below a domain if one is named. Else None.

    Strict, because browsers are not: they take a backslash for a slash, and skip blanks before `javascript:`.
    """
    parts = _LINK.fullmatch(url or "")
    if parts is None:
        return None
    host = parts["host"].lower()
    return url if below is None or host == below or host.endswith(f".{below}") else None


def when(value: datetime | str | None, *, seconds: bool = True) -> str:
    """`2026-11-24 01:52:07 UTC`, or without the seconds; text that is no time as it is."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    value = value.astimezone(UTC)
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if seconds else f"{value:%Y-%m-%d %H:%M} UTC"


def moment(value: datetime | str | None) -> str | None:
    """The same as `2026-11-24T01:52:07Z`, for a machine; None for what is no time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return None if value is None else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def span(seconds: float | None) -> str:
    """A length of time in its largest two units: `2 d 3 h`, `4 min 5 s`, `30 s`."""
    return NOTHING if seconds is None else phrases.span(seconds)


def number(value: float | None) -> str:
    """At most two places, none that are zero."""
    return NOTHING if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def thousands(value: int | None) -> str:
    """`1,234,567`."""
    return NOTHING if value is None else f"{value:,}"
