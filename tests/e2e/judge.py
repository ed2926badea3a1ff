"""The judge: what the destinations themselves hold, held against the cases that the service says it has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from enricher.core.document import Json
from tests.e2e.harness import DESTINATIONS

_EVENT = re.compile(r"enricher-[0-9a-f]{16}-\d+")
_KEY = re.compile(r"(enricher-[0-9a-f]{16})(?:-g(\d+))?")
"""Our key in a ticket, and which of the case's tickets it is, one after the other."""


@dataclass(frozen=True, slots=True)
class Held:
    """The tickets of one destination: case key → for each ticket, the event ids told in its comments."""

    tickets: dict[str, list[list[str]]] = field(default_factory=dict)

    def add(self, key: str, told: Iterable[str]) -> None:
        self.tickets.setdefault(key, []).append(list(told))

    def add_all(self, tickets: Iterable[tuple[str, int, list[str]]]) -> None:
        """Of (case key, generation, events told): what follows a closed ticket goes on where that ended, and is no second one."""
        followed: dict[str, dict[int, list[list[str]]]] = {}
        for key, generation, told in tickets:
            followed.setdefault(key, {}).setdefault(generation, []).append(told)
        for key, generations in followed.items():
            story: list[str] = []
            for number in sorted(generations):
                first, *doubles = generations[number]
                story += first
                for told in doubles:
                    self.add(key, told)
            self.add(key, story)


class Stores(Protocol):
    """Stand-ins, in this process or in another."""

    def store(self, name: str) -> Json: ...


def held(standins: Stores) -> dict[str, Held]:
    """What each destination holds of ours."""
    return {
        "jira": _jira(standins.store("jira")),
        "servicenow": _servicenow(standins.store("servicenow")),
        "slack": _slack(standins.store("slack")),
    }


def problems(cases: Iterable[Json], found: dict[str, Held]) -> Iterator[str]:
    """Whatever is not as promised: one ticket for each open case in each destination, nothing told twice, nothing untold."""
    open_cases = {case["key"]: case for case in cases if case["deliveries"]}
    for name in DESTINATIONS:
        tickets = found[name].tickets
        for key in open_cases.keys() | tickets.keys():
            count = len(tickets.get(key, ()))
            if count != 1 or key not in open_cases:
                yield f"{name}: {count} tickets for {'the case' if key in open_cases else 'no case'} {key}"
        for key in open_cases.keys() & tickets.keys():
            yield from (f"{name}: {what}" for what in _told(open_cases[key], tickets[key]))


def doubles(found: dict[str, Held]) -> int:
    """How many tickets there are beyond the first of each case."""
    return sum(len(tickets) - 1 for one in found.values() for tickets in one.tickets.values())


def _told(case: Json, tickets: list[list[str]]) -> Iterator[str]:
    told = Counter(event for events in tickets for event in events)
    yield from (f"{event} is told {count} times" for event, count in told.items() if count > 1)
    for news in case["news"]:
        event = f"{case['key']}-{news['seq']:02}"
        if news["kind"] == "recovery" and not told[event]:
            yield f"{event}, the recovery, is not told"


def _jira(store: Json) -> Held:
    jira, tickets = Held(), []
    for issue in store["issues"]:
        told = [event for comment in issue["comments"] if (event := _first_event(str(comment["body"])))]
        keys = [found for label in issue["fields"]["labels"] if (found := _KEY.fullmatch(label))]
        if keys:
            latest = max(keys, key=_generation)
            tickets.append((latest[1], _generation(latest), told))
    jira.add_all(tickets)
    return jira


def _servicenow(store: Json) -> Held:
    servicenow, tickets = Held(), []
    for record in store["incidents"]:
        notes = [_first_event(note) for note in record["work_notes"] if not note.startswith("Opened by Enricher")]
        key = _KEY.fullmatch(record["correlation_id"])
        tickets.append((key[1], _generation(key), [*filter(None, notes)]) if key else (record["correlation_id"], 1, []))
    servicenow.add_all(tickets)
    return servicenow


def _slack(store: Json) -> Held:
    """A message is the ticket of one case, or a digest: that of each case in it, told what in its thread begins with its key. A case
    may leave a digest, once, for a thread of its own.
    """
    slack, tickets = Held(), []
    for message in store["messages"]:
        payload = message["metadata"]["event_payload"]
        told = [
            reply["metadata"]["event_payload"]["event_id"] for reply in message["thread"] if "event_id" in _about(reply)
        ]
        if "delivery_key" in payload:
            tickets.append((payload["delivery_key"], 2, told))
        keys = [entry["delivery_key"] for entry in payload.get("delivery_keys", ())]
        tickets += [(key, 1, [event for event in told if event.startswith(f"{key}-")]) for key in keys]
    slack.add_all(tickets)
    return slack


def _about(message: Json) -> Json:
    payload: Json = message.get("metadata", {}).get("event_payload", {})
    return payload


def _generation(key: re.Match[str]) -> int:
    return int(key[2] or 1)


def _first_event(text: str) -> str | None:
    found = _EVENT.search(text)
    return found[0] if found else None
