"""A stand-in for the Insights of Cloud SIEM: reading one, its comments, tags, severity and status, as the public clients call them."""

from __future__ import annotations

from collections.abc import Mapping
from time import time

from flask import Response, request

from enricher.standins.limits import Window
from enricher.standins.service import KEY, Clock, Refusal, Service, answer
from enricher.standins.shelf import Json

INSIGHTS = "/api/sec/v1/insights"
SEVERITIES = frozenset({"LOW", "MEDIUM", "HIGH", "CRITICAL"})
STATUSES = frozenset({"new", "inprogress", "closed"})
RESOLUTIONS = frozenset({"Resolved", "False Positive", "No Action", "Duplicate"})


class CloudSiem(Service):
    """One account. `KEY` is the access key of any access id; an Insight is there once it was `added`."""

    def __init__(self, *, limits: bool = True, clock: Clock = time) -> None:
        super().__init__(clock)
        self.insights: list[Json] = []
        self._rate = Window(4 if limits else 0, 1.0, clock)
        one = f"{INSIGHTS}/<insight_id>"
        self.api("GET", INSIGHTS, self._list)
        self.api("GET", one, lambda insight_id: _said(self._one(insight_id)))
        self.api("GET", f"{one}/comments", lambda insight_id: _said({"comments": self._one(insight_id)["comments"]}))
        self.api("POST", f"{one}/comments", self._comment)
        self.api("POST", f"{one}/tags", self._tag)
        self.api("PUT", f"{one}/severity", self._severity)
        self.api("PUT", f"{one}/status", self._status)

    def added(self, insight_id: str, readable_id: str, severity: str = "LOW") -> Json:
        """A new Insight."""
        insight: Json = {"id": insight_id, "readableId": readable_id, "severity": severity, "tags": [], "comments": []}
        self.insights.append(insight | {"status": {"name": "new"}, "resolution": None})
        return self.insights[-1]

    def holdings(self) -> Json:
        return {"insights": self.insights}

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        del rule, values
        if request.authorization is None or request.authorization.password != KEY:
            raise _refusal(401, "Credential could not be verified.")
        if self._rate.take("requests"):
            raise _refusal(429, "The API request rate is higher than 4 request per second.")

    def error(self, status: int, text: str) -> Response:
        return answer(status, _errors(status, text))

    def limited(self, retry_after: float) -> Response:
        return answer(429, _errors(429, "too many"), {"Retry-After": str(max(1, round(retry_after)))})

    def _one(self, insight_id: str) -> Json:
        for insight in self.insights:
            if insight_id in {insight["id"], insight["readableId"]}:
                return insight
        raise _refusal(404, "Insight not found")

    def _list(self) -> Response:
        return _said({"objects": self.insights[: int(request.args.get("limit", "20"))], "total": len(self.insights)})

    def _comment(self, insight_id: str) -> Response:
        insight, body = self._one(insight_id), self._text("body")
        insight["comments"].append({"id": str(len(insight["comments"]) + 1), "body": body})
        return _said(insight["comments"][-1])

    def _tag(self, insight_id: str) -> Response:
        insight, tag = self._one(insight_id), self._text("tagName")
        if tag in insight["tags"]:
            raise _refusal(400, "tag exists")
        insight["tags"].append(tag)
        return _said(insight)

    def _severity(self, insight_id: str) -> Response:
        insight, severity = self._one(insight_id), self._text("severity")
        if severity not in SEVERITIES:
            raise _refusal(400, "unknown severity")
        insight["severity"] = severity
        return _said(insight)

    def _status(self, insight_id: str) -> Response:
        insight, status, resolution = self._one(insight_id), self._text("status"), self.body().get("resolution")
        if status not in STATUSES or (status == "closed") is not (resolution in RESOLUTIONS):
            raise _refusal(400, "unknown status, or a resolution where none belongs")
        insight |= {"status": {"name": status}, "resolution": resolution}
        return _said(insight)

    def _text(self, name: str) -> str:
        value = self.body().get(name)
        if not isinstance(value, str) or not value:
            raise _refusal(400, f"{name} is missing")
        return value


def _said(data: Json) -> Response:
    return answer(200, {"data": data, "errors": []})


def _errors(status: int, text: str) -> Json:
    return {"data": None, "errors": [{"message": text, "code": str(status), "error_id": "stand-in"}]}


def _refusal(status: int, text: str) -> Refusal:
    return Refusal(status, _errors(status, text))
