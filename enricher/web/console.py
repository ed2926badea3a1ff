"""The console: pages for people, made on the server, readable without JavaScript."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, Flask, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from enricher.core import phrases
from enricher.core.drift import REASONS
from enricher.core.feedback import PHRASES
from enricher.core.secrets import mask
from enricher.ports import AlertRecord, CaseRecord
from enricher.web import orders, paging, present, text
from enricher.web.answers import Refusal, error_word
from enricher.web.api import CASE_STATES, DELIVERY_STATES, SEVERITIES, missing
from enricher.web.doors import Doors
from enricher.web.forms import FIELD, FormTokens
from enricher.web.services import Services

_ALERTS_ON_A_PAGE = 25
_BODY_ON_A_PAGE = 64 * 1024
_FILTERS = ("limit", "severity", "state", "text", "reason", "source", "kind", "destination")
_BY = "console"


def console(services: Services, doors: Doors) -> Blueprint:
    """The pages. Reading them needs what reading the API needs; the forms need the write token and their own."""
    pages = Blueprint("console", __name__)
    forms = FormTokens(services.settings.signing_key)
    pages.app_template_global("form_token")(lambda endpoint, name: forms.make(f"{endpoint} {name}"))
    pages.app_template_global("page_after")(_page_after)
    _add_cases(pages, services)
    _add_lists(pages, services)
    _add_judgement(pages, services)
    _add_giving_up(pages, services)
    _add_actions(pages, services)

    @pages.before_request
    def check() -> None:
        if request.method != "POST":
            doors.read(request.environ)
            return
        doors.write(request.environ, own_page=True)
        action = " ".join([request.endpoint or "", *(request.view_args or {}).values()])
        if not forms.fits(action, request.form.get(FIELD, "")):
            raise Refusal(403, "form_out_of_date", "This form is out of date. Go back, load the page again, and repeat.")

    return pages


def set_up_templates(app: Flask) -> None:
    """Everything printed is escaped and made visible, by construction; a misspelt name is an error."""
    app.jinja_env.finalize = text.visible
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        when=text.when,
        span=text.span,
        number=text.number,
        defang=text.defang,
        outward=text.outward,
        pretty=_pretty,
        mask=mask,
    )


def page(template: str, **shown: Any) -> Response:
    """A page that no cache keeps: what is in a case is for whoever holds the token."""
    return Response(render_template(template, **shown), mimetype="text/html", headers={"Cache-Control": "no-store"})


def error_page(error: HTTPException) -> Response:
    """A refusal, for a person; with the headers it brings, so that a browser asks for the token."""
    answer = page("error.html", status=error.code, word=error_word(error), detail=error.description)
    answer.status_code = error.code or 500
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            answer.headers[name] = value
    return answer


def _pretty(document: object) -> str:
    return mask(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode())


def _page_after(cursor: str | None) -> str:
    """Where the same listing goes on, with the same filters."""
    kept: dict[str, Any] = {name: request.args[name] for name in _FILTERS if request.args.get(name)}
    return url_for(request.endpoint or "", after=cursor, **kept)


def _add_cases(pages: Blueprint, services: Services) -> None:
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
            cases=[(record, present.complete(record.document)) for record in listed.items],
            next=listed.next,
            filters=filters,
            severities=tuple(reversed(SEVERITIES)),
            states=CASE_STATES,
            backlog=reader.backlog(),
            failing=reader.destinations(),
        )

    def case(key: str) -> Response:
        record = reader.case(key)
        if record is None:
            raise missing("case", key)
        return page("case.html", **_case_shown(services, record))

    for rule in ("/", "/cases", "/cases/"):
        pages.add_url_rule(rule, "cases", cases)
    pages.add_url_rule("/cases/<path:key>", "case", case)


def _case_shown(services: Services, record: CaseRecord) -> dict[str, Any]:
    document = present.complete(record.document)
    alerts = [alert for alert_id in record.alerts[:_ALERTS_ON_A_PAGE] if (alert := services.inbox.get(alert_id))]
    return {
        "record": record,
        "case": document,
        "bars": present.waterfall(document["ledger"]),
        "bands": present.scale(services.bands()),
        "tree": present.tree(document),
        "strip": present.contact_strip(document),
        "behaviour": present.behaviour(document),
        "history": present.history(document),
        "lookups": present.lookups(document),
        "not_asked": present.not_asked(document),
        "phrases": phrases,
        "said": PHRASES,
        "timeline": present.timeline(record, alerts),
        "more_alerts": max(0, len(record.alerts) - _ALERTS_ON_A_PAGE),
        "plain": text.defanger([document["hostname"], document["tenant"], *document["candidates"]]),
    }


def _add_lists(pages: Blueprint, services: Services) -> None:
    reader = services.reader

    @pages.get("/alerts/<alert_id>")
    def alert(alert_id: str) -> Response:
        record = services.inbox.get(alert_id)
        if record is None:
            raise missing("alert", alert_id)
        body = services.inbox.body(alert_id) or b""
        shown = body[:_BODY_ON_A_PAGE].decode("utf-8", "replace")
        return page("alert.html", alert=record, body=shown, more=len(body) - min(len(body), _BODY_ON_A_PAGE))

    @pages.get("/deliveries")
    def deliveries() -> Response:
        state = paging.choice("state", DELIVERY_STATES)
        listed = reader.deliveries(limit=paging.limit(), after=paging.argument("after"), state=state)
        return page(
            "deliveries.html",
            deliveries=listed.items,
            next=listed.next,
            state=state,
            states=DELIVERY_STATES,
            failing=reader.destinations(),
        )

    @pages.get("/dead-letters")
    def dead_letters() -> Response:
        which = paging.wanted()
        listed = paging.dead_letters(reader, limit=paging.limit(), after=paging.argument("after"), which=which)
        return page(
            "dead_letters.html",
            alerts=[item for item in listed.items if isinstance(item, AlertRecord)],
            deliveries=[item for item in listed.items if not isinstance(item, AlertRecord)],
            next=listed.next,
            which=which,
            counts=reader.dead_letters(),
            done={name: paging.argument(name) for name in ("retried", "opened", "left", "discarded")},
        )

    @pages.get("/intake")
    def intake() -> Response:
        reasons = reader.quarantined()
        filters = {"reason": paging.argument("reason"), "source": paging.argument("source")}
        listed = reader.dead_alerts(limit=paging.limit(), after=paging.argument("after"), **filters)
        return page(
            "intake.html",
            sources=reader.sources(),
            backlog=reader.backlog(),
            reasons=reasons,
            filters=filters,
            quarantined=[(alert, *_reason(alert)) for alert in listed.items],
            next=listed.next,
            retried=paging.argument("retried"),
        )


def _add_judgement(pages: Blueprint, services: Services) -> None:
    """Where tuning rules stand, and where Sumo Logic's own columns say something else."""

    @pages.get("/tuning")
    def tuning() -> Response:
        return page("tuning.html", rules=services.tuning())

    @pages.get("/drift")
    def drift() -> Response:
        return page("drift.html", **services.drift(paging.days()), reasons=REASONS)


def _reason(alert: AlertRecord) -> tuple[str, str]:
    """The fixed word, and what follows it, which may repeat what was sent."""
    word, _, detail = mask(alert.reason or "unknown").partition(":")
    return word, detail.strip()


def _add_giving_up(pages: Blueprint, services: Services) -> None:
    """What a person does about work that was given up. Each ends in a redirect, so that a reload repeats nothing."""
    operator = services.operator

    @pages.post("/dead-letters/<item_id>/retry")
    def retry(item_id: str) -> BaseResponse:
        if not operator.retry_dead(item_id, _BY):
            raise missing("dead letter", item_id)
        return redirect(url_for("console.dead_letters", retried=item_id), 303)

    @pages.post("/dead-letters/of/<kind>/<reason>/retry")
    def retry_all(kind: str, reason: str) -> BaseResponse:
        destination = orders.said(request.form, "destination")
        done = operator.retry_all(reason, destination=destination, kind=kind, by=_BY)
        return redirect(url_for("console.dead_letters", opened=done.count, left=done.left), 303)

    @pages.post("/dead-letters/<item_id>/discard")
    def discard(item_id: str) -> BaseResponse:
        by, why = orders.needed(request.form, "by"), orders.said(request.form, "why", orders.LONGEST_WHY) or ""
        if not operator.discard_dead(item_id, by, why):
            raise missing("dead letter", item_id)
        return redirect(url_for("console.dead_letters", discarded=item_id), 303)


def _add_actions(pages: Blueprint, services: Services) -> None:
    """The same of what else there is to be done."""
    operator = services.operator

    @pages.post("/quarantine/<alert_id>/retry")
    def retry_quarantined(alert_id: str) -> BaseResponse:
        if services.inbox.get(alert_id) is None or not operator.retry_dead(alert_id, _BY):
            raise missing("alert in quarantine", alert_id)
        return redirect(url_for("console.intake", retried=alert_id), 303)

    @pages.post("/cases/<path:key>/reopen")
    def reopen(key: str) -> BaseResponse:
        if not operator.reopen_case(key):
            raise missing("case to reopen", key)
        return redirect(url_for("console.case", key=key), 303)
