"""`/api/v1`: what the console shows, as JSON, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from enricher.core.accounts import SourceRecord
from enricher.core.document import Json
from enricher.core.secrets import mask
from enricher.core.silence import Watching
from enricher.errors import PayloadError
from enricher.model import Severity
from enricher.ports import AlertRecord, AuditRecord, CaseRecord, DeliveryRecord
from enricher.web import orders, paging
from enricher.web.answers import Refusal, attachment, json_answer
from enricher.web.api_work import WORKING, add_case_work
from enricher.web.bodies import read_body
from enricher.web.doors import Doors
from enricher.web.services import Services

CASE_STATES = ("open", "recovered", "suppressed")
DELIVERY_STATES = ("pending", "sending", "unknown", "delivered", "dead", "discarded")
SEVERITIES = tuple(severity.value for severity in Severity)


def api(services: Services, doors: Doors) -> Blueprint:
    """All routes of `/api/v1`: reading needs the read token, the POSTs that change something the write token."""
    routes = Blueprint("api", __name__, url_prefix="/api/v1")
    _add_cases(routes, services)
    _add_work(routes, services)
    _add_intake(routes, services)
    _add_judgement(routes, services)
    _add_audit(routes, services)
    _add_explain(routes, services)
    _add_giving_up(routes, services)
    _add_writing(routes, services)
    add_case_work(routes, services)

    @routes.before_request
    def check() -> None:
        if request.endpoint in _WRITING:
            doors.write(request.environ)
        else:
            doors.read(request.environ)

    return routes


_WRITING = frozenset(
    f"api.{name}"
    for name in (
        "retry_dead_letter",
        "retry_dead_letters",
        "discard_dead_letter",
        "retry_quarantined",
        "reopen_case",
        *WORKING,
    )
)
_BY = "API"


def _add_cases(routes: Blueprint, services: Services) -> None:
    reader = services.reader

    @routes.get("/cases")
    def cases() -> Response:
        page = reader.cases(
            limit=paging.limit(),
            after=paging.argument("after"),
            severity=paging.choice("severity", SEVERITIES),
            state=paging.choice("state", CASE_STATES),
            text=paging.argument("text"),
        )
        listed = [case_json(record) for record in page.items]
        for case in listed:
            case.pop("evidence", None)
        return json_answer({"cases": listed, "next": page.next})

    @routes.get("/cases/<path:key>")
    def case(key: str) -> Response:
        found = reader.case(key)
        if found is None:
            raise missing("case", key)
        return json_answer(case_json(found))


def _add_work(routes: Blueprint, services: Services) -> None:
    """What was accepted and what became of it."""
    reader = services.reader

    @routes.get("/alerts/<alert_id>")
    def alert(alert_id: str) -> Response:
        found = services.inbox.get(alert_id)
        if found is None:
            raise missing("alert", alert_id)
        return json_answer(alert_json(found))

    @routes.get("/deliveries")
    def deliveries() -> Response:
        state = paging.choice("state", DELIVERY_STATES)
        page = reader.deliveries(limit=paging.limit(), after=paging.argument("after"), state=state)
        return json_answer({"deliveries": [delivery_json(record) for record in page.items], "next": page.next})

    @routes.get("/dead-letters")
    def dead_letters() -> Response:
        which = paging.wanted()
        page = paging.dead_letters(reader, limit=paging.limit(), after=paging.argument("after"), which=which)
        return json_answer({"dead_letters": [dead_letter_json(record) for record in page.items], "next": page.next})

    @routes.get("/dead-letters/<item_id>")
    def dead_letter(item_id: str) -> Response:
        found = reader.dead_letter(item_id)
        if found is None:
            raise missing("dead letter", item_id)
        return json_answer(dead_letter_json(found))


def _add_intake(routes: Blueprint, services: Services) -> None:
    """What each source sends, and what of it could not be read."""
    reader = services.reader

    @routes.get("/sources")
    def sources() -> Response:
        watchings = services.watchings()
        return json_answer(
            {"sources": [source_json(one, watchings.get(one.source, Watching())) for one in reader.sources()]}
        )

    @routes.get("/quarantine")
    def quarantine() -> Response:
        page = reader.dead_alerts(
            limit=paging.limit(),
            after=paging.argument("after"),
            reason=paging.argument("reason"),
            source=paging.argument("source"),
        )
        return json_answer({"quarantine": [quarantined_json(record) for record in page.items], "next": page.next})

    @routes.get("/alerts/<alert_id>/body")
    def body(alert_id: str) -> Response:
        """The bytes as they came, for a file: never to be shown, whatever they claim to be."""
        sent = services.inbox.body(alert_id)
        if sent is None:
            raise missing("alert", alert_id)
        return attachment(sent, f"alert-{alert_id}.txt")


def _add_judgement(routes: Blueprint, services: Services) -> None:
    """Where tuning rules stand, and where Sumo Logic's own columns say something else."""

    @routes.get("/tuning")
    def tuning() -> Response:
        return json_answer({"rules": services.tuning()})

    @routes.get("/drift")
    def drift() -> Response:
        return json_answer(services.drift(paging.days()))


def _add_audit(routes: Blueprint, services: Services) -> None:
    @routes.get("/audit")
    def audit() -> Response:
        item, by = paging.argument("item"), paging.argument("by")
        page = services.reader.audit(limit=paging.limit(), after=paging.argument("after"), item_id=item, by=by)
        return json_answer({"audit": [audit_json(line) for line in page.items], "next": page.next})


def _add_explain(routes: Blueprint, services: Services) -> None:
    @routes.post("/explain")
    def explain() -> Response:
        """Nothing is stored, also when it cannot be read."""
        try:
            return json_answer(services.explain(read_body(request.environ, services.settings.max_body)))
        except PayloadError as error:
            raise Refusal(400, error.code, error.detail) from error


def _add_giving_up(routes: Blueprint, services: Services) -> None:
    """What a person does about work that was given up."""
    operator = services.operator

    @routes.post("/dead-letters/<item_id>/retry")
    def retry_dead_letter(item_id: str) -> tuple[Response, int]:
        if not operator.retry_dead(item_id, _BY):
            raise missing("dead letter", item_id)
        return json_answer({"status": "accepted", "id": item_id}), 202

    @routes.post("/dead-letters/retry")
    def retry_dead_letters() -> tuple[Response, int]:
        given = orders.ordered()
        kind = orders.said(given, "kind")
        if kind not in {None, *paging.KINDS}:
            raise Refusal(400, "bad_parameter", f"kind is one of: {', '.join(paging.KINDS)}.")
        done = operator.retry_all(
            orders.needed(given, "reason"), destination=orders.said(given, "destination"), kind=kind, by=_BY
        )
        return json_answer({"status": "accepted", "retried": done.count, "left": done.left}), 202

    @routes.post("/dead-letters/<item_id>/discard")
    def discard_dead_letter(item_id: str) -> tuple[Response, int]:
        given = orders.ordered()
        by, why = f"{orders.needed(given, 'by')} (API)", orders.said(given, "why", orders.LONGEST_WHY) or ""
        if not operator.discard_dead(item_id, by, why):
            raise missing("dead letter", item_id)
        return json_answer({"status": "accepted", "id": item_id}), 202


def _add_writing(routes: Blueprint, services: Services) -> None:
    @routes.post("/quarantine/<alert_id>/retry")
    def retry_quarantined(alert_id: str) -> tuple[Response, int]:
        if services.inbox.get(alert_id) is None or not services.operator.retry_dead(alert_id, _BY):
            raise missing("alert in quarantine", alert_id)
        return json_answer({"status": "accepted", "id": alert_id}), 202

    @routes.post("/cases/<path:key>/reopen")
    def reopen_case(key: str) -> tuple[Response, int]:
        if not services.operator.reopen_case(key, _BY):
            raise missing("case to reopen", key)
        return json_answer({"status": "accepted", "key": key}), 202


def missing(what: str, name: str) -> Refusal:
    """404, naming what was asked for."""
    return Refusal(404, "not_found", f"There is no {what} {name!r}.")


def alert_json(record: AlertRecord) -> Json:
    """An alert, as design §4.1 names its keys. Its reason may repeat what was sent: masked."""
    document = asdict(record)
    document["reason"] = record.reason and mask(record.reason)
    return {"id": document.pop("alert_id"), **document}


def source_json(record: SourceRecord, watching: Watching) -> Json:
    """A source, and how it is watched. `heartbeat_fault` is why its last unusable heartbeat is not watched."""
    faults = sorted(watching.faulty, key=lambda one: one.at)
    return {
        **asdict(record),
        "watched": watching.watched,
        "every_s": watching.every_s,
        "heartbeat_at": watching.heartbeat_at,
        "heartbeat_fault": faults[-1].fault if faults else None,
        "silent_since": watching.silent_since,
    }


def quarantined_json(record: AlertRecord) -> Json:
    """An alert that could not be read, its reason split into the fixed word and what follows it."""
    word, _, detail = (record.reason or "").partition(":")
    return {**alert_json(record), "reason": word or "unknown", "detail": detail.strip() or None}


def audit_json(line: AuditRecord) -> Json:
    """A line of the audit table, with `id` and `item` for the record's own names."""
    document = asdict(line)
    document["detail"] = line.detail and mask(line.detail)
    return {"id": document.pop("audit_id"), "item": document.pop("item_id"), **document}


def delivery_json(record: DeliveryRecord) -> Json:
    """A delivery, with `id` and `case` for the record's own names. What a service answered may repeat a secret: masked."""
    document = asdict(record)
    document["detail"] = record.detail and mask(record.detail)
    return {"id": document.pop("delivery_id"), "case": document.pop("case_key"), **document}


def dead_letter_json(record: AlertRecord | DeliveryRecord) -> Json:
    """Either of the two; `type` says which, `since` when an alert came or a delivery was given up."""
    if isinstance(record, AlertRecord):
        return {"type": "alert", "since": record.received_at, **alert_json(record)}
    return {"type": "delivery", "since": record.updated_at, **delivery_json(record)}


def case_json(record: CaseRecord) -> dict[str, Any]:
    """A case: its document (design §4.3), and what surrounds it."""
    return {
        **record.document,
        "state": record.state,
        "opened_at": record.opened_at,
        "updated_at": record.updated_at,
        "alerts": record.alerts,
        "deliveries": [delivery_json(delivery) for delivery in record.deliveries],
        "news": record.news,
        "work": asdict(record.work),
        "feedback": asdict(record.feedback[0]) if record.feedback else None,
        "feedback_history": [asdict(word) for word in record.feedback],
    }
