"""What Sumo Logic refuses of connections, monitors, folders, scheduled searches and fields: each function says why, or nothing.

Source: the schema of Sumo Logic's Terraform provider and its documentation, "Monitors" and "Webhook Connections".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import orjson

Json = dict[str, Any]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LONGEST_NAME, LONGEST_DESCRIPTION, LONGEST_QUERY = 128, 1_024, 4_000
MOST_GROUP_FIELDS, MOST_HEADERS, HIGHEST_THRESHOLD = 10, 5, 1_000
WEBHOOK_TYPES = _words(
    "AWSLambda Azure Datadog HipChat PagerDuty Slack Webhook NewRelic Jira Opsgenie MicrosoftTeams ServiceNow SumoCloudSOAR"
)
CONNECTION_TYPES = _words(
    "Email AWSLambda AzureFunctions Datadog HipChat Jira NewRelic Opsgenie PagerDuty Slack MicrosoftTeams ServiceNow Webhook"
)
TRIGGERS = _words("Critical Warning MissingData ResolvedCritical ResolvedWarning ResolvedMissingData")
THRESHOLDS = _words("LessThan LessThanOrEqual GreaterThan GreaterThanOrEqual")
TIME_RANGES = _words("2m 5m 10m 15m 30m 1h 60m 3h 6h 12h 24h 1d")
SCHEDULES = _words("RealTime 15Minutes 1Hour 2Hours 4Hours 6Hours 8Hours 12Hours 1Day 1Week Custom")
OPERATORS = _words("eq gt ge lt le")
NOT_GROUPED_BY = frozenset({"_raw", "_messagetime", "_receipttime", "_messageid", "_blockid"})
NOT_IN_ALERT_NAME = ("alertname", "alertresponseurl", "resultsjson", "playbook")
_SPAN = re.compile(r"\d+[smhd]")

CONNECTION_KEYS = _words(
    "type name description url headers customHeaders defaultPayload resolutionPayload webhookType connectionSubtype"
)
READ_ONLY = _words("id createdBy createdAt modifiedBy modifiedAt isSystem isMutable isLocked parentId status")
MONITOR_KEYS = READ_ONLY | _words(
    "type name description version monitorType contentType queries triggers notifications groupNotifications notificationGroupFields"
    " evaluationDelay playbook alertName automatedPlaybookIds tags isDisabled timeZone"
)
FOLDER_KEYS = READ_ONLY | _words("type name description version contentType permissions")
SEARCH_KEYS = _words(
    "id name description parentId queryString runByReceiptTime timeRange parsingMode queryParameters schedule"
)


def _said(value: object, most: int, what: str, *, least: int = 0) -> Iterator[str]:
    if not isinstance(value, str) or not least <= len(value) <= most:
        yield f"{what} must be text of {least} to {most} characters"


def _unknown(body: Mapping[str, object], known: Collection[str]) -> Iterator[str]:
    for key in body.keys() - known:
        yield f"unknown property '{key}'"


def _one_of(value: object, allowed: Collection[str], what: str) -> Iterator[str]:
    if value not in allowed:
        yield f"{what} must be one of {', '.join(sorted(allowed))}"


def _payload(body: Mapping[str, object], key: str, *, needed: bool = False) -> Iterator[str]:
    """A payload is JSON as text, before anything is filled."""
    value = body.get(key)
    if value is None and not needed:
        return
    try:
        orjson.loads(value if isinstance(value, str) else "")
    except orjson.JSONDecodeError:
        yield f"{key} must be JSON"


# --- connections ----------------------------------------------------------------------------------------------------


def connection(body: Json) -> Iterator[str]:
    """On write the type is `WebhookDefinition`, and on reading `WebhookConnection`."""
    yield from _unknown(body, CONNECTION_KEYS)
    if body.get("type") != "WebhookDefinition":
        yield "type must be WebhookDefinition"
    yield from _said(body.get("name"), LONGEST_NAME, "name", least=1)
    yield from _said(body.get("description", ""), LONGEST_DESCRIPTION, "description")
    if not str(body.get("url", "")).startswith(("https://", "http://")):
        yield "url must be http or https"
    yield from _one_of(body.get("webhookType", "Webhook"), WEBHOOK_TYPES, "webhookType")
    yield from _headers(body.get("headers", []), "headers")
    yield from _headers(body.get("customHeaders", []), "customHeaders")
    yield from _payload(body, "defaultPayload", needed=True)
    yield from _payload(body, "resolutionPayload")


def _headers(value: object, what: str) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(one, dict) and one.keys() == {"name", "value"} for one in value):
        yield f"{what} must be a list of name and value"
    elif what == "customHeaders" and len(value) > MOST_HEADERS:
        yield f"{what}: {MOST_HEADERS} at most"
    elif any("," in str(one["value"]) for one in value):
        yield f"{what}: a comma ends a header"


# --- monitors and their folders -------------------------------------------------------------------------------------


def folder(body: Json) -> Iterator[str]:
    """A folder of monitors."""
    yield from _unknown(body, FOLDER_KEYS)
    yield from _said(body.get("name"), LONGEST_NAME, "name", least=1)
    yield from _said(body.get("description", ""), LONGEST_DESCRIPTION, "description")


def monitor(body: Json, is_query: Callable[[str], str | None], connections: Collection[str]) -> Iterator[str]:
    """`is_query` says what is wrong with a query's text, `connections` are the ids that a notification may name."""
    yield from _unknown(body, MONITOR_KEYS)
    yield from _said(body.get("name"), LONGEST_NAME, "name", least=1)
    yield from _said(body.get("description", ""), LONGEST_DESCRIPTION, "description")
    yield from _one_of(body.get("monitorType"), {"Logs", "Metrics", "Slo"}, "monitorType")
    yield from _queries(body.get("queries"), is_query)
    triggers = body.get("triggers") if isinstance(body.get("triggers"), list) else []
    if not triggers:
        yield "triggers must not be empty"
    for one in triggers or ():
        yield from _trigger(one if isinstance(one, dict) else {})
    there = {str(one.get("triggerType")) for one in triggers or () if isinstance(one, dict)}
    for one in body.get("notifications") or ():
        yield from _notification(one if isinstance(one, dict) else {}, there, connections)
    yield from _grouping(body.get("notificationGroupFields") or [])
    if "evaluationDelay" in body and not _SPAN.fullmatch(str(body["evaluationDelay"])):
        yield "evaluationDelay must be a number with s, m, h or d"
    title = str(body.get("alertName") or "").lower()
    if any(f"{{{{{name}}}}}" in title for name in NOT_IN_ALERT_NAME):
        yield "alertName cannot hold this variable"


def _queries(value: object, is_query: Callable[[str], str | None]) -> Iterator[str]:
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict) or value[0].get("rowId") != "A":
        yield "queries: a logs monitor has one, in row A"
        return
    text = value[0].get("query")
    yield from _said(text, LONGEST_QUERY, "query", least=1)
    wrong = is_query(str(text))
    if wrong:
        yield f"query: {wrong}"


def _trigger(one: Json) -> Iterator[str]:
    kind, method = one.get("triggerType"), one.get("detectionMethod")
    yield from _one_of(kind, TRIGGERS, "triggerType")
    yield from _one_of(method, {"LogsStaticCondition", "LogsMissingDataCondition"}, "detectionMethod")
    yield from _one_of(str(one.get("timeRange", "")).lstrip("-"), TIME_RANGES, "timeRange")
    for name in ("frequency", "resolutionWindow"):
        if one.get(name) is not None and not _SPAN.fullmatch(str(one[name]).lstrip("-")):
            yield f"{name} must be a number with s, m, h or d"
    if str(kind).endswith("MissingData") != (method == "LogsMissingDataCondition"):
        yield f"a trigger {kind} does not go with {method}"
    elif method == "LogsStaticCondition":
        yield from _threshold(one)


def _threshold(one: Json) -> Iterator[str]:
    threshold = one.get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= HIGHEST_THRESHOLD:
        yield f"threshold must be a number up to {HIGHEST_THRESHOLD}"
    yield from _one_of(one.get("thresholdType"), THRESHOLDS, "thresholdType")
    yield from _one_of(one.get("occurrenceType"), {"ResultCount"}, "occurrenceType")
    yield from _one_of(one.get("triggerSource"), {"AllResults"}, "triggerSource")


def _notification(one: Json, triggers: Collection[str], connections: Collection[str]) -> Iterator[str]:
    inner = one.get("notification") if isinstance(one.get("notification"), dict) else {}
    assert isinstance(inner, dict)  # noqa: S101 - for the type checker: the line above says so
    yield from _one_of(inner.get("connectionType"), CONNECTION_TYPES, "connectionType")
    if inner.get("connectionType") != "Email" and inner.get("connectionId") not in connections:
        yield "connectionId names no connection"
    yield from _payload(inner, "payloadOverride")
    yield from _payload(inner, "resolutionPayloadOverride")
    for kind in one.get("runForTriggerTypes") or [""]:
        yield from _one_of(kind, triggers, "runForTriggerTypes")


def _grouping(fields: object) -> Iterator[str]:
    if not isinstance(fields, list) or len(fields) > MOST_GROUP_FIELDS:
        yield f"notificationGroupFields: {MOST_GROUP_FIELDS} at most"
    elif NOT_GROUPED_BY & {str(name).lower() for name in fields}:
        yield "notificationGroupFields: a field that no alert may be grouped by"


# --- scheduled searches and fields ----------------------------------------------------------------------------------


def search(body: Json, is_query: Callable[[str], str | None], connections: Collection[str]) -> Iterator[str]:
    """A saved search, with its schedule where it has one; the arguments are as for `monitor`."""
    yield from _unknown(body, SEARCH_KEYS)
    yield from _said(body.get("name"), LONGEST_NAME, "name", least=1)
    yield from _said(body.get("description", ""), LONGEST_DESCRIPTION, "description")
    wrong = is_query(str(body.get("queryString", "")))
    if wrong:
        yield f"queryString: {wrong}"
    if not isinstance(body.get("timeRange"), dict):
        yield "timeRange must be an object"
    yield from _one_of(body.get("parsingMode", "Manual"), {"Manual", "AutoParse"}, "parsingMode")
    if body.get("schedule") is not None:
        yield from _schedule(body["schedule"] if isinstance(body["schedule"], dict) else {}, connections)


def _schedule(schedule: Json, connections: Collection[str]) -> Iterator[str]:
    yield from _one_of(schedule.get("scheduleType"), SCHEDULES, "scheduleType")
    if schedule.get("scheduleType") == "Custom" and not schedule.get("cronExpression"):
        yield "cronExpression must be there"
    if not schedule.get("timeZone"):
        yield "timeZone must be there"
    if not isinstance(schedule.get("parseableTimeRange"), dict):
        yield "parseableTimeRange must be an object"
    threshold = schedule.get("threshold")
    if isinstance(threshold, dict):
        yield from _one_of(threshold.get("thresholdType"), {"message", "group"}, "thresholdType")
        yield from _one_of(threshold.get("operator"), OPERATORS, "operator")
        if not isinstance(threshold.get("count"), int):
            yield "count must be a number"
    yield from _task(schedule.get("notification"), connections)


def _task(value: object, connections: Collection[str]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield "notification must be an object"
    elif value.get("taskType") == "WebhookSearchNotificationSyncDefinition":
        if value.get("webhookId") not in connections:
            yield "webhookId names no connection"
        yield from _payload(value, "payload")


def field(body: Json) -> Iterator[str]:
    """A field that logs may carry."""
    yield from _unknown(body, {"fieldName"})
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,127}", str(body.get("fieldName", ""))):
        yield "fieldName must be a name"
