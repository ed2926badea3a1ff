"""The workflow of the stand-in's project: three statuses, each reachable from the others, and what a transition may carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enricher.standins.jira.fields import NOT_ON_SCREEN, FieldProblem, Layout, choice, refusal
from enricher.standins.shelf import Json

CATEGORIES: dict[str, Json] = {
    "new": {"id": 2, "key": "new", "name": "To Do", "colorName": "blue-gray"},
    "indeterminate": {"id": 4, "key": "indeterminate", "name": "In Progress", "colorName": "yellow"},
    "done": {"id": 3, "key": "done", "name": "Done", "colorName": "green"},
}
STATUSES: dict[str, Json] = {
    "To Do": {"id": "10000", "name": "To Do", "statusCategory": CATEGORIES["new"]},
    "In Progress": {"id": "3", "name": "In Progress", "statusCategory": CATEGORIES["indeterminate"]},
    "Done": {"id": "10001", "name": "Done", "statusCategory": CATEGORIES["done"]},
}
TRANSITIONS = {"11": "To Do", "21": "In Progress", "31": "Done"}


def category(status: str) -> Json:
    """The category of a status."""
    found: Json = STATUSES[status]["statusCategory"]
    return found


def offered(status: str, layout: Layout, *, expand: bool) -> list[Json]:
    """The transitions open to an issue in this status, to who may take one; their fields only where they were asked for."""
    transitions = []
    for transition_id, to in TRANSITIONS.items():
        if not _is_open(status, to, layout):
            continue
        screen = _screen(status, to, layout)
        transition: Json = {
            "id": transition_id,
            "name": to,
            "to": STATUSES[to],
            "hasScreen": bool(screen),
            "isGlobal": True,
            "isInitial": False,
            "isAvailable": True,
            "isConditional": False,
        }
        if expand:
            transition["fields"] = screen
        transitions.append(transition)
    return transitions


def _is_open(status: str, to: str, layout: Layout) -> bool:
    return "TRANSITION_ISSUES" in layout.rights and to != status and not (status == "Done" and layout.done_is_final)


def _screen(status: str, to: str, layout: Layout) -> Json:
    """The fields that the transition shows."""
    ends, opens = to == "Done" and layout.resolution_on_screen, status == "Done" and layout.reopening_shows_resolution
    screen: Json = {}
    if ends or opens:
        screen["resolution"] = {
            "required": False,
            "name": "Resolution",
            "key": "resolution",
            "schema": {"type": "resolution", "system": "resolution"},
            "operations": ["set"],
            "allowedValues": [{"id": option_id, "name": name} for option_id, name in layout.resolutions.items()],
        }
    if to == "Done" and layout.asks_for_reason:
        screen["customfield_10123"] = {
            "required": True,
            "name": "Reason",
            "key": "customfield_10123",
            "operations": ["set"],
        }
    return screen


def chosen(transition: Any, status: str, layout: Layout) -> str:
    """The status that the transition leads to. Raises Refusal."""
    transition_id = transition.get("id") if isinstance(transition, dict) else None
    if transition_id is None:
        raise refusal(messages=["Missing 'transition' identifier"])
    to = TRANSITIONS.get(str(transition_id))
    if to is None or not _is_open(status, to, layout):
        raise refusal(messages=[f"Transition id '{transition_id}' is not valid for this issue."])
    return to


def resolution(issue: Json, to: str, fields: Mapping[str, Any], layout: Layout) -> Json | None:
    """The issue's resolution after a transition with these fields. Raises Refusal for what is not on its screen, or not there."""
    on_screen = _screen(issue["status"], to, layout)
    for name in fields:
        if name not in on_screen:
            raise refusal({name: NOT_ON_SCREEN.format(name)})
    for name, field in on_screen.items():
        if field["required"] and not fields.get(name):
            raise refusal({name: f"{field['name']} is required."})
    if "resolution" not in fields:
        by_itself = issue["status"] == "Done" and not layout.reopening_shows_resolution
        return None if by_itself else issue["resolution"]
    if fields["resolution"] is None:
        return None
    try:
        return choice(fields["resolution"], layout.resolutions, "name", "The resolution selected is invalid.")
    except FieldProblem as problem:
        raise refusal({"resolution": str(problem)}) from problem
