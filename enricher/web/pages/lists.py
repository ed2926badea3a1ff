"""The pages of what is under way or was given up: alerts, deliveries, dead letters, intake."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response

from enricher.core.canary import WEBHOOK
from enricher.core.people import Role
from enricher.core.secrets import mask
from enricher.errors import Reason
from enricher.ports import AlertRecord
from enricher.web import glance, paging
from enricher.web.answers import attachment
from enricher.web.api import DELIVERY_STATES, missing
from enricher.web.pages.frame import page
from enricher.web.people import may, needs
from enricher.web.services import Services

_BODY_ON_A_PAGE = 64 * 1024


def add_lists(pages: Blueprint, services: Services) -> None:
    """Route them."""
    _add_alert(pages, services)
    _add_sending(pages, services)
    _add_intake(pages, services)


def _add_alert(pages: Blueprint, services: Services) -> None:
    @pages.get("/alerts/<alert_id>")
    def alert(alert_id: str) -> Response:
        record = services.inbox.get(alert_id)
        if record is None:
            raise missing("alert", alert_id)
        if not may(Role.ANALYST):
            return page("alert.html", alert=record, body=None, more=0)
        body = services.inbox.body(alert_id) or b""
        shown = body[:_BODY_ON_A_PAGE].decode("utf-8", "replace")
        return page("alert.html", alert=record, body=shown, more=len(body) - min(len(body), _BODY_ON_A_PAGE))

    @pages.get("/alerts/<alert_id>/body")
    @needs(Role.ANALYST)
    def alert_body(alert_id: str) -> Response:
        """The bytes as they came, for a file."""
        sent = services.inbox.body(alert_id)
        if sent is None:
            raise missing("alert", alert_id)
        return attachment(sent, f"alert-{alert_id}.txt")


def _add_sending(pages: Blueprint, services: Services) -> None:
    reader = services.reader

    @pages.get("/deliveries")
    def deliveries() -> Response:
        filters = {
            "destination": paging.argument("destination"),
            "state": paging.choice("state", DELIVERY_STATES),
            "reason": paging.argument("reason"),
        }
        listed = reader.deliveries(limit=paging.limit(), after=paging.argument("after"), **filters)
        return page(
            "deliveries.html",
            deliveries=listed.items,
            next=listed.next,
            filters=filters,
            destinations=_with(filters["destination"], (one.destination for one in services.canaries())),
            states=DELIVERY_STATES,
            reasons=_with(filters["reason"], Reason),
            failing=reader.destinations(),
        )

    @pages.get("/dead-letters")
    def dead_letters() -> Response:
        which = paging.wanted()
        listed = paging.dead_letters(reader, limit=paging.limit(), after=paging.argument("after"), which=which)
        return page(
            "dead_letters.html",
            alerts=[item for item in listed.items if isinstance(item, AlertRecord)],
            deliveries=[item for item in listed.items if not isinstance(item, AlertRecord)],
            next=listed.next,
            which=which,
            counts=reader.dead_letters(),
            done={name: paging.argument(name) for name in ("retried", "opened", "left", "discarded")},
        )


def _add_intake(pages: Blueprint, services: Services) -> None:
    reader = services.reader

    @pages.get("/intake")
    def intake() -> Response:
        reasons, sources = reader.quarantined(), reader.sources()
        filters = {"reason": paging.argument("reason"), "source": paging.argument("source")}
        listed = reader.dead_alerts(limit=paging.limit(), after=paging.argument("after"), **filters)
        return page(
            "intake.html",
            sources=sources,
            quiet=glance.silences(sources, services.now()),
            watchings=services.watchings(),
            backlog=reader.backlog(),
            pressure=glance.PRESSURE.get(services.pressure.mark() or ""),
            reasons=reasons,
            filters=filters,
            quarantined=[(alert, *_reason(alert)) for alert in listed.items],
            next=listed.next,
            retried=paging.argument("retried"),
        )


def _with(chosen: str | None, words: Iterable[str]) -> list[str]:
    """What a filter can be: the usual words, and the one that it is now. The webhook is no destination."""
    return sorted({word for word in (*words, chosen) if word and word != WEBHOOK})


def _reason(alert: AlertRecord) -> tuple[str, str]:
    """The fixed word, and what follows it, which may repeat what was sent."""
    word, _, detail = mask(alert.reason or "unknown").partition(":")
    return word, detail.strip()
