"""PagerDuty: one alert per case, by Events API v2.

`dedup_key` is our key: while the alert is open, the same event again is the same alert, so a call in doubt is simply sent
again and nothing has to be found. It is a pager and no record: it learns of the opening, of who acknowledges the case, of a severity that rises, of a case
seen again and of recovery. Evidence stands on the case page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx2
import orjson

from enricher.core.document import CaseDocument, Json, News
from enricher.destinations.http import Service
from enricher.destinations.saying import Limits, Speaker, fit, part_of
from enricher.destinations.text import cut
from enricher.destinations.wording import Description, event_id, headline, standing, tell
from enricher.model import Severity
from enricher.ports import Delivery, Ticket

URL = "https://events.pagerduty.com"
MOST_SUMMARY = 1024
MOST_BYTES = 500_000
"""Below the 512 KB that PagerDuty takes."""
SEVERITIES: Mapping[str, str] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}
"""Ours in PagerDuty's words; an informational case calls nobody."""
_OVER = frozenset({"recovered", "joined"})
_CALLS = frozenset({"severity", "reopened"})
"""News that is worth calling somebody again, unless the case is muted."""


class PagerDuty:
    """The port `Destination` for one service, by its integration's routing key."""

    def __init__(
        self,
        routing_key: str,
        *,
        name: str = "pagerduty",
        url: str = URL,
        base_url: str | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.name = name
        self._key, self._base_url = routing_key, base_url
        self._service = Service(name, url, read_s=15.0, secrets=[routing_key], transport=transport)

    def close(self) -> None:
        self._service.close()

    def find(self, delivery: Delivery) -> Ticket | None:
        """Never anything: Events v2 cannot be asked, and an event in doubt may be sent again."""
        del delivery
        return None

    def create(self, delivery: Delivery) -> Ticket:
        key = delivery.case["key"]
        if delivery.case["severity"] not in SEVERITIES:
            return Ticket(external_id=key, label=f"{key} (informational: nobody is called)")
        self._enqueue(render(delivery.case, base_url=self._base_url))
        return Ticket(external_id=key, label=f"alert {key}")

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        if standing((news,)) in _OVER:
            self._enqueue({"event_action": "resolve", "dedup_key": ticket.external_id})
        elif delivery.case["severity"] not in SEVERITIES:
            return
        elif news["kind"] == "acknowledged":
            self._enqueue({"event_action": "acknowledge", "dedup_key": ticket.external_id})
        elif news["kind"] in _CALLS and delivery.work.muted_until is None:
            self._enqueue(render(delivery.case, news, base_url=self._base_url))

    def check(self) -> Sequence[str]:
        """PagerDuty drops a resolve that has no open alert, but not before it has looked at the routing key."""
        self._enqueue({"event_action": "resolve", "dedup_key": "enricher-check"})
        return ()

    def _enqueue(self, event: Json) -> None:
        answer = self._service.call("POST", "/v2/enqueue", json={"routing_key": self._key, **event}).data
        self._service.word(answer, "dedup_key")


def render(document: CaseDocument, news: News | None = None, *, base_url: str | None = None) -> Json:
    """The trigger of a case (`news`: why it calls again), without the routing key."""

    def build(limits: Limits) -> Json:
        case, say = Description(document, limits, base_url), Speaker(document, limits)
        text, lines = tell(document, news, limits) if news else (case.summary, ())
        details = {fact.label: fact.line for fact in case.facts.values()}
        event: Json = {
            "event_action": "trigger",
            "dedup_key": document["key"],
            "client": "Enricher",
            "links": [{"href": link.url, "text": link.label} for link in case.links],
            "payload": {
                "summary": cut(headline(document, MOST_SUMMARY), MOST_SUMMARY),
                "source": say.value(document["host"]),
                "severity": SEVERITIES[document["severity"]],
                "component": say.value(part_of(document, "process").get("name")),
                "group": say.value(document["tenant"]),
                "class": say.value(document["detection"]),
                "custom_details": {
                    "event": event_id(document, news["seq"] if news else 1),
                    "news": [text, *lines],
                    **details,
                    "Missing": list(case.missing),
                    "Next steps": list(case.next_steps),
                },
            },
        }
        return event | ({"client_url": case.links[0].url} if base_url and case.links else {})

    return fit(build, lambda event: len(orjson.dumps(event)), MOST_BYTES)
