"""The pages of tuning: where rules stand, everything of one, what it would change, and the narrowest rule for a case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from threading import Lock
from typing import Any

from flask import Blueprint, Response, request

from enricher.core.document import Json
from enricher.core.feedback import PHRASES
from enricher.core.people import Role
from enricher.core.secrets import mask
from enricher.core.spans import HINT, span_of
from enricher.core.tune import Standing
from enricher.core.tuning_words import condition_parts, scope_parts
from enricher.ports import CaseRecord, Reader
from enricher.web import matches, paging, present
from enricher.web.answers import Refusal, attachment
from enricher.web.api import missing
from enricher.web.pages.frame import page
from enricher.web.people import needs
from enricher.web.services import Services
from enricher.web.workbench import Draft

USUAL_SINCE = "14d"
CASES_LOOKED_AT = 200
"""The newest, in which a rule's last cases are looked for: however many there are, the page takes as long."""
CASES_SHOWN = 12
RULES_ON_A_PAGE = 50
CHANGES_SHOWN = 100
_LOOK_AT = frozenset({"expiring", "expired", "unmatched"})
_LONGEST_NUMBER = 6
_MOST_TEXT = 20_000
"""Characters of a draft that are shown, so that a page stays below 200 KB even if every one is a quote; its file has them all."""
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def add_tuning(pages: Blueprint, services: Services) -> None:
    """Route them."""
    _add_rules(pages, services)
    _add_trial(pages, services)
    _add_drafts(pages, services)


def _add_rules(pages: Blueprint, services: Services) -> None:
    reader = services.reader

    @pages.get("/tuning")
    def tuning() -> Response:
        docs, today = services.tuning(), services.now().date()
        days = reader.rule_days(services.now() - timedelta(days=matches.RECENT))
        state = paging.choice("state", [standing.value for standing in Standing])
        chosen = [doc for doc in docs if state in {None, doc["state"]}]
        first, after = _first(), _first() + RULES_ON_A_PAGE
        return page(
            "tuning.html",
            rules=[_shown(doc) for doc in chosen[first:after]],
            next=str(after) if after < len(chosen) else None,
            state=state,
            recent=matches.recent(days, today),
            counts=Counter(doc["state"] for doc in docs),
            problems=_problems(services.content_problems()),
            look_at=_LOOK_AT,
        )

    @pages.get("/tuning/<rule_id>")
    def rule(rule_id: str) -> Response:
        doc = _doc(services, rule_id)
        now, written = services.now(), services.workbench.rule(rule_id)
        days = reader.rule_days(now - timedelta(days=matches.DAYS))
        found = _cases_of(reader, rule_id)
        return page(
            "rule.html",
            **_shown(doc),
            tests=written.tests if written else {},
            matches=matches.matches_of(rule_id, days, now.date()),
            recent=matches.recent(days, now.date()).get(rule_id, 0),
            cases=[(record, present.row(record.document)) for record in found[:CASES_SHOWN]],
            more=max(0, len(found) - CASES_SHOWN),
            looked_at=CASES_LOOKED_AT,
            problems=[line for line in services.content_problems() if rule_id in line],
            since=USUAL_SINCE,
        )


def _first() -> int:
    """From which rule on a page of them goes."""
    after = paging.argument("after") or "0"
    if not (after.isascii() and after.isdecimal() and len(after) <= _LONGEST_NUMBER):
        raise Refusal(400, "bad_parameter", "after is the `next` of an earlier page.")
    return int(after)


def _shown(doc: Json) -> dict[str, Any]:
    """A rule as `core.tuning_doc` tells it, and what it asks in words."""
    return {"rule": doc, "scope": scope_parts(doc["scope"]), "conditions": condition_parts(doc["conditions"])}


def _doc(services: Services, rule_id: str) -> Json:
    found = next((doc for doc in services.tuning() if doc["id"] == rule_id), None)
    if found is None:
        raise missing("tuning rule", rule_id)
    return found


def _problems(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if "tuning" in line or "rule " in line]


def _cases_of(reader: Reader, rule_id: str) -> list[CaseRecord]:
    """The cases among the newest that the rule has matched."""
    newest = reader.cases(limit=CASES_LOOKED_AT).items
    return [record for record in newest if any(one["rule"] == rule_id for one in record.document.get("exceptions") or ())]


def _add_trial(pages: Blueprint, services: Services) -> None:
    at_work = Lock()
    """One at a time in each process: it reads and judges as many cases as there is time for."""

    @pages.get("/tuning/<rule_id>/preview")
    @needs(Role.ENGINEER)
    def preview(rule_id: str) -> Response:
        doc = _doc(services, rule_id)
        asked = paging.argument("since") or USUAL_SINCE
        span = span_of(asked)
        if span is None:
            raise Refusal(400, "bad_parameter", f"since is no span: {HINT}.")
        if not at_work.acquire(blocking=False):
            raise Refusal(
                429, "preview_at_work", "Another preview is at work. Try again in a few seconds.", Retry_After="10"
            )
        try:
            since = services.now() - span
            trial = services.workbench.trial(rule_id, since)
        finally:
            at_work.release()
        if trial is None:
            raise missing("tuning rule", rule_id)
        return page(
            "preview.html", rule=doc, trial=trial, radius=trial.radius, since=since, asked=asked, most=CHANGES_SHOWN
        )


def _add_drafts(pages: Blueprint, services: Services) -> None:
    @pages.get("/drafts/<path:key>")
    @needs(Role.ANALYST)
    def draft(key: str) -> Response:
        record = services.reader.case(key)
        found = services.workbench.draft(record.key) if record else None
        if record is None or found is None:
            raise missing("case", key)
        if request.args.get("as") == "yml":
            return _file(record.key, found)
        text = mask(found.text or "")
        return page(
            "draft.html",
            record=record,
            case=present.complete(record.document),
            draft=found,
            text=text[:_MOST_TEXT],
            more=max(0, len(text) - _MOST_TEXT),
            masked=text != (found.text or ""),
            scope=scope_parts(found.rule["scope"]) if found.rule else [],
            conditions=condition_parts(found.rule["conditions"]) if found.rule else [],
            file=f"{_name(record.key)}.yml",
            said=PHRASES,
        )


def _file(key: str, found: Draft) -> Response:
    """The rule as a file; what looks like a secret is masked there as on the page, so that none gets into a repository."""
    if found.text is None:
        raise Refusal(404, "no_draft", f"No rule is drafted: {'; '.join(found.problems)}.")
    return attachment(mask(found.text).encode(), f"{_name(key)}.yml")


def _name(key: str) -> str:
    return "draft-" + "".join(letter if letter in _SAFE else "-" for letter in key.removeprefix("enricher-"))[:80]
