"""What a Jira site lets into an issue: the fields on its screens, and what each may hold.

A site that refuses nothing proves nothing, so the defaults are narrow: a company-managed project with priorities, one
component and two custom fields, and no security level on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from enricher.standins.jira import adf
from enricher.standins.service import Refusal
from enricher.standins.shelf import Json

SUMMARY_LONGEST = 255
LABEL_LONGEST = 255
LINE_LONGEST = 255
TEXT_LONGEST = 32_767
PROPERTY_LONGEST = 32_768
NOT_ADF = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
NO_STRING = "Operation value must be a string"
TEXT_TOO_LONG = f"The entered text is too long. It exceeds the allowed limit of {TEXT_LONGEST:,} characters."
RIGHTS = frozenset(
    {
        "BROWSE_PROJECTS",
        "CREATE_ISSUES",
        "EDIT_ISSUES",
        "ADD_COMMENTS",
        "DELETE_OWN_COMMENTS",
        "TRANSITION_ISSUES",
        "LINK_ISSUES",
        "SET_ISSUE_SECURITY",
        "ASSIGN_ISSUES",
    }
)
TOP_KEYS = frozenset({"fields", "update", "properties", "transition", "historyMetadata"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a site is set up. `screen` are the fields on the create and edit screens besides project and issue type.

    A `data_center` takes wiki markup and names people by user name; a `service_desk` shows its customers every comment that
    is not internal. `rights` are what our account may do, `required` the fields that an issue must have besides a summary.
    """

    project: str = "SEC"
    project_id: str = "10000"
    project_name: str = "Security Operations"
    issue_types: Mapping[str, str] = field(default_factory=lambda: {"10001": "Incident", "10002": "Task"})
    priorities: Mapping[str, str] = field(
        default_factory=lambda: {"1": "Highest", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"}
    )
    components: tuple[str, ...] = ("SOC",)
    security_levels: Mapping[str, str] = field(default_factory=lambda: {"10010": "SOC only"})
    text_fields: frozenset[str] = frozenset({"customfield_10123"})
    select_fields: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"customfield_10124": ("Critical", "High", "Medium", "Low", "Informational")}
    )
    screen: frozenset[str] = frozenset(
        {"summary", "description", "labels", "priority", "components", "assignee", "customfield_10123", "customfield_10124"}
    )
    resolutions: Mapping[str, str] = field(
        default_factory=lambda: {"10000": "Done", "10001": "Won't Do", "10002": "Duplicate", "10003": "Cannot Reproduce"}
    )
    resolution_on_screen: bool = True
    """Whether the transition to Done shows the resolution."""
    reopening_shows_resolution: bool = True
    """Whether the transitions out of Done show it, so that it stays unless it is taken away; else they take it away themselves."""
    done_is_final: bool = False
    """No transition leads out of Done."""
    asks_for_reason: bool = False
    """The transition to Done asks for a field of the site's own."""
    link_types: tuple[str, ...] = ("Duplicate", "Relates", "Blocks")
    data_center: bool = False
    service_desk: bool = False
    rights: frozenset[str] = RIGHTS
    required: frozenset[str] = frozenset()

    @property
    def component_ids(self) -> Mapping[str, str]:
        return {str(n): name for n, name in enumerate(self.components, 10_100)}


class FieldProblem(ValueError):
    """What Jira says about one field."""


def refusal(
    errors: Mapping[str, str] | None = None, messages: list[str] | None = None, status: int = 400, why: str = ""
) -> Refusal:
    """Jira's error; `why` is for whoever reads a test, in a header that the real service does not have."""
    body = {"errorMessages": messages or [], "errors": dict(errors or {})}
    return Refusal(status, body, {"X-Stand-In-Why": why.encode("unicode_escape").decode("ascii")} if why else None)


def choice(value: Any, options: Mapping[str, str], key: str, what: str) -> Json:
    """An option given as `{"id": …}` or by its name under `key`."""
    if isinstance(value, dict):
        for option_id, name in options.items():
            if value.get("id") == option_id or ("id" not in value and value.get(key) == name):
                return {"id": option_id, key: name}
    raise FieldProblem(what)


def check_document(value: Any) -> Json:
    """An Atlassian document of any length. Raises FieldProblem, or Refusal where Jira blames no field."""
    if not isinstance(value, dict):
        raise FieldProblem(NOT_ADF)
    why = adf.problem(value)
    if why:
        raise refusal(messages=["INVALID_INPUT"], why=why)
    return value


def check_text(value: Any, layout: Layout) -> Any:
    """A description or a comment as this kind of Jira takes it: never the other's. Raises FieldProblem or Refusal."""
    if not layout.data_center:
        return check_document(value)
    if not isinstance(value, str):
        raise FieldProblem(NO_STRING)
    if len(value) > TEXT_LONGEST:
        raise FieldProblem(TEXT_TOO_LONG)
    return value


def too_long(document: Any) -> bool:
    """Whether the serialised document is over Jira Cloud's limit, in characters. Markup was measured before."""
    return not isinstance(document, str) and len(orjson.dumps(document).decode()) > TEXT_LONGEST


def check_property(key: Any, value: Any) -> None:
    """An entity property's key and value. Raises Refusal."""
    if not isinstance(key, str) or not 0 < len(key) <= LINE_LONGEST:
        raise refusal(messages=["The property key must be between 1 and 255 characters."])
    if len(orjson.dumps(value).decode()) > PROPERTY_LONGEST:
        raise refusal(messages=[f"The property value exceeds {PROPERTY_LONGEST} characters."])


def _summary(value: Any, _: Layout) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldProblem("You must specify a summary of the issue.")
    if "\n" in value or "\r" in value:
        raise FieldProblem("The summary is invalid because it contains newline characters.")
    if len(value) > SUMMARY_LONGEST:
        raise FieldProblem("Summary must be less than 255 characters.")
    return value


def _description(value: Any, layout: Layout) -> Any:
    return None if value is None else check_text(value, layout)


def _label(label: Any) -> str:
    if not isinstance(label, str) or not label:
        raise FieldProblem("string expected at index 0")
    if any(character.isspace() for character in label):
        raise FieldProblem(f"The label '{label}' contains spaces which is invalid.")
    if len(label) > LABEL_LONGEST:
        raise FieldProblem(f"The label '{label}' exceeds the limit of {LABEL_LONGEST} characters.")
    return label


def _labels(value: Any, _: Layout) -> list[str]:
    if not isinstance(value, list):
        raise FieldProblem("data was not an array")
    return sorted({_label(label) for label in value})


def _priority(value: Any, layout: Layout) -> Json:
    return choice(value, layout.priorities, "name", "Specify a valid value for priority")


def _components(value: Any, layout: Layout) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise FieldProblem("expected Object containing 'id' or 'name'")
    return [choice(one, layout.component_ids, "name", f"Component name '{one.get('name')}' is not valid") for one in value]


def _security(value: Any, layout: Layout) -> Json:
    if "SET_ISSUE_SECURITY" not in layout.rights:
        raise FieldProblem(NOT_ON_SCREEN.format("security"))
    return choice(value, layout.security_levels, "name", "Security level is not valid")


def _assignee(value: Any, layout: Layout) -> Json | None:
    keys = ("name",) if layout.data_center else ("accountId", "id")
    if value is None or (isinstance(value, dict) and any(isinstance(value.get(key), str) for key in keys)):
        return value
    raise FieldProblem(f"expected Object containing '{keys[0]}'")


CHECKS: dict[str, Callable[[Any, Layout], Any]] = {
    "summary": _summary,
    "description": _description,
    "labels": _labels,
    "priority": _priority,
    "components": _components,
    "security": _security,
    "assignee": _assignee,
}


def check_field(name: str, value: Any, layout: Layout) -> Any:
    """The value as Jira keeps it. Raises FieldProblem."""
    if name not in layout.screen:
        raise FieldProblem(NOT_ON_SCREEN.format(name))
    if name in CHECKS:
        return CHECKS[name](value, layout)
    if name in layout.select_fields:
        options = {str(n): option for n, option in enumerate(layout.select_fields[name], 10_200)}
        return choice(value, options, "value", f"Option value '{value}' is not valid")
    if not isinstance(value, str):
        raise FieldProblem(NO_STRING)
    if len(value) > LINE_LONGEST:
        raise FieldProblem(f"The entered text is too long. It exceeds the allowed limit of {LINE_LONGEST} characters.")
    return value


def check_fields(fields: Mapping[str, Any], layout: Layout) -> tuple[Json, dict[str, str]]:
    """(what is right, what is wrong by field)."""
    right: Json = {}
    wrong: dict[str, str] = {}
    for name, value in fields.items():
        try:
            right[name] = check_field(name, value, layout)
        except FieldProblem as problem:
            wrong[name] = str(problem)
    return right, wrong
