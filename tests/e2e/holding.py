"""Creates that have been acted on, and whose answers do not come: the moment in which everything that happens hurts most."""

from __future__ import annotations

from tests.e2e.harness import CREATE, DESTINATIONS, Standins, until
from tests.e2e.judge import held

ONE_EACH = dict.fromkeys(DESTINATIONS, 1)


def hold_creates(standins: Standins) -> None:
    """Each service acts on the first create, and its answer does not come until it is released."""
    for name, path in CREATE.items():
        standins.fail(name, {"kind": "trickle", "method": "POST", "path": path, "calls": [1], "seconds": 60})


def await_creates(standins: Standins, key: str) -> None:
    until(lambda: all(key in one.tickets for one in held(standins).values()), "a ticket in each")


def release_all(standins: Standins) -> None:
    for name in DESTINATIONS:
        standins.release(name)


def tickets(standins: Standins, key: str) -> dict[str, int]:
    """How many tickets a case has in each."""
    return {name: len(one.tickets.get(key, ())) for name, one in held(standins).items()}


def creates(standins: Standins) -> dict[str, int]:
    """How often Jira and ServiceNow were asked to make a ticket. Slack is asked for replies in the same way."""
    return {
        name: sum((one["method"], one["path"]) == ("POST", CREATE[name]) for one in standins.store(name)["requests"])
        for name in ("jira", "servicenow")
    }
