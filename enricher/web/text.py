"""Text from outside, on its way onto a page: made visible, defanged, never a link on its own word.

Jinja escapes everything besides; `visible` is applied to everything that a template prints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from jinja2 import Undefined
from markupsafe import Markup

from enricher.core import phrases
from enricher.core.secrets import mask

NOTHING = "–"

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tab and line feed
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # bidi, zero width, separators
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, tags
)
_LINK = re.compile(r"(?ai)https?://(?P<host>[\w.-]+|\[[\da-f:.]+\])(:\d+)?([/?#][^\s\\]*)?")
_URL = re.compile(r"(?i)\b(h)tt(ps?://)([^\s/?#'\"<>|]*)")


def visible(value: object) -> object:
    """What a template prints, with every character that hides or reorders text shown as its code point."""
    if value is None:
        return NOTHING
    if isinstance(value, str) and not isinstance(value, Markup):
        return _HIDDEN.sub(_code_point, value)
    return value if not isinstance(value, Undefined) else str(value)


def _code_point(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"


def defang(name: str | None) -> str | None:
    """A host name that no mail program or chat turns into a link."""
    return None if name is None else name.replace("[.]", ".").replace(".", "[.]")


def defanger(names: Iterable[str | None]) -> Callable[[str | None], str | None]:
    """A function that masks secrets and defangs URLs, and these names wherever they stand in a text."""
    known = sorted({name for name in names if name and "." in name}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, known)), re.IGNORECASE) if known else None

    def defanged(text: str | None) -> str | None:
        if text is None:
            return None
        text = _URL.sub(lambda url: f"{url[1]}xx{url[2]}{defang(url[3])}", mask(text))
        return pattern.sub(lambda name: name[0].replace(".", "[.]"), text) if pattern else text

    return defanged


def outward(url: str | None, *, below: str | None = None) -> str | None:
    """`url` where it may be a link: http or https, and below a domain if one is named. Else None.

    Strict, because browsers are not: they take a backslash for a slash, and skip blanks before `javascript:`.
    """
    parts = _LINK.fullmatch(url or "")
    if parts is None:
        return None
    host = parts["host"].lower()
    return url if below is None or host == below or host.endswith(f".{below}") else None


def when(value: datetime | str | None) -> str:
    """`2026-11-24 01:52:07 UTC`; text that is no time as it is."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float | None) -> str:
    """A length of time in its largest two units: `2 d 3 h`, `4 min 5 s`, `30 s`."""
    return NOTHING if seconds is None else phrases.span(seconds)


def number(value: float | None) -> str:
    """At most two places, none that are zero."""
    return NOTHING if value is None else f"{value:.2f}".rstrip("0").rstrip(".")
