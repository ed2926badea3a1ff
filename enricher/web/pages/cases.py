"""The list of cases."""

from __future__ import annotations

from flask import Blueprint, Response

from enricher.web import paging, present
from enricher.web.api import CASE_STATES, SEVERITIES
from enricher.web.pages.frame import page
from enricher.web.services import Services


def add_cases(pages: Blueprint, services: Services) -> None:
    """Route them."""
    reader = services.reader

    def cases() -> Response:
        filters = {
            "severity": paging.choice("severity", SEVERITIES),
            "state": paging.choice("state", CASE_STATES),
            "text": paging.argument("text"),
        }
        listed = reader.cases(limit=paging.limit(), after=paging.argument("after"), **filters)
        return page(
            "cases.html",
            cases=[(record, present.row(record.document)) for record in listed.items],
            next=listed.next,
            filters=filters,
            severities=tuple(reversed(SEVERITIES)),
            states=CASE_STATES,
            now=services.now(),
            backlog=reader.backlog(),
            failing=reader.destinations(),
        )

    for rule in ("/cases", "/cases/"):
        pages.add_url_rule(rule, "cases", cases)
