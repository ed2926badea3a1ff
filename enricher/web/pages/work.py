"""What a person does about a case on its page: acknowledge it, take it, silence it, say what it was."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from enricher.core.feedback import Said
from enricher.core.people import Role
from enricher.core.secrets import mask
from enricher.core.work import MUTE_FOR
from enricher.web import orders
from enricher.web.answers import Refusal
from enricher.web.api import missing
from enricher.web.people import needs, whoami
from enricher.web.services import Services

CONSOLE = "console"
"""The `source` of what is said of a case on its page."""


def add_work(pages: Blueprint, services: Services) -> None:
    """Route it. Each form ends on the page of the case, so that a reload repeats nothing."""
    operator = services.operator

    @pages.post("/cases/<path:key>/acknowledge")
    @needs(Role.ANALYST)
    def acknowledge(key: str) -> BaseResponse:
        return _back(key, done=operator.acknowledge(key, whoami().signed))

    @pages.post("/cases/<path:key>/assign")
    @needs(Role.ANALYST)
    def assign(key: str) -> BaseResponse:
        """To whoever asks; with `nobody`, to nobody."""
        by = whoami().signed
        return _back(key, done=operator.assign(key, None if request.form.get("nobody") else by, by))

    @pages.post("/cases/<path:key>/mute")
    @needs(Role.ANALYST)
    def mute(key: str) -> BaseResponse:
        """Without a reason, or with one that is too long, the page comes back with its form open and says so."""
        try:
            why = orders.needed(request.form, "why", orders.LONGEST_WHY)
        except Refusal:
            return redirect(url_for("console.case", key=key, mute="no-reason", _anchor="work"), 303)
        return _back(key, done=operator.mute(key, services.now() + MUTE_FOR, whoami().signed, why))

    @pages.post("/cases/<path:key>/unmute")
    @needs(Role.ANALYST)
    def unmute(key: str) -> BaseResponse:
        return _back(key, done=operator.unmute(key, whoami().signed))

    _add_judging(pages, services)


def _add_judging(pages: Blueprint, services: Services) -> None:
    @pages.post("/cases/<path:key>/judge")
    @needs(Role.ANALYST)
    def judge(key: str) -> BaseResponse:
        """A false positive leads to the draft of the rule that would have kept it quiet."""
        said = request.form.get("said", "")
        if said not in set(Said):
            raise Refusal(400, "bad_parameter", f"said is one of: {', '.join(Said)}.")
        found = services.reader.case(key)
        if found is not None:
            note = mask(orders.said(request.form, "why", orders.LONGEST_WHY) or "")
            services.operator.note_feedback(found.key, Said(said), whoami().signed, CONSOLE, note)
        if found is not None and said == Said.FALSE_POSITIVE:
            return redirect(url_for("console.draft", key=found.key), 303)
        return _back(key, done=found is not None)


def _back(key: str, *, done: bool) -> BaseResponse:
    """To the page of the case. Raises Refusal (404) where there is none."""
    if not done:
        raise missing("case", key)
    return redirect(url_for("console.case", key=key), 303)
