"""The kit as bodies of Sumo Logic's API: what a POST of each thing says.

Ids that are only known there stand as `{{id:KIND:NAME}}`. The HTTP Source and Cloud SIEM's rules are Terraform's alone. Source: Sumo
Logic's Terraform provider, whose client writes the same bodies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from enricher.core.document import Json
from enricher.core.kit.connection import HEADER, authorization
from enricher.core.kit.objects import Connection, Monitor, Objects, ScheduledSearch

Kind = Literal["connection", "folder", "monitor", "search", "field"]
NO_TOKEN = "${ENRICHER_WEBHOOK_TOKEN}"  # noqa: S105 - a name, where the token is not to be shown
_FOLDER_SAYS = "Made from Enricher's kit: what is changed here by hand is changed back when it is put here again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One thing: its kind and name, what a POST of it says, and for a monitor the name of the folder that it lies in."""

    kind: Kind
    name: str
    body: Json
    under: str | None = None


def refer(kind: Kind, name: str) -> str:
    """What stands in a body for the id of another thing."""
    return f"{{{{id:{kind}:{name}}}}}"


def bodies(objects: Objects, token: str | None = None, *, cases: bool = False) -> Iterator[Body]:
    """Everything that monitors need, each thing behind what it refers to; with `cases` also the fields of cases that are sent back.
    Without a token its place holds `NO_TOKEN`.

    Raises ValueError for a token that no header can hold.
    """
    yield connection_body(objects.connection, token)
    yield Body(
        kind="folder",
        name=objects.folder,
        body={"type": "MonitorsLibraryFolder", "name": objects.folder, "description": _FOLDER_SAYS},
    )
    for monitor in objects.monitors:
        yield monitor_body(monitor, objects)
    yield search_body(objects.heartbeat, objects.connection)
    for name in objects.fields if cases else ():
        yield Body(kind="field", name=name, body={"fieldName": name})


def scheduled_bodies(objects: Objects) -> Iterator[Body]:
    """The detection as scheduled searches, which take the place of the monitors."""
    for search in objects.scheduled:
        yield search_body(search, objects.connection)


def connection_body(connection: Connection, token: str | None = None) -> Body:
    """On write its type is `WebhookDefinition`; the secret stands in `headers`, which Sumo Logic hides."""
    body: Json = {
        "type": "WebhookDefinition",
        "name": connection.name,
        "description": connection.description,
        "url": connection.url,
        "headers": [{"name": HEADER, "value": authorization(NO_TOKEN if token is None else token)}],
        "customHeaders": [],
        "defaultPayload": connection.payload,
        "resolutionPayload": connection.resolution,
        "webhookType": "Webhook",
    }
    return Body(kind="connection", name=connection.name, body=body)


def monitor_body(monitor: Monitor, objects: Objects) -> Body:
    """A monitor with its two triggers and one notification."""
    overrides = {"payloadOverride": monitor.payload, "resolutionPayloadOverride": monitor.resolution}
    notification = {
        "connectionType": "Webhook",
        "connectionId": refer("connection", objects.connection.name),
        **{key: payload for key, payload in overrides.items() if payload is not None},
    }
    body: Json = {
        "type": "MonitorsLibraryMonitor",
        "contentType": "Monitor",
        "monitorType": "Logs",
        "name": monitor.name,
        "description": monitor.description,
        "queries": [{"rowId": "A", "query": monitor.query}],
        "triggers": list(_silence(monitor) if monitor.missing else _rows(monitor)),
        "notifications": [{"notification": notification, "runForTriggerTypes": list(monitor.triggers)}],
        "groupNotifications": True,
        "notificationGroupFields": list(monitor.group_by),
        "evaluationDelay": monitor.evaluation_delay,
        "alertName": monitor.alert_name,
        "playbook": monitor.playbook,
        "tags": dict(monitor.tags),
        "isDisabled": False,
    }
    return Body(kind="monitor", name=monitor.name, body=body, under=objects.folder)


def _rows(monitor: Monitor) -> Iterator[Json]:
    alert, ended = monitor.triggers
    both = {
        "detectionMethod": "LogsStaticCondition",
        "timeRange": monitor.time_range,
        "frequency": monitor.frequency,
        "threshold": 0,
        "occurrenceType": "ResultCount",
        "triggerSource": "AllResults",
    }
    yield {"triggerType": alert, "thresholdType": "GreaterThan", **both}
    yield {
        "triggerType": ended,
        "thresholdType": "LessThanOrEqual",
        "resolutionWindow": monitor.resolution_window,
        **both,
    }


def _silence(monitor: Monitor) -> Iterator[Json]:
    for kind in monitor.triggers:
        yield {
            "triggerType": kind,
            "detectionMethod": "LogsMissingDataCondition",
            "timeRange": monitor.time_range,
            "frequency": monitor.frequency,
            "triggerSource": "AllResults",
        }


def search_body(search: ScheduledSearch, connection: Connection) -> Body:
    """A saved search with its schedule. Without a threshold it always sends."""
    span = {
        "type": "BeginBoundedTimeRange",
        "from": {"type": "RelativeTimeRangeBoundary", "relativeTime": search.back},
        "to": None,
    }
    schedule: Json = {
        "scheduleType": search.schedule,
        "cronExpression": "",
        "timeZone": search.time_zone,
        "parseableTimeRange": span,
        "muteErrorEmails": False,
        "notification": {
            "taskType": "WebhookSearchNotificationSyncDefinition",
            "webhookId": refer("connection", connection.name),
            "payload": search.payload,
            "itemizeAlerts": False,
        },
    }
    if search.above is not None:
        schedule["threshold"] = {"thresholdType": "group", "operator": "gt", "count": search.above}
    body: Json = {
        "name": search.name,
        "description": search.description,
        "queryString": search.query,
        "runByReceiptTime": False,
        "timeRange": span,
        "parsingMode": "Manual",
        "schedule": schedule,
    }
    return Body(kind="search", name=search.name, body=body)
