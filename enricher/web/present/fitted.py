"""A case small enough for a page: what is longer is cut and says by how much; the API has all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from markupsafe import escape

from enricher.core.document import CaseDocument
from enricher.core.harmless import shown
from enricher.core.secrets import mask

_ITEMS = {"ledger": 50, "contacts": 200, "enrichments": 20, "missing": 20, "lineage": 8}
_OTHER_ITEMS = 20
_LENGTHS = {"command_line": 8_192, "decoded": 8_192, "url": 4_000, "links": 4_000, "query": 4_000, "summary": 1_000}
_OTHER_LENGTH = 400
_LONG = 200
_NAMES = frozenset({"host", "hostname", "tenant", "user", "name", "image"})
_NAME = 260
_LINES = frozenset({"command_line", "decoded"})
_LEFT_OUT = frozenset({"evidence", "findings"})
"""Shown as they are, see `printed`."""
_UNCUT = frozenset({"key", "contacts"})

_ROOM_FOR_LINES, _ROOM = 36_000, 20_000
ROOM_FOR_FINDINGS, ROOM_FOR_EVENTS = 4_000, 10_000
_DEAREST = 12
"""Bytes of one character on a page at most."""
_MARGIN = 300
"""Characters beyond a cut that are read for secrets, so that none is cut in two and shown."""
_LEAST_OF_A_LINE = 300
LEAST = 24
"""Bytes that stay of a text when there is no room left."""


@dataclass(slots=True)
class Room:
    """Bytes that are left on a page. Text costs what it takes there: escaped, with hidden characters written out."""

    left: int

    def fit(self, text: str, longest: int, dearest: int = 2, least: int = LEAST) -> str:
        """`text`, secrets masked, or its beginning with a note of how much more there is.

        It takes at most `longest` characters, and so many times `dearest` bytes; `least` bytes it always gets.
        """
        room = max(least, min(self.left, longest * dearest))
        longest = min(longest, max(least, self.left))
        kept = mask(text[: longest + _MARGIN])
        kept = kept[: max(0, min(longest, len(kept) - _MARGIN))] if len(text) > longest + _MARGIN else kept[:longest]
        unseen = max(0, len(text) - longest)
        cost = _cost(kept)
        if cost > room:
            most = len(kept) * room // cost
            unseen, kept = unseen + max(0, len(kept) - most), kept[:most]
            cost = _cost(kept)
        self.left = max(0, self.left - cost)
        return _with_note(kept, unseen)


def brief(text: str, most: int) -> str:
    """`text`, secrets masked, in about so many bytes of a page."""
    return Room(most).fit(text, most)


def _with_note(kept: str, unseen: int) -> str:
    """A long text says where the rest is; of short ones there may be many, and the page says it for them all."""
    if not unseen:
        return kept
    return f"{kept} … {unseen:,} more characters, see the JSON" if len(kept) > _LONG else f"{kept}… {unseen:,} more"


def _cost(text: str) -> int:
    return len(escape(shown(text)).encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a page shows of a case. `more` counts what was left out of a list, by its key."""

    document: CaseDocument
    more: Mapping[str, int] = field(default_factory=dict)


def fitted(document: CaseDocument) -> Fitted:
    """The document with its texts and lists cut to what a page holds; of the ledger the steps that were taken go first."""
    more: dict[str, int] = {}
    fitting = _Fitting(more)
    kept = {name: value if name in _LEFT_OUT else fitting.value(name, value) for name, value in document.items()}
    return Fitted(cast("CaseDocument", kept), more)


class _Fitting:
    def __init__(self, more: dict[str, int]) -> None:
        self._more, self._lines, self._rest = more, Room(_ROOM_FOR_LINES), Room(_ROOM)

    def value(self, name: str, value: Any) -> Any:
        """A value that stands under this key, or in the list that does."""
        if isinstance(value, str):
            return self._text(name, value)
        if isinstance(value, Mapping):
            return {key: self.value(_inside(name, str(key)), item) for key, item in list(value.items())[:_OTHER_ITEMS]}
        return self._list(name, value) if isinstance(value, list) else value

    def _text(self, name: str, text: str) -> str:
        if name in _UNCUT:
            return text[:_OTHER_LENGTH]
        if name in _LINES:
            return self._lines.fit(text, _LENGTHS[name], _DEAREST, _LEAST_OF_A_LINE)
        return self._rest.fit(text, _NAME if name in _NAMES else _LENGTHS.get(name, _OTHER_LENGTH))

    def _list(self, name: str, items: list[Any]) -> list[Any]:
        most = _ITEMS.get(name, _OTHER_ITEMS)
        if len(items) > most:
            self._more[name] = len(items) - most
            items = _most_telling(items, most) if name == "ledger" else items[:most]
        return [self.value(name, item) for item in items]


def _inside(name: str, key: str) -> str:
    """Links are named by whoever sent them: what stands under them is a link, whatever its key."""
    return name if name == "links" else key


def _most_telling(steps: list[Any], most: int) -> list[Any]:
    first = sorted(range(len(steps)), key=lambda place: not steps[place].get("taken"))[:most]
    return [steps[place] for place in sorted(first)]


@dataclass(frozen=True, slots=True)
class Printed:
    """JSON to look at. `items` are all there are, `left` the characters that were left out."""

    text: str
    items: int
    left: int


def printed(items: Iterable[Any], room: int) -> Printed:
    """Items as they are, secrets masked, names not defanged; the end of what takes more than `room` bytes is left out."""
    listed = list(items)
    text = mask(orjson.dumps(listed, option=orjson.OPT_INDENT_2, default=str).decode())
    kept = text[:room]
    if (cost := _cost(kept)) > room:
        kept = kept[: len(kept) * room // cost]
    return Printed(kept, len(listed), len(text) - len(kept))
