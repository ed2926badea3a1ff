"""What is remembered around some events: of the same processes, of their ancestors and descendants, and of the same hour.

Read nearest first, so that what is left out where there is too much is what matters least. Every step takes an index and stops
at the limit, however much is remembered of a computer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, select, text

from enricher.core.memory import Remembered, recalled
from enricher.model import Event, ProcessCreate
from enricher.store.parts import Part, Question
from enricher.store.schema import HAS_CASE, HAS_GUID, HAS_PARENT, IS_TELLING, MOMENT, events, stored_name

MAX_EVENTS = 2_000
LEVELS = 4
"""How many generations up and down. Source: design §3.2, up to four ancestors."""
MAX_RELATIVES = 500
"""Processes that one level may bring: a shell can have started very many."""
MAX_NAMES = 500
"""Look-ups of names that come before all else of a process that did too much to be read whole, the newest."""
AROUND = timedelta(hours=1)
START, QUERY = 1, 22
"""Sysmon's numbers of the events that tell most."""

Process = tuple[str, str]
"""(computer, guid), as the table has them."""


@dataclass(slots=True)
class Pool:
    """The events asked about, and what was found: no event twice, at most `MAX_EVENTS` found, none that is `known`."""

    given: Sequence[Event]
    known: Collection[bytes] = ()
    found: dict[bytes, Remembered] = field(default_factory=dict)
    cut: bool = False

    def add(self, rows: Iterable[Any]) -> list[Event]:
        """Add what rows of the table hold; those that were new. An event of a kind not known to this version is left out."""
        added = []
        for row in rows:
            if row.digest in self.found or row.digest in self.known:
                continue
            if len(self.found) >= MAX_EVENTS:
                self.cut = True
                break
            try:
                event = recalled(row.document, "search" if row.searched else "history")
            except KeyError:
                continue
            self.found[row.digest] = Remembered(digest=row.digest, event=event, case_key=row.case_key)
            added.append(event)
        return added

    def events(self) -> list[Event]:
        return [*self.given, *(one.event for one in self.found.values())]


def surround(conn: Connection, pool: Pool, computers: frozenset[str]) -> None:
    """Fill the pool with what is remembered of these computers around its given events."""
    given = [event for event in pool.given if stored_name(event.computer) in computers]
    same = pool.add(_all_of(conn, processes_of(given)))
    below = _descendants(conn, pool, given)
    _ancestors(conn, pool, computers)
    _same_hour(conn, pool, [*given, *same, *below])


def events_of_case(conn: Connection, key: str) -> list[Any]:
    """The rows of a case's events, those that were stored last first."""
    return _OF_CASE.ask(conn, [{"case": key, "limit": MAX_EVENTS + 1}])


def processes_of(found: Iterable[Event]) -> list[Process]:
    """The processes of events that name theirs, each once."""
    return list(dict.fromkeys((stored_name(event.computer), stored_name(event.guid)) for event in found if event.guid))


def starts_missing(found: Iterable[Event]) -> list[Process]:
    """Processes and parents that no start is known of, each once."""
    events_found = list(found)
    starts = [event for event in events_found if isinstance(event, ProcessCreate)]
    known = set(processes_of(starts))
    named = dict.fromkeys([*processes_of(events_found), *_parents_of(starts)])
    return [process for process in named if process not in known]


def _parents_of(starts: Iterable[Event]) -> list[Process]:
    return [
        (stored_name(start.computer), stored_name(start.parent_guid))
        for start in starts
        if isinstance(start, ProcessCreate) and start.parent_guid
    ]


def _all_of(conn: Connection, processes: Sequence[Process]) -> list[Any]:
    """What these processes did, the latest first. Where that is too much, first what their contacts cannot be judged without."""
    rows = _ask(conn, _OF_PROCESS, processes)
    if len(rows) <= MAX_EVENTS:
        return rows
    return [*_ask(conn, _STARTS, processes), *_ask(conn, _NAMES, processes, MAX_NAMES), *rows]


def _descendants(conn: Connection, pool: Pool, given: Sequence[Event]) -> list[Event]:
    """Children of the given starts, their children, and all that these processes did."""
    level = processes_of(event for event in given if isinstance(event, ProcessCreate))
    known, below = set(processes_of(given)), []
    for _ in range(LEVELS):
        if not level:
            break
        children = pool.add(_ask(conn, _CHILDREN, level))
        level = [process for process in processes_of(children) if process not in known][:MAX_RELATIVES]
        known.update(level)
        below += level
    return pool.add(_all_of(conn, below))


def _ancestors(conn: Connection, pool: Pool, computers: frozenset[str]) -> None:
    """The starts of the parents of every start there is, and of theirs."""
    for _ in range(LEVELS):
        starts = [event for event in pool.events() if isinstance(event, ProcessCreate)]
        known = set(processes_of(starts))
        wanted = [p for p in dict.fromkeys(_parents_of(starts)) if p not in known and p[0] in computers][:MAX_RELATIVES]
        if not wanted or not pool.add(_ask(conn, _STARTS, wanted)):
            break


def _same_hour(conn: Connection, pool: Pool, near: Sequence[Event]) -> None:
    """All of each computer from an hour before to an hour after the events that matter most there, the latest first."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for event in near:
        for at in (event.at, event.last_at):
            if at is not None:
                first, last = spans.get(stored_name(event.computer), (at, at))
                spans[stored_name(event.computer)] = min(first, at), max(last, at)
    for computer, (first, last) in spans.items():
        if pool.cut and len(pool.found) >= MAX_EVENTS:
            break
        span = {"computer": computer, "first": _moved(first, -AROUND), "last": _moved(last, AROUND)}
        pool.add(_SAME_HOUR.ask(conn, [span | {"limit": MAX_EVENTS + 1}]))


def _moved(at: datetime, by: timedelta) -> datetime:
    """Times of events are anybody's: one may lie at the end of time."""
    try:
        return at + by
    except OverflowError:
        return at


def _ask(conn: Connection, question: Question, processes: Sequence[Process], limit: int | None = None) -> list[Any]:
    limit = limit or MAX_EVENTS + 1
    return question.ask(conn, [{"computer": computer, "guid": guid, "limit": limit} for computer, guid in processes])


# --- its statements, built once ---------------------------------------------------------------------------------------

_EVENT = select(events.c.digest, events.c.document, events.c.searched, events.c.case_key).where(
    events.c.document.is_not(None)
)
_NEWEST = events.c.seen_at.desc()


def _limit(number: int) -> Any:
    return bindparam(f"limit_{number}", type_=Integer)


def _on(number: int) -> Any:
    return events.c.computer == bindparam(f"computer_{number}")


def _of_process(number: int) -> Select[Any]:
    its = events.c.guid == bindparam(f"guid_{number}")
    return _EVENT.where(HAS_GUID, its, _on(number)).order_by(_NEWEST).limit(_limit(number))


def _telling(event_id: int) -> Part:
    def part(number: int) -> Select[Any]:
        its, of_kind = events.c.guid == bindparam(f"guid_{number}"), text(f"event_id = {event_id}")
        return _EVENT.where(IS_TELLING, of_kind, its, _on(number)).order_by(_NEWEST).limit(_limit(number))

    return part


def _children(number: int) -> Select[Any]:
    its = events.c.parent_guid == bindparam(f"guid_{number}")
    return _EVENT.where(HAS_PARENT, its, _on(number)).order_by(_NEWEST).limit(_limit(number))


def _at_that_time(number: int) -> Select[Any]:
    first, last = bindparam(f"first_{number}", type_=MOMENT), bindparam(f"last_{number}", type_=MOMENT)
    during = (events.c.at >= first, events.c.at <= last)
    return _EVENT.where(_on(number), *during).order_by(events.c.at.desc()).limit(_limit(number))


def _of_case(number: int) -> Select[Any]:
    its = events.c.case_key == bindparam(f"case_{number}")
    return _EVENT.where(HAS_CASE, its).order_by(_NEWEST).limit(_limit(number))


_OF_PROCESS, _STARTS, _NAMES, _CHILDREN, _SAME_HOUR, _OF_CASE = map(
    Question, (_of_process, _telling(START), _telling(QUERY), _children, _at_that_time, _of_case)
)
