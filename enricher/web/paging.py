"""Keyset pages: `?limit=&after=`, filters, and the one list that is made of two."""

from __future__ import annotations

from collections.abc import Collection

from flask import request

from enricher.ports import AlertRecord, DeliveryRecord, Page, Reader
from enricher.web.answers import Refusal

USUAL_LIMIT = 50
MOST = 200
USUAL_DAYS = 30
MOST_DAYS = 365

_ALERT, _DELIVERY = "alert", "delivery"


def limit() -> int:
    """How many were asked for."""
    return _number("limit", USUAL_LIMIT, MOST)


def days() -> int:
    """How far back was asked for."""
    return _number("days", USUAL_DAYS, MOST_DAYS)


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


def dead_letters(reader: Reader, *, limit: int, after: str | None) -> Page[AlertRecord | DeliveryRecord]:
    """Dead alerts, then dead deliveries, as one list. A cursor says in which of the two it stands: `alert:…`."""
    part, _, cursor = (after or _ALERT).partition(":")
    if part not in {_ALERT, _DELIVERY}:
        raise Refusal(400, "bad_parameter", "after is the `next` of an earlier page.")
    items: list[AlertRecord | DeliveryRecord] = []
    if part == _ALERT:
        alerts = reader.dead_alerts(limit=limit, after=cursor or None)
        items.extend(alerts.items)
        if alerts.next is not None:
            return Page(items=tuple(items), next=f"{_ALERT}:{alerts.next}")
        cursor = ""
    if len(items) == limit:
        return Page(items=tuple(items), next=f"{_DELIVERY}:")
    deliveries = reader.deliveries(limit=limit - len(items), after=cursor or None, state="dead")
    items.extend(deliveries.items)
    return Page(items=tuple(items), next=None if deliveries.next is None else f"{_DELIVERY}:{deliveries.next}")
