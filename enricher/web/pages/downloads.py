"""Files to take away: the detection for Sumo Logic and for others, searches, and the payload of the connection."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from flask import Blueprint, Response

from enricher.web.answers import attachment
from enricher.web.api import missing
from enricher.web.pages.frame import page
from enricher.web.services import Services
from enricher.web.workbench import Download

_LONGEST_SHOWN, _MOST_SHOWN = 6_000, 60_000
"""Characters of one file that are shown on the page, and of all: the shortest are. What is longer is only a file."""


def add_downloads(pages: Blueprint, services: Services) -> None:
    """Route them."""

    @pages.get("/downloads")
    def downloads() -> Response:
        files = services.workbench.downloads()
        return page("downloads.html", files=files, read_here=_read_here(files))

    @pages.get("/downloads/<name>")
    def download(name: str) -> Response:
        found = next((one for one in services.workbench.downloads() if one.name == name), None)
        if found is None:
            raise missing("file to download", name)
        return attachment(found.text.encode(), found.name)


def _read_here(files: Iterable[Download]) -> frozenset[str]:
    """The names of the files that can be read on the page itself."""
    short = sorted((len(one.text), one.name) for one in files if len(one.text) <= _LONGEST_SHOWN)
    totals = accumulate(length for length, _ in short)
    return frozenset(name for total, (_, name) in zip(totals, short, strict=True) if total <= _MOST_SHOWN)
