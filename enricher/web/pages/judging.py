"""The page of drift: where Sumo Logic's own columns say something else."""

from __future__ import annotations

from flask import Blueprint, Response

from enricher.core.drift import REASONS
from enricher.web import glance, paging
from enricher.web.pages.frame import page
from enricher.web.services import Services

_LINES_ON_A_PAGE = 100


def add_judging(pages: Blueprint, services: Services) -> None:
    """Route it."""

    @pages.get("/drift")
    def drift() -> Response:
        shown = services.drift(paging.days())
        return page("drift.html", **shown, by_reason=glance.drifted(shown), reasons=REASONS, most=_LINES_ON_A_PAGE)
