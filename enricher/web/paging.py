"""Keyset pages: `?limit=&after=`, filters, and the one list that is made of two."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask import request

from enricher.ports import AlertRecord, DeliveryRecord, Page, Reader
from enricher.web.answers import Refusal

USUAL_LIMIT = 50
MOST = 200
USUAL_DAYS = 30
MOST_DAYS = 365
USUAL_HOURS = 24
MOST_HOURS = 168

KINDS = _ALERT, _DELIVERY = ("alert", "delivery")


def limit() -> int:
    """How many were asked for."""
    return _number("limit", USUAL_LIMIT, MOST)


def days() -> int:
    """How far back was asked for."""
    return _number("days", USUAL_DAYS, MOST_DAYS)


def hours() -> int:
    """The same for the overview."""
    return _number("hours", USUAL_HOURS, MOST_HOURS)


def _number(name: str, usual: int, most: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise Refusal(400, "bad_parameter", f"{name} is a number from 1 to {most}.")
    return int(text)


def argument(name: str) -> str | None:
    """A query parameter; blank is as good as absent, as an HTML form sends it."""
    text = request.args.get(name, "").strip()
    if "\0" in text:
        raise Refusal(400, "bad_parameter", f"{name} holds a NUL character.")
    return text or None


def choice(name: str, choices: Collection[str]) -> str | None:
    """A query parameter that is one of `choices`, or absent."""
    value = argument(name)
    if value is not None and value not in choices:
        raise Refusal(400, "bad_parameter", f"{name} is one of: {', '.join(choices)}.")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which dead letters: of one kind, of one reason, on their way to one destination (no alert is). None: any."""

    kind: str | None = None
    reason: str | None = None
    destination: str | None = None


def wanted() -> Wanted:
    """Which dead letters were asked for."""
    return Wanted(kind=choice("kind", KINDS), reason=argument("reason"), destination=argument("destination"))


def dead_letters(reader: Reader, *, limit: int, after: str | None, which: Wanted) -> Page[AlertRecord | DeliveryRecord]:
    """Dead alerts, then dead deliveries, as one list. A cursor says in which of the two it stands: `alert:…`."""
    if which.kind == _ALERT and which.destination:
        return Page(items=(), next=None)
    first = _DELIVERY if which.kind == _DELIVERY or which.destination else _ALERT
    part, _, cursor = (after or first).partition(":")
    if part not in KINDS:
        raise Refusal(400, "bad_parameter", "after is the `next` of an earlier page.")
    items: list[AlertRecord | DeliveryRecord] = []
    if part == _ALERT:
        alerts = reader.dead_alerts(limit=limit, after=cursor or None, reason=which.reason)
        items.extend(alerts.items)
        if alerts.next is not None or which.kind == _ALERT:
            return Page(items=tuple(items), next=alerts.next and f"{_ALERT}:{alerts.next}")
        cursor = ""
    if len(items) == limit:
        return Page(items=tuple(items), next=f"{_DELIVERY}:")
    deliveries = reader.deliveries(
        limit=limit - len(items),
        after=cursor or None,
        state="dead",
        reason=which.reason,
        destination=which.destination,
    )
    items.extend(deliveries.items)
    return Page(items=tuple(items), next=deliveries.next and f"{_DELIVERY}:{deliveries.next}")
