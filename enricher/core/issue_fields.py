"""What a site may say of the fields of its Jira issues, in a file or a variable: checked here, for both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JIRA_OURS: Mapping[str, str] = {
    "project": "jira.project",
    "issuetype": "jira.issue_type",
    "priority": "jira.priorities",
    "components": "jira.components",
    "security": "jira.security",
    "assignee": "jira.assignee",
    "summary": "",
    "description": "",
    "labels": "",
}
"""Fields with a place of their own, or none: what stands in them is ours."""
_FIELD_ID = re.compile(r"customfield_\d{1,10}|[a-z][A-Za-z]{0,59}")


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values that a field of Jira offers, by id or by name. Names are renamed and translated, ids stay."""

    name: str | None = None
    id: str | None = None

    def __str__(self) -> str:
        return self.name or f"id {self.id}"

    @property
    def json(self) -> dict[str, Any]:
        return {"id": self.id} if self.id else {"name": self.name}

    def is_(self, value: Mapping[str, Any]) -> bool:
        """Whether Jira's answer means this one."""
        return value.get("id") == self.id if self.id else value.get("name") == self.name


def option_of(value: object) -> Option:
    """A name, `{name: …}` or `{id: …}`. Raises ValueError."""
    if isinstance(value, Option):
        return value
    ((key, said),) = value.items() if isinstance(value, Mapping) and len(value) == 1 else (("name", value),)
    if key == "id" and re.fullmatch(r"\d{1,19}", str(said)) and not isinstance(said, bool):
        return Option(id=str(said))
    if key == "name" and isinstance(said, str) and said.strip():
        return Option(name=said)
    raise ValueError("should be a name or {id: a number}")


def custom_fields(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fields of a site's own, by id. Raises ValueError for one that is ours, or that Jira could not have."""
    for name in fields:
        if name in JIRA_OURS:
            place = JIRA_OURS[name]
            raise ValueError(f"{name!r} is ours" + (f"; set {place}" if place else ""))
        if not _FIELD_ID.fullmatch(name):
            raise ValueError(f"{name!r} is no field's id, such as customfield_10123")
    return fields
