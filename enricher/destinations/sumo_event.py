"""A case as one flat line of JSON for Sumo Logic: what a search reads with `json`, without a path. Masked, and short enough.

Each line is a whole state of its case: `key` and `seq` name it, however often it is sent, and the highest `seq` of a key is how it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import orjson

from enricher.core.document import CaseDocument, Json, News
from enricher.core.own_case import MARK
from enricher.core.secrets import mask
from enricher.destinations.saying import LEVELS, Limits, fit
from enricher.destinations.text import cut
from enricher.destinations.wording import case_page, event_id
from enricher.ports import Delivery, Ticket

MOST_LINE = 60_000
"""Bytes: a longer message may be split, near 64 KB."""
MOST_LINES = 10
"""Of one case in one call; of more news the newest: the last line is the case as it stands."""
UNTOLD = frozenset({"seen", "twin"})
_CASE = (
    "key",
    "title",
    "detection",
    "severity",
    "score",
    "verdict",
    "confidence",
    "disposition",
    "host",
    "user",
    "tenant",
    "hostname",
)
_TIMES = ("first_seen", "last_seen", "count")


def lines(delivery: Delivery, base_url: str | None) -> list[bytes]:
    """What the case's ticket is not told yet, a line for each piece of news, without line ends; the newest where there are many."""
    told = [news for news in delivery.news if news["seq"] > delivery.sent_seq and news["kind"] not in UNTOLD]
    return [line(delivery, news, base_url) for news in told[-MOST_LINES:]]


def line(delivery: Delivery, news: News, base_url: str | None) -> bytes:
    """One line, at most `MOST_LINE` bytes; `trimmed` says that values were cut."""

    def build(limits: Limits) -> bytes:
        made = _event(delivery, news, base_url, limits)
        return orjson.dumps(made | {"trimmed": limits is not LEVELS[0]})

    return fit(build, len, MOST_LINE)


def _event(delivery: Delivery, news: News, base_url: str | None, limits: Limits) -> Json:
    case = delivery.case
    process, platform, destination = case["process"], case["platform"], case["destination"]
    event: Json = {
        "enricher": MARK,
        "event": event_id(case, news["seq"]),
        "seq": news["seq"],
        "kind": news["kind"],
        "at": news["at"],
        "hour": news["at"][:13],
        "news": _said(news["text"], limits.text),
        **{name: _value(case.get(name), limits) for name in _CASE},
        "platform": _value(platform["name"], limits),
        "process": _value(process["name"], limits),
        "process_image": _value(process["image"], limits),
        "command_line": _said(process["command_line"] or "", limits.command),
        "dest_ip": _value(destination["ip"], limits),
        "dest_port": destination["port"],
        **{name: _value(case.get(name), limits) for name in _TIMES},
        "since_first_seen_s": _between(case["first_seen"], news["at"]),
        "suppressed_by": _rules(case, limits),
        "tickets": _tickets(delivery.tickets, limits),
    }
    page = case_page(case, base_url)
    return event | ({"link": page} if page else {})


def _value(value: object, limits: Limits) -> object:
    return _said(value, limits.text) if isinstance(value, str) else value


def _said(value: str, most: int) -> str:
    """Masked, and halves of surrogate pairs written out: they can stand in a log, but not in UTF-8."""
    return cut(mask(value).encode("utf-8", "backslashreplace").decode(), most)


def _rules(case: CaseDocument, limits: Limits) -> str | None:
    """The live rules that suppress the case, by name; None for a case that none does."""
    found: Iterable[str] = (
        one["rule"] for one in case["exceptions"][: limits.rows] if (one["mode"], one["effect"]) == ("live", "suppress")
    )
    return _said(", ".join(found), limits.text) or None


def _tickets(tickets: dict[str, Ticket], limits: Limits) -> str | None:
    said = ", ".join(f"{name} {ticket.label}" for name, ticket in sorted(tickets.items()))
    return _said(said, limits.text) or None


def _between(first: str | None, at: str) -> int | None:
    """Whole seconds from one time to another; None where either is not known."""
    try:
        return round((datetime.fromisoformat(at) - datetime.fromisoformat(first or "")).total_seconds())
    except (ValueError, TypeError):
        return None
