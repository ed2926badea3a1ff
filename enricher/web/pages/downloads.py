"""Files to take away: the detection for Sumo Logic and for others, searches, and the payload of the connection."""

from __future__ import annotations

from flask import Blueprint, Response

from enricher.web.answers import attachment
from enricher.web.api import missing
from enricher.web.pages.frame import page
from enricher.web.services import Services

_LONGEST_SHOWN = 6_000
"""Characters that are shown on the page; what is longer is only a file."""


def add_downloads(pages: Blueprint, services: Services) -> None:
    """Route them."""

    @pages.get("/downloads")
    def downloads() -> Response:
        return page("downloads.html", files=services.workbench.downloads(), longest=_LONGEST_SHOWN)

    @pages.get("/downloads/<name>")
    def download(name: str) -> Response:
        found = next((one for one in services.workbench.downloads() if one.name == name), None)
        if found is None:
            raise missing("file to download", name)
        return attachment(found.text.encode(), found.name)
