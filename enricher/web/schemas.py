"""JSON Schemas of what the API answers, for its OpenAPI document.

The case's are derived from `core/document.py`, the one place where its keys are written down.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from enricher.core.document import CaseDocument, Json, News
from enricher.core.drift import REASONS
from enricher.core.feedback import Said
from enricher.core.silence import Fault, What
from enricher.core.tune import Standing
from enricher.core.work import CaseWork
from enricher.model import Severity

_PRIMITIVES: dict[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}
_TEXT: Json = {"type": "string"}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_COUNT: Json = {"type": "integer", "minimum": 0}
_TIME: Json = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Json = {"type": ["string", "null"], "format": "date-time"}
_OBJECTS: Json = {"type": "array", "items": {"type": "object"}}
_TEXTS: Json = {"type": "array", "items": _TEXT}


def schema_of(shape: Any) -> Json:
    """The schema of a TypedDict, or of a type that occurs in one. Keys may be added, so none is forbidden."""
    if is_typeddict(shape):
        hints = get_type_hints(shape)
        properties = {name: schema_of(hint) for name, hint in hints.items()}
        return {"type": "object", "properties": properties, "required": list(hints)}
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if origin in {Union, UnionType}:
        return {"anyOf": [schema_of(argument) for argument in arguments]}
    return _PRIMITIVES[shape]


def _object(required: Json, optional: Json | None = None) -> Json:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _page(name: str, item: str) -> Json:
    return _object({name: {"type": "array", "items": _ref(item)}, "next": _TEXT_OR_NULL})


_ALERT: Json = {
    "id": _TEXT,
    "state": {"enum": ["stored", "working", "done", "dead"]},
    "kind": _TEXT,
    "source": _TEXT,
    "received_at": _TIME,
    "attempts": _COUNT,
    "reason": _TEXT_OR_NULL,
    "cases": _TEXTS,
    "dropped": _OBJECTS,
    "size": _COUNT,
    "rows": {"anyOf": [{"$ref": "#/components/schemas/RowAccount"}, {"type": "null"}]},
    "repeats": _COUNT,
    "repeated_at": _TIME_OR_NULL,
}
_DELIVERY: Json = {
    "id": _TEXT,
    "case": _TEXT,
    "destination": _TEXT,
    "state": {"enum": ["pending", "sending", "unknown", "delivered", "dead", "discarded"]},
    "external_id": _TEXT_OR_NULL,
    "label": _TEXT_OR_NULL,
    "url": _TEXT_OR_NULL,
    "attempts": _COUNT,
    "due_at": _TIME_OR_NULL,
    "reason": _TEXT_OR_NULL,
    "detail": _TEXT_OR_NULL,
    "updated_at": _TIME,
    "generation": {"type": "integer", "minimum": 1},
    "previous": {"anyOf": [_ref("Ticket"), {"type": "null"}]},
}
_SENT: Json = {
    "last_at": _TIME,
    "alerts": _COUNT,
    "rows": _COUNT,
    "per_hour": {"type": "number", "minimum": 0},
    "kinds": {"type": "object", "additionalProperties": _COUNT},
}
_AROUND_A_CASE: Json = {
    "state": {"enum": ["open", "recovered", "suppressed"]},
    "opened_at": _TIME,
    "updated_at": _TIME,
    "alerts": _TEXTS,
    "deliveries": {"type": "array", "items": _ref("Delivery")},
    "news": {"type": "array", "items": _ref("News")},
    "work": _ref("Work"),
    "feedback": {"anyOf": [_ref("Feedback"), {"type": "null"}]},
    "feedback_history": {"type": "array", "items": _ref("Feedback")},
}
_SAID: Json = {"enum": [said.value for said in Said]}
_DAY: Json = {"type": "string", "format": "date"}
_DAY_OR_NULL: Json = {"type": ["string", "null"], "format": "date"}
_LISTS: Json = {"type": "object", "additionalProperties": _TEXTS}


def _case(*, without: frozenset[str] = frozenset()) -> Json:
    document = schema_of(CaseDocument)["properties"]
    return _object({**{name: schema for name, schema in document.items() if name not in without}, **_AROUND_A_CASE})


SCHEMAS: Json = {
    "Error": _object({"error": _TEXT, "detail": _TEXT}),
    "Severity": {"enum": [severity.value for severity in Severity]},
    "Receipt": _object({"status": {"enum": ["accepted", "duplicate", "test"]}}, {"alert_id": _TEXT}),
    "Accepted": _object({"status": {"const": "accepted"}}, {"id": _TEXT, "key": _TEXT}),
    "Status": _object({"status": {"const": "ok"}}),
    "Readiness": _object(
        {"status": {"enum": ["ready", "unavailable"]}, "problems": _TEXTS},
        {
            "detail": _TEXT,
            "busy": {"enum": ["inbox", "disk", None]},
            "inbox": _COUNT,
            "dead_letters": _object({"alert": _COUNT, "delivery": _COUNT}),
            "destinations": {"type": "array", "items": _ref("DestinationHealth")},
            "canary": {"type": "array", "items": _ref("CanaryStanding")},
            "silent": {"type": "array", "items": _ref("SilentSource")},
        },
    ),
    "DestinationHealth": _object(
        {
            "destination": _TEXT,
            "paused": {"type": "boolean"},
            "failures": _COUNT,
            "reason": _TEXT_OR_NULL,
            "since": _TIME_OR_NULL,
            "paused_until": _TIME_OR_NULL,
        }
    ),
    "SilentSource": _object(
        {"source": _TEXT, "since": _TIME, "what": {"type": "array", "items": {"enum": list(get_args(What))}}}
    ),
    "CanaryStanding": _object(
        {
            "destination": _TEXT,
            "state": {"enum": ["proved", "warned", "failed", "missing", None]},
            "proved_at": _TIME_OR_NULL,
        }
    ),
    "RetryAll": _object({"reason": _TEXT}, {"destination": _TEXT, "kind": {"enum": ["alert", "delivery"]}}),
    "Retried": _object({"status": {"const": "accepted"}, "retried": _COUNT, "left": _COUNT}),
    "Discard": _object({"by": _TEXT}, {"why": _TEXT}),
    "Named": _object({"by": _TEXT}),
    "Assign": _object({"by": _TEXT}, {"to": _TEXT}),
    "Mute": _object({"by": _TEXT, "why": _TEXT}),
    "Work": _object(dict.fromkeys(CaseWork.__slots__, _TEXT_OR_NULL)),
    "Document": {"type": "object"},
    "Explanation": _object({"input": {"type": "object"}, "cases": _OBJECTS, "dropped": _OBJECTS}),
    "News": schema_of(News),
    "Alert": _object(_ALERT),
    "RowAccount": _object(
        {
            "received": _COUNT,
            "total": {"type": ["integer", "null"]},
            "cut": {"type": "boolean"},
            **dict.fromkeys(("in_cases", "repeats", "dropped", "set_aside"), _COUNT),
        }
    ),
    "Delivery": _object(_DELIVERY),
    "Ticket": _object({"external_id": _TEXT, "label": _TEXT, "url": _TEXT_OR_NULL}),
    "DeadLetter": {
        "anyOf": [
            _object({"type": {"const": "alert"}, "since": _TIME, **_ALERT}),
            _object({"type": {"const": "delivery"}, "since": _TIME, **_DELIVERY}),
        ]
    },
    "Case": _case(),
    "ListedCase": _case(without=frozenset({"evidence"})),
    "Cases": _page("cases", "ListedCase"),
    "Deliveries": _page("deliveries", "Delivery"),
    "DeadLetters": _page("dead_letters", "DeadLetter"),
    "Quarantined": _object({**_ALERT, "reason": _TEXT, "detail": _TEXT_OR_NULL}),
    "Quarantine": _page("quarantine", "Quarantined"),
    "Monitor": _object(
        {
            "monitor": _TEXT_OR_NULL,
            **_SENT,
            "newest": {"anyOf": [{"$ref": "#/components/schemas/RowAccount"}, {"type": "null"}]},
        }
    ),
    "Source": _object(
        {
            "source": _TEXT,
            **_SENT,
            "dead": _COUNT,
            "repeats": _COUNT,
            "monitors": {"type": "array", "items": _ref("Monitor")},
            "watched": {"type": "boolean"},
            "every_s": {"type": ["number", "null"]},
            "heartbeat_at": _TIME_OR_NULL,
            "heartbeat_fault": {"enum": [*get_args(Fault), None]},
            "silent_since": _TIME_OR_NULL,
        }
    ),
    "Feedback": _object({"said": _SAID, "by": _TEXT, "at": _TIME, "source": _TEXT, "note": _TEXT}),
    "Marked": _object({"status": {"enum": ["marked", "unchanged", "ignored"]}}, {"case": _TEXT, "reason": _TEXT}),
    "TuningRule": _object(
        {
            **dict.fromkeys(("id", "owner", "approver", "reason", "ticket", "does", "source"), _TEXT),
            "version": _COUNT,
            "state": {"enum": [standing.value for standing in Standing]},
            "mode": {"enum": ["shadow", "live"]},
            "effect": {"enum": ["cap", "subtract", "suppress"]},
            "scope": _LISTS,
            "conditions": _LISTS,
            "created": _DAY,
            "expires": _DAY,
            "unmatched_on": _DAY_OR_NULL,
            "days_left": {"type": "integer"},
            "matches": {"type": ["integer", "null"]},
            "last_match": _TIME_OR_NULL,
        }
    ),
    "Tuning": _object({"rules": {"type": "array", "items": _ref("TuningRule")}}),
    "DriftOfDay": _object(
        {
            "day": _DAY,
            **dict.fromkeys(("field", "sumo", "ours"), _TEXT),
            "reason": {"enum": [*REASONS, "unknown"]},
            "cases": _COUNT,
            "rows": _COUNT,
        }
    ),
    "QueryVersion": _object(
        {"source": _TEXT, "monitor": _TEXT_OR_NULL, "digest": _TEXT, "first_at": _TIME, "last_at": _TIME}
    ),
    "Drift": _object(
        {
            "days": _COUNT,
            "drift": {"type": "array", "items": _ref("DriftOfDay")},
            "queries": {"type": "array", "items": _ref("QueryVersion")},
        }
    ),
    "Audit": _page("audit", "AuditLine"),
    "AuditLine": _object({"id": _TEXT, "at": _TIME, "by": _TEXT, "action": _TEXT, "item": _TEXT, "detail": _TEXT_OR_NULL}),
    "Sources": _object({"sources": {"type": "array", "items": _ref("Source")}}),
}
