"""The two ways back into Sumo Logic for the contract: an HTTP Source and an Insight, in memory."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx2

from enricher.destinations.sumo_insight import SumoInsight
from enricher.destinations.sumo_source import SumoSource
from tests.destinations.fakes import SECRET, FakeBase, body_of, ok


@dataclass
class FakeHttpSource(FakeBase):
    """Lines by their event: what came twice is one to every search. The token is the secret."""

    looks_up: ClassVar[bool] = False
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)

    def destination(self, **settings: Any) -> SumoSource:
        url = f"https://collectors.corp.example/receiver/v1/http/{SECRET}"
        return SumoSource(url, **{"transport": self.transport(), **settings})

    def tickets(self) -> int:
        return len({line["key"] for line in self.lines.values()})

    def told(self, event: str) -> int:
        return int(event in self.lines)

    def is_write(self, request: httpx2.Request) -> bool:
        return request.method == "POST"

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        for text in gzip.decompress(request.content).decode().splitlines():
            line = json.loads(text)
            self.lines[line["event"]] = line
        return httpx2.Response(200)


@dataclass
class FakeInsights(FakeBase):
    """One Insight. Its comments are all that is told."""

    comments: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    severity: str = "LOW"

    def destination(self, **settings: Any) -> SumoInsight:
        login = ("su1", SECRET)
        return SumoInsight("https://api.us2.sumologic.com", login, **{"transport": self.transport(), **settings})

    def tickets(self) -> int:
        return sum("-01]" in comment for comment in self.comments)

    def told(self, event: str) -> int:
        return sum(f"[{event}]" in comment for comment in self.comments)

    def is_write(self, request: httpx2.Request) -> bool:
        return request.method == "POST" and request.url.path.endswith("/comments")

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        what = request.url.path.removeprefix("/api/sec/v1/insights/").partition("/")[2]
        if request.method == "GET" and what == "comments":
            return ok({"data": {"comments": [{"body": body} for body in self.comments]}})
        if request.method == "GET":
            return ok({"data": {"severity": self.severity, "tags": self.tags, "status": {"name": "new"}}})
        body = body_of(request)
        if what == "comments":
            self.comments.append(body["body"])
        elif what == "tags":
            self.tags.append(body["tagName"])
        else:
            self.severity = body["severity"]
        return ok({"data": {}})
