"""The page of one case, with everything that is known, and the case as Markdown and as JSON."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, url_for

from enricher.core import phrases, verdict
from enricher.core.feedback import PHRASES
from enricher.core.markdown import markdown
from enricher.core.secrets import masked
from enricher.ports import CaseRecord
from enricher.web import present, text
from enricher.web.answers import json_answer, plain_text
from enricher.web.api import case_json, missing
from enricher.web.pages.frame import page
from enricher.web.services import Services

_ALERTS_ON_A_PAGE = 25
_RELATED = 5


def add_case(pages: Blueprint, services: Services) -> None:
    """Route them."""

    def found(key: str) -> CaseRecord:
        record = services.reader.case(key)
        if record is None:
            raise missing("case", key)
        return record

    @pages.get("/cases/<path:key>")
    def case(key: str) -> Response:
        return page("case.html", **_shown(services, found(key)))

    @pages.get("/case-text/<path:key>")
    def case_text(key: str) -> Response:
        record = found(key)
        tickets = [(one.label or one.destination, one.url) for one in record.deliveries if one.url]
        address = url_for("console.case", key=record.key, _external=True)
        return plain_text(markdown(present.complete(record.document), url=address, tickets=tickets))

    @pages.get("/case-json/<path:key>")
    def case_as_json(key: str) -> Response:
        """As the API has it, secrets masked, for people who have no token."""
        return json_answer(masked(case_json(found(key))))


def _shown(services: Services, record: CaseRecord) -> dict[str, Any]:
    whole = present.complete(record.document)
    fitted = present.fitted(whole)
    document = fitted.document
    alerts = [alert for alert_id in record.alerts[:_ALERTS_ON_A_PAGE] if (alert := services.inbox.get(alert_id))]
    moments = present.timeline(record, alerts)
    return {
        "record": record,
        "case": document,
        "more": fitted.more,
        "verdict": verdict.sentence(document),
        "bars": present.waterfall(document["ledger"]),
        "bands": present.scale(services.bands()),
        "tree": present.tree(document),
        "identity": verdict.IDENTITY,
        "strip": present.contact_strip(document),
        "behaviour": present.behaviour(document),
        "history": present.history(document),
        "lookups": present.lookups(document),
        "not_asked": present.not_asked(document),
        "phrases": phrases,
        "said": PHRASES,
        "timeline": moments[: present.MOST_MOMENTS],
        "more_moments": max(0, len(moments) - present.MOST_MOMENTS),
        "more_alerts": max(0, len(record.alerts) - _ALERTS_ON_A_PAGE),
        "related": present.neighbours(services.reader.related(record, _RELATED)),
        "findings": present.printed(whole["findings"], present.ROOM_FOR_FINDINGS),
        "evidence": present.printed(whole["evidence"], present.ROOM_FOR_EVENTS),
        "brief": present.brief,
        "now": services.now(),
        "plain": text.defanger([document["hostname"], document["tenant"], *document["candidates"]]),
    }
