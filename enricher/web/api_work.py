"""`/api/v1/cases/<key>/…`: what the case page's forms do, for programs. All need the write token."""

from __future__ import annotations

from flask import Blueprint, Response

from enricher.core.work import MUTE_FOR
from enricher.web import orders
from enricher.web.answers import Refusal, json_answer
from enricher.web.services import Services

WORKING = ("acknowledge_case", "assign_case", "mute_case", "unmute_case")
"""Their endpoints. Who asks says in `by` for whom; the audit says that it came by the API."""


def add_case_work(routes: Blueprint, services: Services) -> None:
    """Route them."""
    operator = services.operator

    def accepted(key: str, *, done: bool) -> tuple[Response, int]:
        if not done:
            raise Refusal(404, "not_found", f"There is no case {key!r}.")
        return json_answer({"status": "accepted", "key": key}), 202

    @routes.post("/cases/<path:key>/acknowledge")
    def acknowledge_case(key: str) -> tuple[Response, int]:
        by = _signed(orders.needed(orders.ordered(), "by"))
        return accepted(key, done=operator.acknowledge(key, by))

    @routes.post("/cases/<path:key>/assign")
    def assign_case(key: str) -> tuple[Response, int]:
        """Without `to`: to nobody."""
        given = orders.ordered()
        by, to = _signed(orders.needed(given, "by")), orders.said(given, "to")
        return accepted(key, done=operator.assign(key, to, by))

    @routes.post("/cases/<path:key>/mute")
    def mute_case(key: str) -> tuple[Response, int]:
        given = orders.ordered()
        by, why = _signed(orders.needed(given, "by")), orders.needed(given, "why", orders.LONGEST_WHY)
        return accepted(key, done=operator.mute(key, services.now() + MUTE_FOR, by, why))

    @routes.post("/cases/<path:key>/unmute")
    def unmute_case(key: str) -> tuple[Response, int]:
        by = _signed(orders.needed(orders.ordered(), "by"))
        return accepted(key, done=operator.unmute(key, by))


def _signed(by: str) -> str:
    return f"{by} (API)"
