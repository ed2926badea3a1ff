"""Silence: how often a source is to be heard, when it has not been for too long, and how each stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from enricher.core import canary, requery
from enricher.core.fields import fold
from enricher.model import Alert, Kind

What = Literal["webhook", "heartbeat", "logs"]
"""No webhook of a source; a heartbeat that stopped; a monitor that says that logs stopped."""

Fault = Literal["interval", "room"]
"""Why a heartbeat is not watched: it states no usable interval; its source has as many as are remembered."""

OWN = frozenset({canary.SOURCE, requery.SOURCE})
"""What the service sends itself: nobody waits for it here."""
SHORTEST_S, LONGEST_S = 60.0, 7 * 86_400.0
GRACE_S = 300.0
"""Beyond twice the interval: a search may start late, and what it sends is settled a little later."""
AWAY = timedelta(minutes=5)
"""So long without a look, and the service was not there to hear anything."""
NAME = 200
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_EVERY = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """What an alert says of whether its source lives. `every_s` only of a heartbeat; None there: it states no usable interval.

    `ended`: of `logs`, that they come again.
    """

    what: What
    name: str
    every_s: float | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Something that is to be heard every `every_s` seconds, and was last at `heard_at`."""

    what: What
    source: str
    name: str
    every_s: float
    heard_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One that has begun: nothing since `since`, noticed at `begun_at`; `ended_at` when it was heard again."""

    key: str
    what: What
    source: str
    name: str
    since: datetime
    begun_at: datetime
    ended_at: datetime | None = None

    @property
    def dropped(self) -> bool:
        """It is over because nobody watches any more: nothing was heard."""
        return self.what != "logs" and self.ended_at == self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """A heartbeat that is not watched as it asks to be, and when such a one last came."""

    source: str
    name: str
    fault: Fault
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How one source is watched. `every_s` is the shortest interval at which something of it is to be heard.

    `heartbeat_at` is when its last heartbeat came. `silences` go on, the oldest first.
    """

    every_s: float | None = None
    heartbeat_at: datetime | None = None
    silences: tuple[Silence, ...] = ()
    faulty: tuple[Faulty, ...] = ()
    own: bool = False
    """It is the service itself that sends it."""

    @property
    def watched(self) -> bool:
        return self.every_s is not None

    @property
    def silent_since(self) -> datetime | None:
        return min((one.since for one in self.silences), default=None)


def every_of(text: str | None) -> float | None:
    """`15m`, `1h`, `7d` as seconds; None for anything else, and for less than a minute or more than a week."""
    found = _EVERY.fullmatch((text or "").strip().lower())
    seconds = float(int(found[1]) * _UNITS[found[2]]) if found else 0.0
    return seconds if SHORTEST_S <= seconds <= LONGEST_S else None


def vital_of(alert: Alert) -> Vital | None:
    """What the alert says of its source's life; None for every other."""
    name = (alert.name or "")[:NAME]
    if alert.kind is Kind.HEARTBEAT:
        return Vital(what="heartbeat", name=name, every_s=every_of(alert.every))
    trigger = fold(alert.trigger or "")
    if trigger == "missingdata" and alert.kind is Kind.MONITOR:
        return Vital(what="logs", name=name)
    if trigger == "resolvedmissingdata":
        return Vital(what="logs", name=name, ended=True)
    return None


def watchings(watched: Sequence[Watched], silences: Sequence[Silence], faulty: Sequence[Faulty]) -> dict[str, Watching]:
    """How every source is watched of which there is something to say, by name."""
    names = OWN.union(*({one.source for one in some} for some in (watched, silences, faulty)))
    return {name: _watching(name, watched, silences, faulty) for name in sorted(names)}


def _watching(name: str, watched: Sequence[Watched], silences: Sequence[Silence], faulty: Sequence[Faulty]) -> Watching:
    its = [one for one in watched if one.source == name]
    return Watching(
        every_s=min((one.every_s for one in its), default=None),
        heartbeat_at=max((one.heard_at for one in its if one.what == "heartbeat"), default=None),
        silences=tuple(one for one in silences if one.source == name),
        faulty=tuple(one for one in faulty if one.source == name),
        own=name in OWN,
    )


def by_source(every_s: Mapping[str, float], heard: Mapping[str, datetime]) -> list[Watched]:
    """The sources that are to send so often, as far as they have ever been heard."""
    return [
        Watched(what="webhook", source=name, name="", every_s=every_s[name], heard_at=at)
        for name, at in heard.items()
        if name in every_s and name not in OWN
    ]


def up_since(looked_at: datetime | None, before: datetime | None, now: datetime) -> datetime:
    """Since when the service has been there to hear: from now, where nobody has looked for a while."""
    return now if looked_at is None or before is None or now - looked_at > AWAY else before


def is_silent(one: Watched, up: datetime, now: datetime) -> bool:
    """Whether it was not heard for two intervals and a little, of the time that we could have heard it."""
    return now - max(one.heard_at, up) > timedelta(seconds=2 * one.every_s + GRACE_S)


def has_ended(silence: Silence, watched: Collection[Watched]) -> datetime | None:
    """When it was heard again. Of one that nobody watches any more: when it was heard last. None: it goes on."""
    if silence.what == "logs":
        return None  # what said so says when it is over
    for one in watched:
        if (one.what, one.source, one.name) == (silence.what, silence.source, silence.name):
            return one.heard_at if one.heard_at > silence.since else None
    return silence.since
