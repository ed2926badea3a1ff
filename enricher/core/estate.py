"""What the house says about its own computers and accounts: `config/estate.yml`, as a frozen value.

What is not written there is unknown, and an unknown adds no points.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import lru_cache

ROLES = ("workstation", "developer", "build", "server", "domain_controller", "jump_host")


@dataclass(frozen=True, slots=True)
class Window:
    """A weekly maintenance window, in UTC. `days` are 0 (Monday) to 6, of its beginning; it may run past midnight."""

    days: frozenset[int]
    begins: time
    ends: time

    def open_at(self, at: datetime) -> bool:
        """Whether an aware UTC time falls inside; the end itself is outside."""
        clock, day = at.time(), at.weekday()
        if self.begins < self.ends:
            return day in self.days and self.begins <= clock < self.ends
        return (day in self.days and clock >= self.begins) or ((day - 1) % 7 in self.days and clock < self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the file. `hosts` are names in lower case; `*` stands for any run of characters of one label, and a
    name without a dot is also that of a host in any domain.
    """

    hosts: tuple[str, ...]
    groups: frozenset[str] = frozenset()
    role: str | None = None
    owner: str | None = None
    maintenance: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """All that the file says of one host: groups and windows of every entry that names it, role and owner of the first."""

    groups: frozenset[str]
    role: str | None
    owner: str | None
    maintenance: tuple[Window, ...]

    def in_maintenance(self, at: datetime) -> bool:
        """Whether an aware UTC time falls into a window."""
        return any(window.open_at(at) for window in self.maintenance)


@dataclass(frozen=True)
class Estate:
    """Hosts and service accounts. Built once; asking is cheap and remembered."""

    entries: tuple[Entry, ...] = ()
    service_accounts: frozenset[str] = frozenset()
    """In lower case."""
    _remembered: Callable[[str], HostFacts | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        patterns = tuple((_compiled(entry.hosts), entry) for entry in self.entries)
        object.__setattr__(self, "_remembered", lru_cache(maxsize=16_384)(lambda name: _find(patterns, name)))

    def about(self, host: str) -> HostFacts | None:
        """What is known of a host; None where no entry names it."""
        return self._remembered(host.lower().rstrip("."))

    def is_service_account(self, user: str) -> bool:
        """Whether the file names this account; the spelling's case does not matter."""
        return user.lower() in self.service_accounts


def _find(patterns: Iterable[tuple[re.Pattern[str], Entry]], name: str) -> HostFacts | None:
    short = name.partition(".")[0]
    found = [entry for pattern, entry in patterns if pattern.fullmatch(name) or pattern.fullmatch(short)]
    if not found:
        return None
    return HostFacts(
        groups=frozenset().union(*(entry.groups for entry in found)),
        role=next((entry.role for entry in found if entry.role), None),
        owner=next((entry.owner for entry in found if entry.owner), None),
        maintenance=tuple(window for entry in found for window in entry.maintenance),
    )


def _compiled(hosts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(host).replace(r"\*", "[^.]*") for host in hosts))
