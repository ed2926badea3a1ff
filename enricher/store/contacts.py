"""Contacts over time: when a group made them, and which hosts contact its target at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, func, literal_column, select

from enricher.core.memory import WINDOW, Group, Past
from enricher.store.parts import Question
from enricher.store.schema import MOMENT, NAME, sightings, stored_name, target_hosts

MAX_TIMES = 1_000
"""Of each kind, the newest."""
MAX_HOSTS = 21
"""The host itself, and as many others as a case names."""
MAX_COUNT = 10_001
"""Beyond it, hosts are not counted: it is a crowd."""
KINDS = ("connection", "query")


def contacts_of(conn: Connection, until: Mapping[Group, datetime]) -> dict[Group, Past]:
    """What is remembered of each group up to its own time: one clock that is ahead hides nothing of another process."""
    groups, times = list(until), _times(conn, until)
    targets = list(dict.fromkeys(stored_name(group.target) for group in groups))
    hosts: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for row in _EARLIEST.ask(conn, [{"target": target, "limit": MAX_HOSTS} for target in targets]):
        hosts[row.target][row.host] = row.first_at
    crowded = _crowded(conn, [group for group in groups if len(hosts[stored_name(group.target)]) == MAX_HOSTS])
    return {
        group: _past(group, times[number], hosts[stored_name(group.target)], crowded) for number, group in enumerate(groups)
    }


def _past(
    group: Group,
    times: Mapping[str, Sequence[datetime]],
    hosts: Mapping[str, datetime],
    crowded: Mapping[Group, tuple[int, datetime | None]],
) -> Past:
    count, first_here = crowded.get(group, (len(hosts), hosts.get(stored_name(group.host))))
    connections, queries = (tuple(reversed(times[kind][:MAX_TIMES])) for kind in KINDS)
    return Past(
        connections=connections,
        queries=queries,
        cut=any(len(times[kind]) > MAX_TIMES for kind in KINDS),
        hosts=hosts,
        host_count=count,
        first_here=first_here,
    )


def _times(conn: Connection, until: Mapping[Group, datetime]) -> list[defaultdict[str, list[datetime]]]:
    """For each group, its times by kind, the newest first, one more than is wanted where there are more."""
    found: list[defaultdict[str, list[datetime]]] = [defaultdict(list) for _ in until]
    asked = [
        {
            "number": number,
            "host": group.host,
            "target": group.target,
            "account": group.user,
            "image": group.image,
            "kind": kind,
            "after": _day_before(last),
            "until": last,
            "limit": MAX_TIMES + 1,
        }
        for number, (group, last) in enumerate(until.items())
        for kind in KINDS
    ]
    for row in _CONTACTS.ask(conn, asked):
        found[row.number][row.kind].append(row.at)
    return found


def _day_before(until: datetime) -> datetime:
    """Times of events are anybody's: one may lie at the beginning of time."""
    try:
        return until - WINDOW
    except OverflowError:
        return until


def _crowded(conn: Connection, groups: Collection[Group]) -> dict[Group, tuple[int, datetime | None]]:
    """How many hosts contact the targets of these groups, and since when the group's own does."""
    counts = {row.target: row.hosts for row in _COUNT.ask(conn, _each([{"target": group.target} for group in groups]))}
    pairs = [{"target": group.target, "host": group.host} for group in groups]
    firsts = {(row.target, row.host): row.first_at for row in _FIRST.ask(conn, _each(pairs))}
    return {
        group: (counts[stored_name(group.target)], firsts.get((stored_name(group.target), stored_name(group.host))))
        for group in groups
    }


def _each(things: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    return list({tuple(thing.values()): thing for thing in things}.values())


# --- its statements, built once ---------------------------------------------------------------------------------------


def _limit(number: int) -> Any:
    return bindparam(f"limit_{number}", type_=Integer)


def _contacts(number: int) -> Select[Any]:
    def given(name: str) -> Any:
        return sightings.c[name] == bindparam(f"{name}_{number}", type_=sightings.c[name].type)

    after, until = (bindparam(f"{name}_{number}", type_=MOMENT) for name in ("after", "until"))
    of_group = map(given, ("host", "target", "account", "image", "kind"))
    return (
        select(bindparam(f"number_{number}", type_=Integer).label("number"), sightings.c.kind, sightings.c.at)
        .where(*of_group, sightings.c.at > after, sightings.c.at <= until)
        .order_by(sightings.c.at.desc())
        .limit(_limit(number))
    )


def _target(number: int) -> Any:
    return bindparam(f"target_{number}", type_=NAME)


def _earliest(number: int) -> Select[Any]:
    first = (target_hosts.c.first_at, target_hosts.c.host)
    query = select(target_hosts.c.target, target_hosts.c.host, target_hosts.c.first_at)
    return query.where(target_hosts.c.target == _target(number)).order_by(*first).limit(_limit(number))


def _count(number: int) -> Select[Any]:
    some = select(literal_column("1")).where(target_hosts.c.target == _target(number)).limit(MAX_COUNT).subquery()
    return select(_target(number).label("target"), select(func.count()).select_from(some).scalar_subquery().label("hosts"))


def _first(number: int) -> Select[Any]:
    host = bindparam(f"host_{number}", type_=NAME)
    query = select(target_hosts.c.target, target_hosts.c.host, target_hosts.c.first_at)
    return query.where(target_hosts.c.target == _target(number), target_hosts.c.host == host)


_CONTACTS, _EARLIEST, _COUNT, _FIRST = map(Question, (_contacts, _earliest, _count, _first))
