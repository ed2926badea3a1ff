"""The two ways back into Sumo Logic, as services of the fault matrix: an HTTP Source, and the Insights of Cloud SIEM."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import httpx2

from enricher.core.document import Json
from enricher.destinations.sumo_insight import SumoInsight
from enricher.destinations.sumo_source import SumoSource
from enricher.ports import Destination
from enricher.standins import KEY
from enricher.standins.service import Clock
from enricher.standins.sumo.insights import INSIGHTS, CloudSiem
from enricher.standins.sumo.receiver import SumoSource as Receiver
from tests.faults.target import BASE, OPENED, RAISED, Call, Target, lost

_KEY = re.compile("enricher-([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})")
_COMMENTS = f"{INSIGHTS}/*/comments"


class SumoTarget(Target):
    """Its ticket is all lines of one key; what came twice is one by its `event`, as to the searches."""

    name = "sumo"
    tells = frozenset({"severity", "evidence", "recovery", "reopened"})
    calls = (Call("opened", OPENED, "POST", "/receiver/*"), Call("updated", RAISED, "POST", "/receiver/*"))

    def make(self, clock: Clock) -> Any:
        return Receiver(clock=clock)

    def adapter(self, transport: httpx2.BaseTransport, clock: Clock) -> Destination:
        receiver: Any = self.service
        return SumoSource(receiver.address(), base_url=BASE, transport=transport)

    def tickets(self, key: str) -> list[Json]:
        found = [json.loads(message["_raw"]) for message in self.service.store()["messages"]]
        lines = {line["event"]: line for line in found if line["key"] == key}
        return [{"lines": [*lines.values()]}] if lines else []

    def told(self, ticket: Json) -> list[str]:
        return [line["event"] for line in ticket["lines"][1:]]

    def state(self, ticket: Json) -> Json:
        newest = max(ticket["lines"], key=lambda line: int(line["seq"]))
        return {name: newest[name] for name in ("kind", "severity", "score")}


class InsightTarget(Target):
    """Its ticket is the Insight of the case, as soon as somebody has written to it."""

    name = "insight"
    calls: ClassVar[tuple[Call, ...]] = (
        Call("read insight", OPENED, "GET", f"{INSIGHTS}/*[0-9]"),
        Call("tag", OPENED, "POST", f"{INSIGHTS}/*/tags"),
        Call("raise severity", OPENED, "PUT", f"{INSIGHTS}/*/severity"),
        Call("comment", OPENED, "POST", _COMMENTS),
        Call("look for the opening", OPENED, "GET", _COMMENTS, lost(_COMMENTS)),
        Call("raise it again", RAISED, "PUT", f"{INSIGHTS}/*/severity"),
        Call("comment again", RAISED, "POST", _COMMENTS),
        Call("look for the comment", RAISED, "GET", _COMMENTS, lost(_COMMENTS)),
    )

    def make(self, clock: Clock) -> Any:
        return CloudSiem(limits=False, clock=clock)

    def adapter(self, transport: httpx2.BaseTransport, clock: Clock) -> Destination:
        return SumoInsight(self.service.url, ("id", KEY), base_url=BASE, transport=transport)

    def more(self, key: str) -> Json:
        siem: Any = self.service
        insight_id = _insight_id(key)
        if all(one["id"] != insight_id for one in siem.insights):
            siem.added(insight_id, f"INSIGHT-{len(siem.insights) + 1}")
        return {"insight": {"id": insight_id, "readable_id": None, "severity": "LOW", "entity": None, "url": None}}

    def tickets(self, key: str) -> list[Json]:
        insights = self.service.store()["insights"]
        return [one for one in insights if one["id"] == _insight_id(key) and one["comments"]]

    def told(self, ticket: Json) -> list[str]:
        return [comment["body"] for comment in ticket["comments"][1:]]

    def state(self, ticket: Json) -> Json:
        graded = [tag for tag in ticket["tags"] if not tag.startswith("enricher:")]
        return {"severity": ticket["severity"], "status": ticket["status"], "tags": graded, "all": len(ticket["tags"])}


def _insight_id(key: str) -> str | None:
    found = _KEY.fullmatch(key)
    return f"{found[1]}-{found[2]}-{found[3]}-8000-000000000000" if found else None
