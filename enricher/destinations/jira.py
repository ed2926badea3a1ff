"""Jira Cloud v3: one issue per case.

Its search lags behind its writes, so "not found" is only believed after a quiet period, counted from the last attempt that may
have made an issue. Two issues with one case label are a twin: the older is kept, the other is linked to it and closed, and
whoever wired us is told.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import quote

import httpx2

from enricher.core.document import Json, News
from enricher.destinations import adf
from enricher.destinations.http import Service, part
from enricher.destinations.jira_body import PRIORITIES, render, render_comment, severity_label
from enricher.destinations.wording import event_id
from enricher.errors import DeliveryError, Reason
from enricher.model import Severity
from enricher.ports import Delivery, Ticket

QUIET_S = 300.0
"""How long a search that finds nothing is not believed."""
LOOK_AT_S = (5.0, 20.0, 60.0, 180.0)
"""Ages of the doubt at which it is worth looking again."""

TwinsFound = Callable[[str, Sequence[Ticket]], None]
"""Told the case key and its tickets, the one kept first."""


class Jira:
    """The port `Destination` for Jira Cloud. `site_url` is where people browse, where that is not `url` (API gateway)."""

    name = "jira"

    def __init__(
        self,
        url: str,
        email: str,
        token: str,
        *,
        project: str,
        issue_type: str = "Incident",
        priorities: Mapping[Severity, str] = PRIORITIES,
        fields: Mapping[str, object] | None = None,
        base_url: str | None = None,
        site_url: str | None = None,
        quiet_s: float = QUIET_S,
        on_twins: TwinsFound | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        basic = b64encode(f"{email}:{token}".encode()).decode()
        self._service = Service(
            self.name,
            url,
            read_s=30.0,
            secrets=[token, basic],
            headers={"Authorization": f"Basic {basic}"},
            transport=transport,
        )
        self._site = (site_url or url).rstrip("/")
        self._project, self._issue_type, self._fields = project, issue_type, fields
        self._priorities, self._base_url = priorities, base_url
        self._quiet_s, self._on_twins = quiet_s, on_twins

    def close(self) -> None:
        self._service.close()

    # --- the port ---------------------------------------------------------------------------------------------------

    def find(self, delivery: Delivery) -> Ticket | None:
        """The oldest issue with the case's label. Raises SETTLING while the search may still lag."""
        tickets = self.twins(delivery.case["key"])
        if tickets:
            return tickets[0]
        age = delivery.doubt_age_s
        if not delivery.in_doubt or age >= self._quiet_s:
            return None
        next_look = next((at for at in LOOK_AT_S if age < at < self._quiet_s), self._quiet_s)
        detail = f"not found {age:.0f} s after the last attempt; believed after {self._quiet_s:.0f} s"
        raise self._service.error(Reason.SETTLING, detail, retry_after=next_look - age)

    def create(self, delivery: Delivery) -> Ticket:
        body = render(
            delivery.case,
            project=self._project,
            issue_type=self._issue_type,
            priorities=self._priorities,
            fields=self._fields,
            base_url=self._base_url,
        )
        try:
            return self._create(body)
        except DeliveryError as error:
            if error.reason is not Reason.INVALID or "priority" not in error.detail or "priority" not in body["fields"]:
                raise
        # Not on this project's screen: Jira refused the whole issue, so nothing was created.
        del body["fields"]["priority"]
        return self._create(body)

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        if news["kind"] in {"opened", "ticket"}:
            return
        issue = quote(ticket.external_id, safe="")
        if delivery.in_doubt and self._has_comment(issue, event_id(delivery.case, news["seq"])):
            return
        if news["kind"] == "severity":
            self._raise_priority(issue, Severity(delivery.case["severity"]))
        answer = self._service.call("POST", f"/rest/api/3/issue/{issue}/comment", json=render_comment(delivery.case, news))
        self._service.word(answer.data, "id")

    def check(self) -> None:
        self._service.call("GET", "/rest/api/3/myself")
        self._service.call("GET", f"/rest/api/3/project/{quote(self._project, safe='')}")

    # --- twins ------------------------------------------------------------------------------------------------------

    def twins(self, case_key: str) -> list[Ticket]:
        """Every issue with the case's label, oldest first. More than one is joined into the first, and reported.

        `find` comes through here; a sweep may call it too, since a twin can show up long after.
        """
        hits = self._search(case_key)
        tickets = [self._ticket(self._service.word(hit, "key")) for hit in hits]
        if len(tickets) > 1:
            if self._on_twins:
                self._on_twins(case_key, tickets)
            for hit in hits[1:]:
                # The ticket is found whatever becomes of this; the next look does what is left to do.
                with suppress(DeliveryError):
                    self._join(hit, into=tickets[0])
        return tickets

    def _search(self, case_key: str) -> list[Json]:
        jql = f"project = {_quoted(self._project)} AND labels = {_quoted(case_key)} ORDER BY created ASC"
        found = self._service.call(
            "POST", "/rest/api/3/search/jql", json={"jql": jql, "fields": ["labels", "status"], "maxResults": 50}
        )
        # A search that was not understood can return anything: only a hit that carries the label is ours.
        ours = [hit for hit in self._service.objects(found.data, "issues") if case_key in _labels(part(hit, "fields"))]
        return sorted(ours, key=self._age)

    def _age(self, issue: Json) -> tuple[int, str]:
        """Ids are counted up: the lower, the older."""
        number = self._service.word(issue, "id")
        return len(number), number

    def _join(self, twin: Json, *, into: Ticket) -> None:
        """Link `twin` as a duplicate and close it. One that is closed already has been joined."""
        if _is_done(part(twin, "fields", "status")):
            return
        key = self._service.word(twin, "key")
        link = {"type": {"name": "Duplicate"}, "outwardIssue": {"key": into.external_id}, "inwardIssue": {"key": key}}
        self._service.call("POST", "/rest/api/3/issueLink", json=link, empty=True)
        issue = quote(key, safe="")
        text = f"Duplicate of {into.label}: the answer to the first attempt was lost. Work goes on there."
        note = {
            "body": adf.document(adf.paragraph(text)),
            "properties": [{"key": "sd.public.comment", "value": {"internal": True}}],
        }
        self._service.call("POST", f"/rest/api/3/issue/{issue}/comment", json=note)
        self._finish(issue)

    def _finish(self, issue: str) -> None:
        """Take the first transition that ends the issue; ids differ from workflow to workflow."""
        path = f"/rest/api/3/issue/{issue}/transitions"
        for transition in self._service.objects(self._service.call("GET", path).data, "transitions"):
            if _is_done(part(transition, "to")):
                self._service.call(
                    "POST", path, json={"transition": {"id": self._service.word(transition, "id")}}, empty=True
                )
                return

    # --- calls ------------------------------------------------------------------------------------------------------

    def _create(self, body: Json) -> Ticket:
        return self._ticket(self._service.word(self._service.call("POST", "/rest/api/3/issue", json=body).data, "key"))

    def _ticket(self, key: str) -> Ticket:
        return Ticket(external_id=key, label=key, url=f"{self._site}/browse/{quote(key, safe='')}")

    def _has_comment(self, issue: str, event: str) -> bool:
        """Look in the last comments, which is where an attempt of a moment ago left it. Reading them does not lag."""
        newest = {"orderBy": "-created", "maxResults": "50"}
        answer = self._service.call("GET", f"/rest/api/3/issue/{issue}/comment", params=newest)
        return any(event in adf.plain(comment.get("body")) for comment in self._service.objects(answer.data, "comments"))

    def _raise_priority(self, issue: str, severity: Severity) -> None:
        """Never down: an analyst may have put it higher. A priority that is not one of ours is left alone."""
        wanted = self._priorities.get(severity)
        if not wanted:
            return
        now = part(
            self._service.call("GET", f"/rest/api/3/issue/{issue}", params={"fields": "priority,labels"}).data, "fields"
        )
        ranks = {name: level.rank for level, name in self._priorities.items()}
        present = ranks.get(str(part(now, "priority").get("name")))
        if present is None or present >= ranks[wanted]:
            return
        others = [{"remove": severity_label(level)} for level in Severity if severity_label(level) in _labels(now)]
        change = {
            "fields": {"priority": {"name": wanted}},
            "update": {"labels": [*others, {"add": severity_label(severity)}]},
        }
        self._service.call("PUT", f"/rest/api/3/issue/{issue}", json=change, empty=True)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _labels(fields: Json) -> Sequence[object]:
    labels = fields.get("labels")
    return labels if isinstance(labels, list) else ()


def _is_done(status: Json) -> bool:
    return part(status, "statusCategory").get("key") == "done"
