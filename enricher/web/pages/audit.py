"""The page of who did what."""

from __future__ import annotations

from flask import Blueprint, Response

from enricher.core.people import Role
from enricher.web import paging
from enricher.web.pages.frame import page
from enricher.web.people import needs
from enricher.web.services import Services


def add_audit(pages: Blueprint, services: Services) -> None:
    """Route it."""
    reader = services.reader

    @pages.get("/audit")
    @needs(Role.ANALYST)
    def audit() -> Response:
        item, by = paging.argument("item"), paging.argument("by")
        listed = reader.audit(limit=paging.limit(), after=paging.argument("after"), item_id=item, by=by)
        return page("audit.html", lines=listed.items, next=listed.next, item=item, by=by)
