"""Jira, Cloud (API v3) or Data Center (API v2): one open issue per case.

Its search lags behind its writes (on Data Center: the index of another node does), so "not found" is only believed after a quiet
period, counted from the last attempt that may have made an issue. Two issues with one key are twins (`jira_twins`). An issue that
people have closed is opened again by new contact, or followed by another one (`jira_life`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import quote

import httpx2
import structlog

from enricher.core.document import CaseDocument, Json, News
from enricher.core.layout import PLAIN, Layout
from enricher.destinations.http import Service, part
from enricher.destinations.jira_body import MOST_SUMMARY, render, render_comment, severity_label
from enricher.destinations.jira_check import Check
from enricher.destinations.jira_comments import Comments
from enricher.destinations.jira_fields import SiteFields
from enricher.destinations.jira_flavour import CLOUD, Flavour
from enricher.destinations.jira_life import Life, State
from enricher.destinations.jira_twins import Twins, TwinsFound, labels_of
from enricher.destinations.placing import summaries, summary
from enricher.destinations.wording import event_id
from enricher.errors import DeliveryError, Reason, TicketClosed
from enricher.model import Severity
from enricher.ports import Delivery, Ticket

log = structlog.get_logger(__name__)

QUIET_S = 300.0
"""How long a search that finds nothing is not believed."""
LOOK_AT_S = (5.0, 20.0, 60.0, 180.0)
"""Ages of the doubt at which it is worth looking again."""
REOPEN_DAYS = 7.0
OF_CONTACT = frozenset({"severity", "evidence", "reopened", "seen"})
"""News that says that it goes on: on a closed issue nobody would read it."""
UNTOLD = frozenset({"opened", "ticket", "twin"})
"""News that an issue holds from the beginning, or that is about other tickets."""
STAYS_CLOSED = "This issue was closed, and its workflow does not let us open it again."


class Jira:
    """The port `Destination` for Jira, and `Sweeps`. `site_url` is where people browse, where that is not `url` (API gateway).

    Cloud's tokens belong to the account `email`; Data Center's personal access tokens need none. `internal` comments are
    hidden from the customers of a service project.
    """

    def __init__(
        self,
        url: str,
        email: str | None,
        token: str,
        *,
        name: str = "jira",
        project: str,
        issue_type: str = "Incident",
        flavour: Flavour = CLOUD,
        fields: SiteFields = SiteFields(),  # noqa: B008 - frozen
        internal: bool = True,
        base_url: str | None = None,
        site_url: str | None = None,
        quiet_s: float = QUIET_S,
        after_quiet: Literal["create", "hold"] = "create",
        on_recovery: Literal["comment", "resolve"] = "comment",
        reopen_days: float = REOPEN_DAYS,
        on_twins: TwinsFound | None = None,
        layout: Callable[[], Layout] = lambda: PLAIN.jira,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.name = name
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
        self._flavour, self._fields, self._layout = flavour, fields, layout
        self._quiet_s, self._holds = quiet_s, after_quiet == "hold"
        self._resolves, self._reopen_days = on_recovery == "resolve", reopen_days
        self._project_path = f"{flavour.api}/project/{quote(project, safe='')}"
        self._comments = Comments(self._service, flavour, self._project_path, internal=internal)
        self._life = Life(self._service, flavour)
        self._twins = Twins(
            self._service,
            flavour,
            project,
            life=self._life,
            comments=self._comments,
            ticket_of=self._ticket,
            on_twins=on_twins,
        )

    def close(self) -> None:
        self._service.close()

    # --- the port ---------------------------------------------------------------------------------------------------

    def find(self, delivery: Delivery) -> Ticket | None:
        """The oldest issue of the case's present generation. Raises SETTLING while the search may still lag, and HELD after
        that, where a person is to say whether there is one.
        """
        tickets = self._twins.of(delivery.case["key"], delivery.generation)
        if tickets:
            return tickets[0]
        age, detail = delivery.doubt_age_s, f"not found {delivery.doubt_age_s:.0f} s after the last attempt"
        if not delivery.in_doubt or (age >= self._quiet_s and not self._holds):
            return None
        if age >= self._quiet_s:
            raise self._service.error(Reason.HELD, f"{detail}; a person is to say whether there is an issue")
        next_look = next((at for at in LOOK_AT_S if age < at < self._quiet_s), self._quiet_s)
        detail = f"{detail}; believed after {self._quiet_s:.0f} s"
        raise self._service.error(Reason.SETTLING, detail, retry_after=next_look - age)

    def create(self, delivery: Delivery) -> Ticket:
        body = render(
            delivery.case,
            project=self._project,
            issue_type=self._issue_type,
            fields=self._fields,
            flavour=self._flavour,
            layout=self._layout(),
            base_url=self._base_url,
            generation=delivery.generation,
            previous=delivery.previous,
        )
        try:
            ticket = self._create(body)
        except DeliveryError as error:
            if not _blames(error, "priority", body):
                raise
            # Not on this project's screen: Jira refused the whole issue, so nothing was created.
            del body["fields"]["priority"]
            ticket = self._create(body)
        if delivery.previous:
            self._twins.link(ticket.external_id, delivery.previous.external_id, "Relates")
        return ticket

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        if news["kind"] in UNTOLD:
            return
        issue = quote(ticket.external_id, safe="")
        try:
            self._tell(delivery, ticket, issue, news)
        except DeliveryError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            raise self._gone(error) from None

    def check(self) -> Sequence[str]:
        return Check(self._service, self._flavour, self._project, self._issue_type, self._fields).problems()

    def twins(self, case_key: str) -> Sequence[Ticket]:
        return self._twins.of_case(case_key)

    def sweep(self, since: datetime) -> Mapping[str, Sequence[Ticket]]:
        return self._twins.since(since)

    # --- telling ----------------------------------------------------------------------------------------------------

    def _tell(self, delivery: Delivery, ticket: Ticket, issue: str, news: News) -> None:
        """The state of the issue is looked at each time, so what was done before an answer was lost is not done again."""
        if not (delivery.in_doubt and self._comments.has(issue, event_id(delivery.case, news["seq"]))):
            said: News | None = self._readied(delivery, ticket, issue, news) if news["kind"] in OF_CONTACT else news
            if said:
                internal = self._comments.internal
                self._comments.add(issue, render_comment(delivery.case, said, self._flavour, internal=internal))
        if news["kind"] == "recovery" and self._resolves and not self._life.finish(issue):
            log.warning("ticket_not_resolved", ticket=ticket.label, case=delivery.case["key"])

    def _readied(self, delivery: Delivery, ticket: Ticket, issue: str, news: News) -> News | None:
        """Open the issue again where people have closed it. The news as it is to be told; None: an open issue need not know.

        Raises TicketClosed.
        """
        state = self._life.state(issue)
        if state.is_done:
            if not state.may_be_opened(news, self._reopen_days):
                raise TicketClosed(f"{ticket.label} was closed at {state.closed_at}")
            if not self._life.open_again(issue):
                news = {**news, "lines": [STAYS_CLOSED, *news["lines"]]}
        elif news["kind"] == "seen" and not delivery.in_doubt:  # in doubt: we may have opened it, and not said why
            return None
        if news["kind"] == "severity":
            self._raise(issue, state, delivery.case)
        return news

    def _gone(self, error: DeliveryError) -> DeliveryError:
        """GONE for an issue that was not found in a project that we do see. Raises NOT_FOUND where we see none of it."""
        self._service.call("GET", self._project_path)
        return self._service.error(Reason.GONE, error.detail)

    def _raise(self, issue: str, state: State, case: CaseDocument) -> None:
        """Priority and summary as the case now is, as far as nobody else has set them."""
        change = {"fields": {**self._summary(state, case), **self._priority(state, Severity(case["severity"]))}}
        if "priority" in change["fields"]:
            change["update"] = {"labels": self._relabelled(state, Severity(case["severity"]))}
        while change["fields"]:
            try:
                self._service.call("PUT", self._life.path(issue), json=change, empty=True)
            except DeliveryError as error:
                refused = [field for field in change["fields"] if _blames(error, field, change)]
                if not refused:
                    raise
                # Not on the edit screen: then the comment alone tells it. Jira refused the whole change.
                change = _without(refused, change)
            else:
                return

    def _summary(self, state: State, case: CaseDocument) -> Json:
        """The headline of the new severity, where the old one is still ours to the letter."""
        how = (case, self._layout(), MOST_SUMMARY, self._base_url)
        now, wanted = state.fields.get("summary"), summary(*how)
        is_ours = isinstance(now, str) and now != wanted and now in summaries(*how)
        return {"summary": wanted} if is_ours else {}

    def _priority(self, state: State, severity: Severity) -> Json:
        """Never down: an analyst may have put it higher. A priority that is not one of ours is left alone."""
        priorities = self._fields.priorities
        wanted = priorities.get(severity)
        now = part(state.fields, "priority")
        present = max((level.rank for level, option in priorities.items() if option.is_(now)), default=None)
        if not wanted or present is None:
            return {}
        rises = present < max(level.rank for level, option in priorities.items() if option == wanted)
        return {"priority": wanted.json} if rises else {}

    def _relabelled(self, state: State, severity: Severity) -> list[Json]:
        labels = labels_of(state.fields)
        others = [{"remove": severity_label(level)} for level in Severity if severity_label(level) in labels]
        return [*others, {"add": severity_label(severity)}]

    # --- opening ----------------------------------------------------------------------------------------------------

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


def _without(refused: Sequence[str], change: Json) -> Json:
    """The labels name the severity as the priority does: they go with it."""
    fields = {name: value for name, value in change["fields"].items() if name not in refused}
    return {**change, "fields": fields} if "priority" in fields else {"fields": fields}


def _blames(error: DeliveryError, field: str, body: Json) -> bool:
    """Whether the whole issue was refused for a field that we sent: nothing was created."""
    return error.reason is Reason.INVALID and field in body["fields"] and f"{field}: " in error.detail
