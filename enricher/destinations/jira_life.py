"""The state of an issue: whether people have closed it, and the transitions that open it again or end it.

Transitions, their ids and their screens differ from workflow to workflow. What holds in all of them is the category of a status:
`new`, `indeterminate` or `done`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from enricher.core.document import Json, News
from enricher.destinations.http import Service, part
from enricher.destinations.jira_flavour import Flavour
from enricher.errors import DeliveryError, Reason

log = structlog.get_logger(__name__)

READ = "status,resolutiondate,statuscategorychangedate,updated,labels,priority,summary"
"""What is read of an issue before it is told of contact. Data Center does not know when the category has changed."""
SOLVED = ("Done", "Fixed", "Resolved")
"""Resolutions that are true of something that has stopped, the first that is offered."""


@dataclass(frozen=True, slots=True)
class State:
    """An issue as it stood when it was read; `fields` as the answer has them."""

    fields: Json

    @property
    def is_done(self) -> bool:
        return is_done(part(self.fields, "status"))

    @property
    def closed_at(self) -> datetime | None:
        """When it was closed. A workflow may set no resolution: then no earlier than that, by its last change."""
        times = [_moment(self.fields.get(name)) for name in ("resolutiondate", "statuscategorychangedate")]
        return max((time for time in times if time), default=_moment(self.fields.get("updated")))

    def may_be_opened(self, news: News, days: float) -> bool:
        """Whether the news came within so many days of the closing. Not known when that was: it did.

        By the time of the news, not of its delivery: what an outage delays is not too late. 0 days: never.
        """
        closed_at, told_at = self.closed_at, _moment(news["at"])
        if days == 0:
            return False
        return closed_at is None or told_at is None or told_at - closed_at <= timedelta(days=days)


class Life:
    """Reads and changes the state of issues. Paths take keys quoted already."""

    def __init__(self, service: Service, flavour: Flavour) -> None:
        self._service, self._flavour = service, flavour

    def state(self, issue: str) -> State:
        """Raises DeliveryError."""
        answer = self._service.call("GET", self.path(issue), params={"fields": READ})
        return State(part(answer.data, "fields"))

    def path(self, issue: str) -> str:
        return f"{self._flavour.api}/issue/{issue}"

    def open_again(self, issue: str) -> bool:
        """Take it out of its last status, and its resolution away. False: the workflow does not let us. Raises DeliveryError."""
        return self._move(issue, done=False, resolutions=())

    def finish(self, issue: str, resolutions: Sequence[str] = SOLVED) -> bool:
        """End it, with the first of these resolutions that is offered. False: the workflow does not let us. Raises DeliveryError."""
        return self.state(issue).is_done or self._move(issue, done=True, resolutions=resolutions)

    def _move(self, issue: str, *, done: bool, resolutions: Sequence[str]) -> bool:
        path = f"{self.path(issue)}/transitions"
        offered = self._service.call("GET", path, params={"expand": "transitions.fields"})
        leading = [one for one in self._service.objects(offered.data, "transitions") if _leads(one, done=done)]
        if not leading:
            return False
        chosen = leading[0] if done else min(leading, key=lambda one: _category(part(one, "to")) != "new")
        change = {"transition": {"id": self._service.word(chosen, "id")}, **_resolution(chosen, resolutions, done=done)}
        try:
            self._service.call("POST", path, json=change, empty=True)
        except DeliveryError as error:
            if error.reason not in {Reason.CONFLICT, Reason.INVALID}:
                raise
            # Somebody may have moved it in the meantime; a condition of the workflow may also be against it.
            if self.state(issue).is_done is done:
                return True
            if error.reason is Reason.CONFLICT:
                raise
            log.warning("transition_refused", ticket=issue, detail=error.detail)
            return False
        return True


def is_done(status: Json) -> bool:
    """Whether a status ends an issue."""
    return _category(status) == "done"


def _category(status: Json) -> object:
    return part(status, "statusCategory").get("key")


def _leads(transition: Json, *, done: bool) -> bool:
    """Whether it leads there and asks for nothing that we do not have."""
    asked = [
        field for name, field in part(transition, "fields").items() if name != "resolution" and isinstance(field, dict)
    ]
    unknown = any(field.get("required") and not field.get("hasDefaultValue") for field in asked)
    return is_done(part(transition, "to")) is done and not unknown


def _resolution(transition: Json, wanted: Sequence[str], *, done: bool) -> Json:
    """An issue without a resolution counts as open in reports, one with a resolution as closed: set or taken away where the
    transition's screen shows it.
    """
    screen = part(transition, "fields")
    if "resolution" not in screen:
        return {}
    if not done:
        return {"fields": {"resolution": None}}
    allowed = part(screen, "resolution").get("allowedValues")
    names = [one["name"] for one in allowed if isinstance(one, dict) and "name" in one] if isinstance(allowed, list) else []
    best = next((name for name in wanted if name in names), names[0] if names else None)
    return {"fields": {"resolution": {"name": best}}} if best else {}


def _moment(text: object) -> datetime | None:
    """An aware time; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
