"""The Insight of Cloud SIEM that a case came in with: one comment for each piece of news, tags, and a severity that only rises.

A case that came from elsewhere has none, and nothing is sent for it. Tags and severity are read before they are written, the comment is
last: where it stands, all else does. Calls as in the public clients of Cloud SIEM (demisto/content, IBM SOAR's fn_sumo_logic).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import httpx2

from enricher.core.document import CaseDocument, Json, News
from enricher.core.insight import insight_of
from enricher.destinations.http import Service, part
from enricher.destinations.saying import Limits, fit
from enricher.destinations.wording import Description, case_page, event_id, standing, tell
from enricher.errors import DeliveryError, Reason
from enricher.model import Severity
from enricher.ports import Delivery, Ticket

MOST_COMMENT = 8_000
"""Characters; no limit is documented."""
UNTOLD = frozenset({"seen", "twin"})
_RANKS = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
_THEIRS: Mapping[str, str] = {
    Severity.LOW: "LOW",
    Severity.MEDIUM: "MEDIUM",
    Severity.HIGH: "HIGH",
    Severity.CRITICAL: "CRITICAL",
}
_UNREAD = "MEDIUM"
"""What a severity of the account's own is taken for."""


class SumoInsight:
    """The port `Destination` for the Insights of one account. `status`: what an Insight is set to when its case is over.

    `turn` waits until the next call may be made: the account's calls are counted together.
    """

    def __init__(
        self,
        url: str,
        login: tuple[str, str],
        *,
        name: str = "insight",
        status: str | None = None,
        base_url: str | None = None,
        turn: Callable[[], None] = lambda: None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.name, self._status, self._base_url = name, status, base_url
        self._turn = turn
        base = re.sub(r"/api(?:/v1)?/*\Z", "", url.rstrip("/"))
        self._service = Service(name, base, read_s=20.0, secrets=login, auth=login, transport=transport)

    def close(self) -> None:
        self._service.close()

    def find(self, delivery: Delivery) -> Ticket | None:
        """The Insight, where it has a comment on the opening; None, too, for a case without one."""
        insight = insight_of(delivery.case)
        return _ticket(delivery.case) if insight and self._has(insight, event_id(delivery.case)) else None

    def create(self, delivery: Delivery) -> Ticket:
        if insight := insight_of(delivery.case):
            self._say(insight, delivery, None)
        return _ticket(delivery.case)

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        insight = insight_of(delivery.case)
        if insight is None or news["kind"] in UNTOLD:
            return
        del ticket
        try:
            if not (delivery.in_doubt and self._has(insight, event_id(delivery.case, news["seq"]))):
                self._say(insight, delivery, news)
        except DeliveryError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            raise self._service.error(Reason.GONE, error.detail) from None

    def check(self) -> Sequence[str]:
        """Whether Insights can be read."""
        self._turn()
        self._service.call("GET", "/api/sec/v1/insights", params={"limit": "1"})
        return ("warning: only a comment can show whether the key may write to Insights",)

    # --- one Insight --------------------------------------------------------------------------------------------------

    def _say(self, insight: str, delivery: Delivery, news: News | None) -> None:
        case = delivery.case
        known = part(self._call("GET", insight), "data")
        self._tag(
            insight, known, [f"enricher:{case['key'].removeprefix('enricher-')}", f"enricher-severity:{case['severity']}"]
        )
        if severity := raised(known.get("severity"), case["severity"]):
            self._call("PUT", f"{insight}/severity", {"severity": severity})
        if self._status and news and standing((news,)) == "recovered" and _status_of(known) != self._status:
            resolution = {"resolution": "Resolved"} if self._status == "closed" else {}
            self._call("PUT", f"{insight}/status", {"status": self._status, **resolution})
        self._call("POST", f"{insight}/comments", {"body": comment(delivery, news, self._base_url)})

    def _tag(self, insight: str, known: Json, wanted: Sequence[str]) -> None:
        tags = known.get("tags")
        there = {str(tag) for tag in tags} if isinstance(tags, list) else set()
        for tag in wanted:
            if tag not in there:
                self._call("POST", f"{insight}/tags", {"tagName": tag})

    def _has(self, insight: str, marker: str) -> bool:
        """Whether a comment holds our marker."""
        data = part(self._call("GET", f"{insight}/comments"), "data")
        found = (one.get("body") for one in self._service.objects(data, "comments"))
        return any(f"[{marker}]" in body for body in found if isinstance(body, str))

    def _call(self, method: str, path: str, json: Json | None = None) -> Json:
        self._turn()
        return self._service.call(method, f"/api/sec/v1/insights/{path}", json=json, empty=method != "GET").data


def raised(theirs: object, ours: str) -> str | None:
    """What an Insight's severity is to become: ours, where it is higher; None where theirs stays."""
    wanted = _THEIRS.get(ours)
    known = theirs.upper() if isinstance(theirs, str) and theirs.upper() in _RANKS else _UNREAD
    return wanted if wanted and _RANKS.index(wanted) > _RANKS.index(known) else None


def comment(delivery: Delivery, news: News | None, base_url: str | None) -> str:
    """Plain text; its last line is the marker by which it is found again."""
    document, marker = delivery.case, f"[{event_id(delivery.case, news['seq'] if news else 1)}]"

    def build(limits: Limits) -> str:
        case = Description(document, limits, base_url)
        text, lines = tell(document, news, limits) if news else (case.summary, ())
        verdict = f"Enricher: {document['severity']} ({document['score']}), {document['verdict']}"
        tickets = [f"Ticket: {name} {one.label}"[:200] for name, one in sorted(delivery.tickets.items())]
        steps = [f"Next: {step}" for step in case.next_steps]
        page = case_page(document, base_url)
        link = [f"Case: {page}"] if page else []
        return "\n".join([verdict, text, *lines, *tickets[: limits.rows], *steps, *link, marker])

    return fit(build, len, MOST_COMMENT)


def _ticket(case: CaseDocument) -> Ticket:
    insight = insight_of(case)
    if insight is None:
        return Ticket(external_id=case["key"], label=f"{case['key']} (no Insight: nothing is sent)")
    return Ticket(external_id=insight, label=f"Insight {insight}")


def _status_of(known: Json) -> object:
    status = known.get("status")
    return status.get("name") if isinstance(status, dict) else status
