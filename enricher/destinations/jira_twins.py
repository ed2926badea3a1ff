"""Issues that carry our label: looked for, told apart by generation, and joined where one case has two.

Two issues of one generation that the same account has made are twins: the older is kept, the other is linked to it as a duplicate,
told where work goes on, and closed. What a person has made by cloning an issue of ours is that person's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

import structlog

from enricher.core.document import Json
from enricher.destinations import adf
from enricher.destinations.http import Service, part
from enricher.destinations.jira_body import OURS, comment_of
from enricher.destinations.jira_comments import Comments
from enricher.destinations.jira_flavour import Flavour
from enricher.destinations.jira_life import Life, is_done
from enricher.destinations.wording import ticket_key
from enricher.errors import DeliveryError
from enricher.ports import Ticket

log = structlog.get_logger(__name__)

PAGE = 100
MOST_PAGES = 100
ZONES = timedelta(hours=14)
"""A time in a query is read in the time zone of our account: so much earlier is early enough in all of them."""
_CASE = re.compile(r"enricher-[0-9a-f]{16}")

TwinsFound = Callable[[str, Sequence[Ticket]], None]
"""Told the case key and its tickets, the one kept first."""
TicketOf = Callable[[str], Ticket]


class Twins:
    """Searches one project. `ticket_of` makes a ticket of an issue's key; `on_twins` is told of each pair that is joined."""

    def __init__(
        self,
        service: Service,
        flavour: Flavour,
        project: str,
        *,
        life: Life,
        comments: Comments,
        ticket_of: TicketOf,
        on_twins: TwinsFound | None,
    ) -> None:
        self._service, self._flavour, self._life, self._comments = service, flavour, life, comments
        self._project, self._ticket_of, self._on_twins = _quoted(project), ticket_of, on_twins

    def of(self, case_key: str, generation: int) -> list[Ticket]:
        """The issues of one generation, oldest first; more than one are joined. Raises DeliveryError."""
        groups = _grouped(self._labelled(ticket_key(case_key, generation)), lambda labels: {case_key} & labels)
        return self._joined(case_key, groups.get((case_key, generation), []))

    def of_case(self, case_key: str) -> list[Ticket]:
        """Those of the latest generation that has more than one, else of the latest; each generation's are joined. Raises DeliveryError."""
        groups = _grouped(self._labelled(case_key), lambda labels: {case_key} & labels)
        found = [
            self._joined(case_key, hits) for _, hits in sorted(groups.items(), key=lambda group: group[0], reverse=True)
        ]
        return next((tickets for tickets in found if len(tickets) > 1), found[0] if found else [])

    def since(self, at: datetime) -> Mapping[str, Sequence[Ticket]]:
        """The cases with more than one issue of a generation, of issues made since then. Raises DeliveryError."""
        jql = f'labels = "{OURS}" AND created >= "{at - ZONES:%Y-%m-%d %H:%M}"'
        groups = _grouped(self._search(jql), lambda labels: {label for label in labels if _CASE.fullmatch(label)})
        found = {key: self.of_case(key) for key in sorted({key for (key, _), hits in groups.items() if len(hits) > 1})}
        return {key: tickets for key, tickets in found.items() if len(tickets) > 1}

    # --- searching --------------------------------------------------------------------------------------------------

    def _labelled(self, label: str) -> list[Json]:
        # A search that was not understood can return anything: only a hit that carries the label is ours.
        return [hit for hit in self._search(f"labels = {_quoted(label)}") if label in labels_of(part(hit, "fields"))]

    def _search(self, where: str) -> Iterator[Json]:
        """All pages. Cloud pages by token, Data Center by number."""
        query: Json = {
            "jql": f"project = {self._project} AND {where} ORDER BY created ASC",
            "fields": ["labels", "status", "creator"],
            "maxResults": PAGE,
        }
        seen, page = 0, query
        for _ in range(MOST_PAGES):
            found = self._service.call("POST", self._flavour.search, json=page).data
            hits = self._service.objects(found, "issues")
            yield from hits
            seen += len(hits)
            if not (more := _next_page(found, seen) if hits else {}):
                return
            page = query | more
        log.warning("search_cut", destination=self._service.name, seen=seen)

    # --- joining ----------------------------------------------------------------------------------------------------

    def _joined(self, case_key: str, hits: Sequence[Json]) -> list[Ticket]:
        """The tickets of one generation, oldest first, after the younger ones were joined into it."""
        ordered = sorted(hits, key=self._age)
        ours = [hit for hit in ordered if _maker(hit) == _maker(ordered[0])]
        tickets = [self._ticket_of(self._service.word(hit, "key")) for hit in ours]
        late = [(hit, ticket) for hit, ticket in zip(ours[1:], tickets[1:], strict=True) if not _is_closed(hit)]
        if late and self._on_twins:
            self._on_twins(case_key, tickets)
        for hit, ticket in late:
            # The ticket is found whatever becomes of this; the next look does what is left to do.
            try:
                self._join(self._service.word(hit, "key"), into=tickets[0])
            except DeliveryError as error:
                log.warning(
                    "twin_not_joined", case=case_key, ticket=ticket.label, kept=tickets[0].label, detail=error.detail
                )
        return tickets

    def _join(self, key: str, *, into: Ticket) -> None:
        """Link it as a duplicate, say so, and close it. One that was closed has been joined."""
        issue, said = quote(key, safe=""), f"Duplicate of {into.label}: "
        if not self._comments.has(issue, said):
            self.link(key, into.external_id, "Duplicate")
            text = f"{said}the answer to the first attempt was lost. Work goes on there."
            note = self._flavour.write(adf.document(adf.paragraph(text)))
            self._comments.add(issue, comment_of(note, self._flavour, internal=self._comments.internal))
        self._life.finish(issue, ("Duplicate",))

    def link(self, key: str, to: str, kind: str) -> None:
        """Link an issue to another one. A link that cannot be made is no reason to stop: the text names the other too."""
        link = {"type": {"name": kind}, "outwardIssue": {"key": to}, "inwardIssue": {"key": key}}
        try:
            self._service.call("POST", f"{self._flavour.api}/issueLink", json=link, empty=True)
        except DeliveryError as error:
            log.warning("ticket_not_linked", ticket=key, to=to, detail=error.detail)

    def _age(self, issue: Json) -> tuple[int, str]:
        """Ids are counted up: the lower, the older."""
        number = self._service.word(issue, "id")
        return len(number), number


def labels_of(fields: Json) -> frozenset[str]:
    """An issue's labels."""
    labels = fields.get("labels")
    return frozenset(label for label in labels if isinstance(label, str)) if isinstance(labels, list) else frozenset()


def _grouped(
    hits: Iterator[Json] | Sequence[Json], keys_of: Callable[[frozenset[str]], frozenset[str] | set[str]]
) -> dict[tuple[str, int], list[Json]]:
    """By case key and generation."""
    groups: defaultdict[tuple[str, int], list[Json]] = defaultdict(list)
    for hit in hits:
        labels = labels_of(part(hit, "fields"))
        for key in keys_of(labels):
            groups[key, _generation(labels, key)].append(hit)
    return dict(groups)


def _generation(labels: frozenset[str], key: str) -> int:
    """1 without a label that says another."""
    later = (label.removeprefix(f"{key}-g") for label in labels if label.startswith(f"{key}-g"))
    return max((int(number) for number in later if number.isascii() and number.isdigit()), default=1)


def _maker(issue: Json) -> object:
    """Who made it: Cloud names people by account, Data Center by user name."""
    creator = part(issue, "fields", "creator")
    return creator.get("accountId") or creator.get("name")


def _is_closed(issue: Json) -> bool:
    return is_done(part(issue, "fields", "status"))


def _next_page(found: Json, seen: int) -> Json:
    """What to ask for next; nothing after the last page."""
    if token := found.get("nextPageToken"):
        return {"nextPageToken": token}
    total = found.get("total")
    return {"startAt": seen} if isinstance(total, int) and seen < total else {}


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
