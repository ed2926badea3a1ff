"""Jira, Cloud (API v3) or Data Center (API v2): one issue per case.

Its search lags behind its writes (on Data Center: the index of another node does), so "not found" is only believed after a quiet period, counted from the last attempt that may
have made an issue. Two issues with one case label are a twin: the older is kept, the other is linked to it and closed, and
whoever wired us is told.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import quote

import httpx2

from enricher.core.document import Json, News
from enricher.destinations import adf
from enricher.destinations.http import Service, part
from enricher.destinations.jira_body import comment_of, render, render_comment, severity_label
from enricher.destinations.jira_check import Check
from enricher.destinations.jira_comments import Comments
from enricher.destinations.jira_fields import SiteFields
from enricher.destinations.jira_flavour import CLOUD, Flavour
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
    """The port `Destination` for Jira. `site_url` is where people browse, where that is not `url` (API gateway).

    Cloud's tokens belong to the account `email`; Data Center's personal access tokens need none. `internal` comments are
    hidden from the customers of a service project.
    """

    name = "jira"

    def __init__(
        self,
        url: str,
        email: str | None,
        token: str,
        *,
        project: str,
        issue_type: str = "Incident",
        flavour: Flavour = CLOUD,
        fields: SiteFields = SiteFields(),  # noqa: B008 - frozen
        internal: bool = True,
        base_url: str | None = None,
        site_url: str | None = None,
        quiet_s: float = QUIET_S,
        on_twins: TwinsFound | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        basic = b64encode(f"{email}:{token}".encode()).decode()
        login = f"Basic {basic}" if flavour is CLOUD else f"Bearer {token}"
        self._service = Service(
            self.name,
            url,
            read_s=30.0,
            secrets=[token, basic],
            headers={"Authorization": login},
            transport=transport,
        )
        self._site = (site_url or url).rstrip("/")
        self._project, self._issue_type, self._base_url = project, issue_type, base_url
        self._flavour, self._fields = flavour, fields
        self._quiet_s, self._on_twins = quiet_s, on_twins
        self._comments = Comments(
            self._service, flavour, f"{flavour.api}/project/{quote(project, safe='')}", internal=internal
        )

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
            fields=self._fields,
            flavour=self._flavour,
            base_url=self._base_url,
        )
        try:
            return self._create(body)
        except DeliveryError as error:
            if not _blames(error, "priority", body):
                raise
        # Not on this project's screen: Jira refused the whole issue, so nothing was created.
        del body["fields"]["priority"]
        return self._create(body)

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        if news["kind"] in {"opened", "ticket"}:
            return
        issue = quote(ticket.external_id, safe="")
        if delivery.in_doubt and self._comments.has(issue, event_id(delivery.case, news["seq"])):
            return
        if news["kind"] == "severity":
            self._raise_priority(issue, Severity(delivery.case["severity"]))
        self._comments.add(issue, render_comment(delivery.case, news, self._flavour, internal=self._comments.internal))

    def check(self) -> Sequence[str]:
        return Check(self._service, self._flavour, self._project, self._issue_type, self._fields).problems()

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
        query = {"jql": jql, "fields": ["labels", "status"], "maxResults": 50}
        found = self._service.call("POST", self._flavour.search, json=query)
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
        self._service.call("POST", f"{self._flavour.api}/issueLink", json=link, empty=True)
        issue = quote(key, safe="")
        text = f"Duplicate of {into.label}: the answer to the first attempt was lost. Work goes on there."
        note = self._flavour.write(adf.document(adf.paragraph(text)))
        self._comments.add(issue, comment_of(note, self._flavour, internal=self._comments.internal))
        self._finish(issue)

    def _finish(self, issue: str) -> None:
        """Take the first transition that ends the issue; ids and screens differ from workflow to workflow."""
        path = f"{self._path(issue)}/transitions"
        offered = self._service.call("GET", path, params={"expand": "transitions.fields"})
        for transition in self._service.objects(offered.data, "transitions"):
            if _is_done(part(transition, "to")):
                ends = {"transition": {"id": self._service.word(transition, "id")}, **_resolution(transition)}
                self._service.call("POST", path, json=ends, empty=True)
                return

    # --- calls ------------------------------------------------------------------------------------------------------

    def _create(self, body: Json) -> Ticket:
        try:
            answer = self._service.call("POST", f"{self._flavour.api}/issue", json=body)
        except DeliveryError as error:
            if not _blames(error, "security", body):
                raise
            # An issue that everybody may read is worse than one that comes late.
            detail = f"no issue was opened, since its security level cannot be set: {error.detail}"
            raise self._service.error(Reason.CONFIGURATION, detail) from None
        return self._ticket(self._service.word(answer.data, "key"))

    def _ticket(self, key: str) -> Ticket:
        return Ticket(external_id=key, label=key, url=f"{self._site}/browse/{quote(key, safe='')}")

    def _path(self, issue: str) -> str:
        return f"{self._flavour.api}/issue/{issue}"

    def _raise_priority(self, issue: str, severity: Severity) -> None:
        """Never down: an analyst may have put it higher. A priority that is not one of ours is left alone."""
        priorities = self._fields.priorities
        wanted = priorities.get(severity)
        if not wanted:
            return
        asked = {"fields": "priority,labels"}
        now = part(self._service.call("GET", self._path(issue), params=asked).data, "fields")
        present = max(
            (level.rank for level, option in priorities.items() if option.is_(part(now, "priority"))), default=None
        )
        if present is None or present >= max(level.rank for level, option in priorities.items() if option == wanted):
            return
        others = [{"remove": severity_label(level)} for level in Severity if severity_label(level) in _labels(now)]
        change = {
            "fields": {"priority": wanted.json},
            "update": {"labels": [*others, {"add": severity_label(severity)}]},
        }
        try:
            self._service.call("PUT", self._path(issue), json=change, empty=True)
        except DeliveryError as error:
            if not _blames(error, "priority", change):  # not on the edit screen: then the comment alone tells it
                raise


def _blames(error: DeliveryError, field: str, body: Json) -> bool:
    """Whether the whole issue was refused for a field that we sent: nothing was created."""
    return error.reason is Reason.INVALID and field in body["fields"] and f"{field}: " in error.detail


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _labels(fields: Json) -> Sequence[object]:
    labels = fields.get("labels")
    return labels if isinstance(labels, list) else ()


def _is_done(status: Json) -> bool:
    return part(status, "statusCategory").get("key") == "done"


def _resolution(transition: Json) -> Json:
    """An issue without a resolution counts as open in reports, so one is set where the transition's screen shows it."""
    allowed = part(transition, "fields", "resolution").get("allowedValues")
    names = [one["name"] for one in allowed if isinstance(one, dict) and "name" in one] if isinstance(allowed, list) else []
    if not names:
        return {}
    return {"fields": {"resolution": {"name": "Duplicate" if "Duplicate" in names else names[0]}}}
