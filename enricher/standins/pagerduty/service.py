"""Alerts by `dedup_key`: one is open at a time, more events of its key join it, and after a resolve a new one begins."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from time import time
from typing import Any

from flask import Response, request

from enricher.standins.service import Clock, Refusal, Service, answer
from enricher.standins.shelf import Json

ROUTING_KEY = "5tand1n5tand1n5tand1n5tand1n5tan"
"""32 characters, as a real one; it guards nothing."""
MOST_BYTES = 512 * 1024
SEVERITIES = frozenset({"critical", "error", "warning", "info"})
ACTIONS = frozenset({"trigger", "acknowledge", "resolve"})
LONGEST = {"summary": 1024, "dedup_key": 255}


class PagerDuty(Service):
    """Takes `POST /v2/enqueue`. It keeps every event that counted in the log of its alert."""

    def __init__(self, *, routing_key: str = ROUTING_KEY, clock: Clock = time) -> None:
        super().__init__(clock)
        self.routing_key = routing_key
        self.alerts: list[Json] = []
        self.dropped = 0
        """Events that had no open alert to act on."""
        self.api("POST", "/v2/enqueue", self._enqueue)

    def holdings(self) -> Json:
        return {"alerts": self.alerts, "dropped": self.dropped}

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        """The routing key is in the body."""
        del rule, values
        if len(request.get_data()) > MOST_BYTES:
            raise Refusal(413, {"status": "payload too large", "message": "Event object exceeds 512 KB"})

    def error(self, status: int, text: str) -> Response:
        return answer(status, {"status": HTTPStatus(status).phrase.lower(), "message": text, "errors": [text]})

    def limited(self, retry_after: float) -> Response:
        body = {"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."}
        return answer(429, body, {"Retry-After": str(max(1, ceil(retry_after)))})

    def _enqueue(self) -> Response:
        event = self.body()
        if problems := _problems(event, self.routing_key):
            body = {"status": "invalid event", "message": "Event object is invalid", "errors": problems}
            return answer(400, body)
        key = event.get("dedup_key") or f"made-{len(self.alerts)}"
        self._take(key, event)
        return answer(202, {"status": "success", "message": "Event processed", "dedup_key": key})

    def _take(self, key: str, event: Json) -> None:
        alert = next((one for one in self.alerts if one["dedup_key"] == key and one["status"] != "resolved"), None)
        action = event["event_action"]
        if alert is None and action != "trigger":
            self.dropped += 1
            return
        if alert is None:
            alert = {"dedup_key": key, "status": "triggered", "log": []}
            self.alerts.append(alert)
        if action == "trigger":
            alert |= {name: event["payload"][name] for name in ("summary", "severity", "source")}
        else:
            alert["status"] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        alert["log"].append({"action": action, "payload": event.get("payload")})


def _problems(event: Json, routing_key: str) -> list[str]:
    found = []
    if event.get("routing_key") != routing_key:
        found.append("'routing_key' is invalid")
    action = event.get("event_action")
    if action not in ACTIONS:
        found.append("'event_action' is missing or invalid")
    if action in {"acknowledge", "resolve"} and not event.get("dedup_key"):
        found.append("'dedup_key' is missing or blank")
    if len(str(event.get("dedup_key") or "")) > LONGEST["dedup_key"]:
        found.append("'dedup_key' is too long")
    return found + (_payload_problems(event.get("payload")) if action == "trigger" else [])


def _payload_problems(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing"]
    found = [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
    if payload.get("severity") not in SEVERITIES:
        found.append("'payload.severity' is missing or invalid")
    if len(str(payload.get("summary") or "")) > LONGEST["summary"]:
        found.append("'payload.summary' is too long")
    return found
