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


def offered(status: str, layout: Layout, *, expand: bool) -> list[Json]:
    """The transitions open to an issue in this status; their fields only where they were asked for."""
    transitions = []
    for transition_id, to in TRANSITIONS.items():
        if to == status:
            continue
        transition: Json = {
            "id": transition_id,
            "name": to,
            "to": STATUSES[to],
            "hasScreen": to == "Done",
            "isGlobal": True,
            "isInitial": False,
            "isAvailable": True,
            "isConditional": False,
        }
        if expand:
            transition["fields"] = _screen(to, layout)
        transitions.append(transition)
    return transitions


def _screen(to: str, layout: Layout) -> Json:
    if to != "Done" or not layout.resolution_on_screen:
        return {}
    return {
        "resolution": {
            "required": False,
            "name": "Resolution",
            "key": "resolution",
            "schema": {"type": "resolution", "system": "resolution"},
            "operations": ["set"],
            "allowedValues": [{"id": option_id, "name": name} for option_id, name in layout.resolutions.items()],
        }
    }


def chosen(transition: Any, status: str) -> str:
    """The status that the transition leads to. Raises Refusal."""
    transition_id = transition.get("id") if isinstance(transition, dict) else None
    if transition_id is None:
        raise refusal(messages=["Missing 'transition' identifier"])
    to = TRANSITIONS.get(str(transition_id))
    if to is None or to == status:
        raise refusal(messages=[f"Transition id '{transition_id}' is not valid for this issue."])
    return to


def resolution(to: str, fields: Mapping[str, Any], layout: Layout) -> Json | None:
    """The resolution that a transition's fields set, where they name one. Raises Refusal for anything not on its screen."""
    on_screen = _screen(to, layout)
    clears = fields.get("resolution", "") is None
    for name in fields:
        if name not in on_screen and not (name == "resolution" and clears):
            raise refusal({name: NOT_ON_SCREEN.format(name)})
    if not fields.get("resolution"):
        return None
    try:
        return choice(fields["resolution"], layout.resolutions, "name", "The resolution selected is invalid.")
    except FieldProblem as problem:
        raise refusal({"resolution": str(problem)}) from problem
