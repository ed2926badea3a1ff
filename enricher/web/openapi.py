"""The OpenAPI 3.1 document of the webhook, the API and the probes. A test holds it against the routes, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from enricher.core.document import Json
from enricher.web.schemas import SCHEMAS

_WEBHOOK_AUTH: list[Json] = [{"bearer": []}, {"basic": []}, {"header": []}]
_OPEN: list[Json] = []
_SIGNATURE = "`sha256=` and the HMAC-SHA256 of the body with the secret, in hex."

_ERROR_TEXTS = {
    400: "The body or a parameter cannot be read; `error` says why.",
    401: "No valid token. Without any token set, only peers on the same machine are let in.",
    403: "A browser sent this on behalf of another site.",
    404: "There is nothing of that name.",
    413: "More than 5 MiB after inflation.",
    415: "Content-Encoding is neither identity nor gzip.",
    429: "More than the set rate for this token.",
    503: "The store refuses, or too much waits; nothing was stored.",
}


def openapi_document() -> Json:
    """The whole document, JSON-ready."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Enricher",
            "version": _version(),
            "summary": "From Sumo Logic's webhook to one graded case with one ticket per destination.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": _WEBHOOK_AUTH,
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The token is the password."},
                "header": {"type": "apiKey", "in": "header", "name": "X-Enricher-Token"},
                "signature": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature", "description": _SIGNATURE},
            },
        },
    }


def _version() -> str:
    try:
        return version("enricher")
    except PackageNotFoundError:
        return "0"


def _paths() -> Json:
    return {
        "/webhooks/sumo": {"post": _webhook()},
        "/api/v1/alerts/{alert_id}": _get("One alert", "Alert", path=("alert_id",), errors=(404,)),
        "/api/v1/alerts/{alert_id}/body": _download("The bytes as they came", path="alert_id"),
        "/api/v1/cases": _get("Cases, newest first", "Cases", query=("limit", "after", "severity", "state", "text")),
        "/api/v1/cases/{key}": _get("One case with its evidence", "Case", path=("key",), errors=(404,)),
        "/api/v1/cases/{key}/reopen": _post("Open a suppressed or recovered case again", path="key"),
        **_working(),
        "/api/v1/deliveries": _get("Cases on their way to destinations", "Deliveries", query=("limit", "after", "state")),
        "/api/v1/dead-letters": _get(
            "Work that was given up", "DeadLetters", query=("limit", "after", "kind", "reason", "destination")
        ),
        "/api/v1/dead-letters/retry": _order("Try the oldest 500 of a reason again", "RetryAll", "Retried"),
        "/api/v1/dead-letters/{item_id}": _get("One dead letter", "DeadLetter", path=("item_id",), errors=(404,)),
        "/api/v1/dead-letters/{item_id}/retry": _post("Try a dead letter again", path="item_id"),
        "/api/v1/dead-letters/{item_id}/discard": _order(
            "A dead letter is never tried again; says who decided that", "Discard", "Accepted", path="item_id"
        ),
        "/api/v1/quarantine": _get(
            "Alerts that could not be read", "Quarantine", query=("limit", "after", "reason", "source")
        ),
        "/api/v1/quarantine/{alert_id}/retry": _post("Read an alert again", path="alert_id"),
        "/api/v1/sources": _get("What each webhook source has sent", "Sources"),
        "/api/v1/tuning": _get("Tuning rules and where they stand, those that end soon first", "Tuning"),
        "/api/v1/drift": _get("Where Sumo Logic's own columns say something else, by day", "Drift", query=("days",)),
        "/api/v1/audit": _get("Who did what, newest first", "Audit", query=("limit", "after", "item", "by")),
        "/webhooks/jira": {"post": _feedback("Jira", "An issue, as Jira's webhook sends it.")},
        "/webhooks/servicenow": {"post": _feedback("ServiceNow", "A record, as the business rule sends it.")},
        "/webhooks/slack": {"post": _slack()},
        "/api/v1/explain": {"post": _explain()},
        "/healthz": _get("Alive", "Status", open_to_all=True),
        "/readyz": _get("What is sent now can be stored", "Readiness", open_to_all=True, errors=()),
        "/metrics": {
            "get": {
                "summary": "Prometheus metrics",
                "security": _OPEN,
                "responses": {"200": {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}},
            }
        },
        "/openapi.json": _get("This document", "Document", open_to_all=True),
    }


def _working() -> Json:
    said = {
        "acknowledge": "Somebody has seen the case; the first who says so stays named",
        "assign": "The case is somebody's, or without `to` nobody's",
        "mute": "For 24 hours the case calls nobody",
        "unmute": "The case calls again",
    }
    orders = {"assign": "Assign", "mute": "Mute"}
    return {
        f"/api/v1/cases/{{key}}/{what}": _order(summary, orders.get(what, "Named"), "Accepted", path="key")
        for what, summary in said.items()
    }


def _slack() -> Json:
    form = {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}
    return {
        "summary": "A button or a form of a case's message in Slack",
        "description": "Signed by Slack (`X-Slack-Signature`), within five minutes; 404 where no signing secret is set.",
        "security": _OPEN,
        "requestBody": {"required": True, "content": form},
        "responses": {
            "200": {"description": "Taken, or nothing for us; a form that lacks something is told so"},
            **_errors(400, 401, 403, 404, 413, 503),
        },
    }


def _webhook() -> Json:
    return {
        "summary": "Accept any Sumo Logic payload",
        "description": "202 means that the bytes are on disk. The body is read as JSON whatever its Content-Type.",
        "requestBody": _json_body("The payload as Sumo sends it; gzip is accepted."),
        "responses": {
            "202": _json("Stored", "Receipt"),
            "200": _json("A duplicate of an earlier alert, or a connection test", "Receipt"),
            **_errors(400, 401, 413, 415, 429, 503),
        },
    }


def _feedback(service: str, body: str) -> Json:
    return {
        "summary": f"What a closed ticket in {service} says of its case",
        "description": "Needs the secret of this webhook; 404 where none is set. The last word counts.",
        "security": [*_WEBHOOK_AUTH, {"signature": []}],
        "requestBody": _json_body(body),
        "responses": {
            "202": _json("Marked, nothing new, or of no case of ours", "Marked"),
            **_errors(400, 401, 404, 413, 415, 429, 503),
        },
    }


def _explain() -> Json:
    return {
        "summary": "A payload through the flow; nothing is stored or sent",
        "requestBody": _json_body("Any payload that the webhook accepts."),
        "responses": {"200": _json("What would come of it", "Explanation"), **_errors(400, 401, 413, 415)},
    }


def _get(
    summary: str,
    schema: str,
    *,
    path: tuple[str, ...] = (),
    query: tuple[str, ...] = (),
    errors: tuple[int, ...] = (),
    open_to_all: bool = False,
) -> Json:
    operation: Json = {"summary": summary}
    if parameters := [*map(_path_parameter, path), *(_QUERY[name] for name in query)]:
        operation["parameters"] = parameters
    if open_to_all:
        operation["security"] = _OPEN
        failures = {"503": _json("The store refuses", schema)} if schema == "Readiness" else {}
    else:
        failures = _errors(*((400,) if query else ()), 401, *errors, 503)
    operation["responses"] = {"200": _json(summary, schema), **failures}
    return {"get": operation}


def _download(summary: str, *, path: str) -> Json:
    file = {"text/plain": {"schema": {"type": "string", "format": "binary"}}}
    return {
        "get": {
            "summary": summary,
            "parameters": [_path_parameter(path)],
            "responses": {"200": {"description": "A file to be saved", "content": file}, **_errors(401, 404, 503)},
        }
    }


def _post(summary: str, *, path: str) -> Json:
    return {
        "post": {
            "summary": summary,
            "description": "Needs the write token.",
            "parameters": [_path_parameter(path)],
            "responses": {"202": _json("Done; a worker takes it from here", "Accepted"), **_errors(401, 403, 404, 503)},
        }
    }


def _order(summary: str, order: str, answer: str, *, path: str | None = None) -> Json:
    """A POST with a JSON body that says what is to be done."""
    body = {"application/json": {"schema": {"$ref": f"#/components/schemas/{order}"}}}
    operation = {
        "summary": summary,
        "description": "Needs the write token.",
        "requestBody": {"required": True, "content": body},
        "responses": {
            "202": _json("Done; a worker takes it from here", answer),
            **_errors(400, 401, 403, *([404] if path else []), 413, 415, 503),
        },
    }
    return {"post": operation | ({"parameters": [_path_parameter(path)]} if path else {})}


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_QUERY: Mapping[str, Json] = {
    "limit": _query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "Items on a page."),
    "after": _query("after", {"type": "string"}, "The `next` of the page before."),
    "days": _query("days", {"type": "integer", "minimum": 1, "maximum": 365, "default": 30}, "How far back."),
    "severity": _query("severity", {"$ref": "#/components/schemas/Severity"}, "Only cases of this severity."),
    "state": _query("state", {"type": "string"}, "Only those in this state."),
    "kind": _query("kind", {"enum": ["alert", "delivery"]}, "Only those of this kind."),
    "destination": _query("destination", {"type": "string"}, "Only deliveries to this destination."),
    "reason": _query("reason", {"type": "string"}, "Only those whose reason begins with this word."),
    "item": _query("item", {"type": "string"}, "Only what was done to this case, alert, delivery, account or rule."),
    "by": _query("by", {"type": "string"}, "Only what this person did, as they sign: `m.alvarez (account)`."),
    "source": _query("source", {"type": "string"}, "Only those from this webhook source."),
    "text": _query(
        "text",
        {"type": "string"},
        "Words; each begins a word of the case: host, tenant, a label of these, process, user, key.",
    ),
}


def _json_body(description: str) -> Json:
    return {"required": True, "description": description, "content": {"application/json": {"schema": {}}}}


def _json(description: str, schema: str) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _errors(*statuses: int) -> Json:
    return {str(status): _json(_ERROR_TEXTS[status], "Error") for status in statuses}
