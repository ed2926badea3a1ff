"""What a person does on the pages. Each ends in a redirect, so that a reload repeats nothing."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from enricher.core.people import Role
from enricher.web import orders
from enricher.web.api import missing
from enricher.web.people import needs, whoami
from enricher.web.services import Services


def add_giving_up(pages: Blueprint, services: Services) -> None:
    """What a person does about work that was given up. Each ends in a redirect, so that a reload repeats nothing."""
    operator = services.operator

    @pages.post("/dead-letters/<item_id>/retry")
    @needs(Role.ANALYST)
    def retry(item_id: str) -> BaseResponse:
        if not operator.retry_dead(item_id, whoami().signed):
            raise missing("dead letter", item_id)
        return redirect(url_for("console.dead_letters", retried=item_id), 303)

    @pages.post("/dead-letters/of/<kind>/<reason>/retry")
    @needs(Role.ANALYST)
    def retry_all(kind: str, reason: str) -> BaseResponse:
        destination = orders.said(request.form, "destination")
        done = operator.retry_all(reason, destination=destination, kind=kind, by=whoami().signed)
        return redirect(url_for("console.dead_letters", opened=done.count, left=done.left), 303)

    @pages.post("/dead-letters/<item_id>/discard")
    @needs(Role.ANALYST)
    def discard(item_id: str) -> BaseResponse:
        why = orders.said(request.form, "why", orders.LONGEST_WHY) or ""
        if not operator.discard_dead(item_id, _signature(), why):
            raise missing("dead letter", item_id)
        return redirect(url_for("console.dead_letters", discarded=item_id), 303)


def _signature() -> str:
    """Who discards it: by the name that the door knows, else by the one that is given, and how they came in."""
    person = whoami()
    return person.signed if not person.nameless else f"{orders.needed(request.form, 'by')} ({person.via})"


def add_actions(pages: Blueprint, services: Services) -> None:
    """The same of what else there is to be done."""
    operator = services.operator

    @pages.post("/quarantine/<alert_id>/retry")
    @needs(Role.ANALYST)
    def retry_quarantined(alert_id: str) -> BaseResponse:
        if services.inbox.get(alert_id) is None or not operator.retry_dead(alert_id, whoami().signed):
            raise missing("alert in quarantine", alert_id)
        return redirect(url_for("console.intake", retried=alert_id), 303)

    @pages.post("/cases/<path:key>/reopen")
    @needs(Role.ANALYST)
    def reopen(key: str) -> BaseResponse:
        if not operator.reopen_case(key, whoami().signed):
            raise missing("case to reopen", key)
        return redirect(url_for("console.case", key=key), 303)
