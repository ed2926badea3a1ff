"""A case as JSON for a program to read: the document of `explain --json`, with secrets masked, and short enough.

Nothing is defanged in it: JSON is no markup, and a program compares names as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import orjson

from enricher.core.document import CaseDocument, Json, News
from enricher.core.secrets import mask
from enricher.destinations.saying import LEVELS, Limits
from enricher.destinations.text import cut
from enricher.destinations.wording import event_id
from enricher.ports import Delivery

_LEFT_OUT = frozenset({"evidence", "tickets"})
"""The events behind the case are for the case page; tickets stand beside the case."""
UNTOLD = frozenset({"opened", "seen", "ticket", "twin"})
"""News of no use to a program: repeats, and tickets elsewhere, which stand in the next message anyway."""
DEEPEST = 12
MOST_KEYS = 40
"""Of one object inside a case: some come from outside."""


def message(delivery: Delivery, news: News | None, *, most: int | None = None) -> Json:
    """One piece of news (None: the opening) with the case as it stands, at most `most` bytes as JSON.

    `event` is the same however often it is sent; `trimmed` says that lists or values of the case were cut.
    """
    seq = news["seq"] if news else 1
    frame: Json = {
        "event": event_id(delivery.case, seq),
        "type": "case.updated" if news else "case.opened",
        "key": delivery.case["key"],
        "seq": seq,
        "trimmed": False,
        "tickets": {name: {"label": ticket.label, "url": ticket.url} for name, ticket in sorted(delivery.tickets.items())},
    }
    whole = frame | {"case": _case(delivery.case, _whole), "news": _walked(dict(news), _whole) if news else None}
    if most is None or len(orjson.dumps(whole)) <= most:
        return whole
    short = whole
    for limits in (*LEVELS, Limits(text=36, command=40, rows=1)):
        inside = _cutter(limits)
        told = _walked(dict(news), inside) if news else None
        short = frame | {"trimmed": True, "case": _case(delivery.case, inside), "news": told}
        if len(orjson.dumps(short)) <= most:
            break
    return short


Trim = Callable[[Any], Any]
"""What becomes of one text or one list."""


def _case(document: CaseDocument, trim: Trim) -> Json:
    return {name: _walked(value, trim) for name, value in document.items() if name not in _LEFT_OUT}


def _walked(value: Any, trim: Trim, depth: int = 0) -> Any:
    if depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {str(trim(str(name))): _walked(item, trim, depth + 1) for name, item in trim(value).items()}
    if isinstance(value, (list, tuple)):
        return [_walked(item, trim, depth + 1) for item in trim(list(value))]
    return trim(value)


def _whole(value: Any) -> Any:
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    """Masked, and halves of surrogate pairs written out: they can stand in a log, but not in UTF-8."""
    return mask(value).encode("utf-8", "backslashreplace").decode()


def _cutter(limits: Limits) -> Trim:
    def trim(value: Any) -> Any:
        if isinstance(value, str):
            return cut(_text(value), limits.text)
        if isinstance(value, list):
            return value[: limits.rows]
        return dict(islice(value.items(), MOST_KEYS)) if isinstance(value, dict) else value

    return trim
