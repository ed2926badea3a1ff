"""The first page: what is wrong, and what the last hours brought."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response

from enricher.ports import CaseRecord, Reader
from enricher.web import glance, paging, present
from enricher.web.pages.frame import page
from enricher.web.services import Services

_PERIODS = ((1, "hour"), (24, "24 hours"), (72, "3 days"), (168, "7 days"))
_GRAVE = ("critical", "high")
_CASES = 8


def add_overview(pages: Blueprint, services: Services) -> None:
    """Route it."""
    reader = services.reader

    @pages.get("/")
    def overview() -> Response:
        hours, now = paging.hours(), services.now()
        since = now - timedelta(hours=hours)
        figures, failing, standings = reader.overview(since), reader.destinations(), services.canaries()
        sources, rules = reader.sources(monitors=False), services.tuning()
        quiet, watchings = glance.silences(sources, now), services.watchings()
        found = glance.Found(
            problems=services.content_problems(),
            failing=failing,
            backlog=reader.backlog(),
            mark=services.pressure.mark(),
            quiet=quiet,
            watchings=watchings,
            standings=standings,
            rules=rules,
        )
        return page(
            "overview.html",
            hours=hours,
            period=dict(_PERIODS).get(hours, f"{hours} hours"),
            periods=_PERIODS,
            now=now,
            figures=figures,
            troubles=glance.troubles(found),
            levels=glance.levels(figures),
            grave=[(record, present.row(record.document)) for record in _grave(reader)],
            places=glance.places(figures, failing, standings),
            sources=sources,
            quiet=quiet,
            tuned=glance.tuned(reader.rule_days(since), rules),
            drift=glance.drifted(services.drift(-(-hours // 24))),
        )


def _grave(reader: Reader) -> list[CaseRecord]:
    """The newest cases that should not wait and are open, whenever they were opened."""
    found = [record for word in _GRAVE for record in reader.cases(limit=_CASES, severity=word, state="open").items]
    return sorted(found, key=lambda record: record.opened_at, reverse=True)[:_CASES]
