"""Whether a Jira project is set up for us, found out by reading: rights, issue type, create screen, allowed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from enricher.core.document import Json
from enricher.destinations.http import Service, part
from enricher.destinations.jira_fields import PRIORITIES, SiteFields
from enricher.destinations.jira_flavour import Flavour
from enricher.destinations.text import neutralise
from enricher.errors import DeliveryError, Reason
from enricher.model import Severity

RIGHTS: Mapping[str, str] = {
    "BROWSE_PROJECTS": "no ticket can be found again",
    "CREATE_ISSUES": "no ticket can be opened",
    "EDIT_ISSUES": "a priority cannot be raised",
    "ADD_COMMENTS": "no news can be told",
    "TRANSITION_ISSUES": "a closed ticket cannot be opened again, a second one of one case cannot be closed",
    "LINK_ISSUES": "a second ticket of one case cannot be linked",
}
"""What we need, and what fails without it."""
LINKS: Mapping[str, str] = {
    "Duplicate": "a second ticket of one case is closed, but not linked",
    "Relates": "a ticket that follows a closed one names it, but is not linked",
}
"""Types of links that we make, and what happens where a site has renamed them."""
ALWAYS = ("summary", "description", "labels")
"""What every issue of ours has besides project and issue type. The labels hold our key."""
FILLED_IN_BY_JIRA = frozenset({"project", "issuetype", "reporter"})
"""Required, but given by every create, or the account that makes it."""
SHOWN = 10
"""How many of the values that there are a line names."""
PAGE = 50
MOST_PAGES = 40


@dataclass(frozen=True, slots=True)
class Check:
    """Reads one project."""

    service: Service
    flavour: Flavour
    project: str
    issue_type: str
    fields: SiteFields

    def problems(self) -> list[str]:
        """One line for each thing that is missing. Raises DeliveryError where we are not let in or nobody answers."""
        self.service.call("GET", f"{self.flavour.api}/myself")
        try:
            project = self.service.call("GET", f"{self.flavour.api}/project/{quote(self.project, safe='')}").data
        except DeliveryError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            return [f"there is no project {self.project}, or this account may not see it"]
        rights = self._rights(service_project=project.get("projectTypeKey") == "service_desk")
        return [neutralise(line) for line in (*rights, *self._links(), *self._issue_type())]

    def _links(self) -> Iterator[str]:
        try:
            found = self.service.call("GET", f"{self.flavour.api}/issueLinkType").data
        except DeliveryError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            yield "warning: links between issues are switched off: what belongs together is named in comments only"
            return
        there = {one.get("name") for one in self.service.objects(found, "issueLinkTypes")}
        yield from (
            f"warning: there is no link type {name!r}: {without}" for name, without in LINKS.items() if name not in there
        )

    def _rights(self, *, service_project: bool) -> Iterator[str]:
        needed = dict(RIGHTS)
        if service_project:
            needed["DELETE_OWN_COMMENTS"] = "a comment that came out public cannot be taken back"
        if self.fields.security:
            needed["SET_ISSUE_SECURITY"] = "a security level cannot be set, so no ticket can be opened"
        if self.fields.assignee:
            needed["ASSIGN_ISSUES"] = "an assignee cannot be set, so no ticket can be opened"
        asked = {"projectKey": self.project, "permissions": ",".join(needed)}
        given = part(self.service.call("GET", f"{self.flavour.api}/mypermissions", params=asked).data, "permissions")
        for right, without in needed.items():
            if part(given, right).get("havePermission") is not True:
                yield f"the account has no permission {right} in {self.project}: {without}"

    def _issue_type(self) -> Iterator[str]:
        path = f"{self.flavour.api}/issue/createmeta/{quote(self.project, safe='')}/issuetypes"
        try:
            types = self._all(path, "issueTypes")
        except DeliveryError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            yield "warning: fields are not checked: this Jira does not show its create screens (before 8.4)"
            return
        kind = next((one for one in types if one.get("name") == self.issue_type), None)
        if kind is None:
            offered = _few([one.get("name") for one in types], "none that this account may create")
            yield f"{self.project} has no issue type {self.issue_type!r}; it has {offered}"
            return
        found = self._all(f"{path}/{quote(str(kind.get('id')), safe='')}", "fields")
        yield from self._fields({str(one.get("fieldId") or one.get("key")): one for one in found})

    def _fields(self, screen: Mapping[str, Json]) -> Iterator[str]:
        where = f"the create screen of {self.issue_type} in {self.project}"
        sent = self.fields.of(Severity.CRITICAL, self.flavour)
        wanted = [*ALWAYS, *sent]
        yield from (f"{self._mildly(name)}field {name!r} is not on {where}" for name in wanted if name not in screen)
        for name, one in screen.items():
            unset = name not in FILLED_IN_BY_JIRA and name not in wanted
            if unset and one.get("required") and not one.get("hasDefaultValue"):
                yield f"field {name!r} ({one.get('name')}) is required on {where}, and jira.fields does not set it"
        for name, values in self._values(sent).items():
            for value in values:
                yield from (self._mildly(name) + line for line in _not_allowed(name, value, screen.get(name, {})))

    def _mildly(self, name: str) -> str:
        """A priority that nobody asked for is no fault: tickets do without it."""
        return "warning: " if name == "priority" and self.fields.priorities is PRIORITIES else ""

    def _values(self, sent: Json) -> dict[str, Sequence[object]]:
        """Every value that may be sent in each field that offers a choice."""
        values = {name: value if isinstance(value, list) else [value] for name, value in sent.items()}
        return {**values, "priority": [option.json for option in self.fields.priorities.values()]}

    def _all(self, path: str, name: str) -> list[Json]:
        """All pages of a list, which Cloud and Data Center name differently."""
        found: list[Json] = []
        for _ in range(MOST_PAGES):
            params = {"startAt": str(len(found)), "maxResults": str(PAGE)}
            data = self.service.call("GET", path, params=params).data
            page = self.service.objects(data, "values" if "values" in data else name)
            found += page
            total = data.get("total")
            if not page or not isinstance(total, int) or len(found) >= total:
                break
        return found


def _not_allowed(name: str, value: object, field: Json) -> Iterator[str]:
    """A line where the field names its values and this is none of them."""
    allowed = field.get("allowedValues")
    if not isinstance(allowed, list) or not isinstance(value, Mapping):
        return
    options = [option for option in allowed if isinstance(option, dict)]
    asked = {key: value[key] for key in ("id", "name", "value") if key in value}
    if asked and not any(all(option.get(key) == said for key, said in asked.items()) for option in options):
        there = _few([option.get("value") or option.get("name") or option.get("id") for option in options], "none")
        said = " ".join(f"{key} {text!r}" for key, text in asked.items())
        yield f"field {name!r} has no value with {said}; it has {there}"


def _few(names: Sequence[object], without: str) -> str:
    """The first of them, each cut to a length that a line can bear."""
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join([*(str(name)[:60] for name in names[:SHOWN]), *more]) or without
