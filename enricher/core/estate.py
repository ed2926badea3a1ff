"""What the house says about its own computers and accounts: `config/estate.yml`, as a frozen value.

What is not written there is unknown, and an unknown adds no points.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from unicodedata import normalize

import idna

from enricher.core.document import EstateDoc
from enricher.core.hostnames import LONGEST

ROLES = ("workstation", "developer", "build", "server", "domain_controller", "jump_host")


@dataclass(frozen=True, slots=True)
class Window:
    """A weekly maintenance window, in UTC. `days` are 0 (Monday) to 6, of its beginning; it may run past midnight, and one that
    ends when it begins lasts a day.
    """

    days: frozenset[int]
    begins: time
    ends: time

    def open_at(self, at: datetime) -> bool:
        """Whether an aware time falls inside; the end itself is outside."""
        moment = at.astimezone(UTC)
        clock, day = moment.time(), moment.weekday()
        if self.begins < self.ends:
            return day in self.days and self.begins <= clock < self.ends
        return (day in self.days and clock >= self.begins) or ((day - 1) % 7 in self.days and clock < self.ends)

    def covers(self, first: datetime, last: datetime) -> bool:
        """Whether all the time between two aware times falls inside, into one opening of the window."""
        return self.open_at(first) and first <= last and last - first < self._left(first.astimezone(UTC))

    def _left(self, moment: datetime) -> timedelta:
        """How long the window stays open from a moment inside it."""
        closes = datetime.combine(moment.date(), self.ends, UTC)
        return (closes if closes > moment else closes + timedelta(days=1)) - moment


Span = tuple[datetime | None, datetime | None]
"""When contact was made, and until when where one row stands for several contacts; no first time: not known when."""


def covered(windows: Sequence[Window], contacts: Sequence[Span]) -> bool:
    """Whether every contact fell into a window; one whose time is not known did not, and no contact at all proves nothing."""
    return bool(contacts) and all(
        first is not None and any(window.covers(first, last or first) for window in windows) for first, last in contacts
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the file. `hosts` are names in any case; `*` stands for any run of characters of one label, and a name
    without a dot is also that of a host in any domain.
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
        """Whether an aware time falls into a window."""
        return any(window.open_at(at) for window in self.maintenance)

    def only_in_maintenance(self, contacts: Sequence[Span]) -> bool:
        """Whether every one of them fell into a window, as `covered` says."""
        return covered(self.maintenance, contacts)


@dataclass(frozen=True)
class Estate:
    """Hosts and service accounts. Built once; asking is cheap and remembered."""

    entries: tuple[Entry, ...] = ()
    service_accounts: frozenset[str] = frozenset()
    """In lower case."""
    _remembered: Callable[[str], HostFacts | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = _Index.of(self.entries)
        object.__setattr__(self, "_remembered", lru_cache(maxsize=16_384)(lambda name: _facts(index.entries(name))))

    def about(self, host: str) -> HostFacts | None:
        """What is known of a host, however its name is spelled; None where no entry names it."""
        return self._remembered(_folded(host)) if len(host) <= LONGEST + 1 else None  # and its dot

    def service_account(self, user: str | None) -> bool | None:
        """Whether the file names this account, in any case; None where no user is known, or the file names no accounts."""
        return user.lower() in self.service_accounts if user and self.service_accounts else None

    def described(self, host: str, user: str | None, contacts: Iterable[datetime]) -> EstateDoc | None:
        """What the file says of a case's host and account; None where it names neither. `contacts` are aware times."""
        facts = self.about(host)
        service = self.service_account(user)
        if facts is None and not service:
            return None
        return EstateDoc(
            role=facts.role if facts else None,
            groups=sorted(facts.groups) if facts else [],
            owner=facts.owner if facts else None,
            maintenance=facts is not None and any(map(facts.in_maintenance, contacts)),
            service_account=service,
        )


# --- finding the entries of a host ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Index:
    """Whole names are looked up; only patterns are tried one by one, and each host once."""

    all: tuple[Entry, ...]
    whole: dict[str, list[int]]
    patterns: tuple[tuple[int, re.Pattern[str]], ...]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> _Index:
        whole: dict[str, list[int]] = {}
        patterns: list[tuple[int, re.Pattern[str]]] = []
        for number, entry in enumerate(entries):
            for host in map(_folded, entry.hosts):
                if "*" in host:
                    patterns.append((number, _compiled(host)))
                else:
                    whole.setdefault(host, []).append(number)
        return cls(tuple(entries), whole, tuple(patterns))

    def entries(self, name: str) -> list[Entry]:
        """Those that name the host, in the order of the file."""
        names = tuple(_names(name))
        found = {number for each in names for number in self.whole.get(each, ())}
        found |= {number for number, pattern in self.patterns if any(map(pattern.fullmatch, names))}
        return [self.all[number] for number in sorted(found)]


def _facts(found: Sequence[Entry]) -> HostFacts | None:
    if not found:
        return None
    return HostFacts(
        groups=frozenset().union(*(entry.groups for entry in found)),
        role=next((entry.role for entry in found if entry.role), None),
        owner=next((entry.owner for entry in found if entry.owner), None),
        maintenance=tuple(window for entry in found for window in entry.maintenance),
    )


def _folded(name: str) -> str:
    """Lower case, no trailing dot, labels of IDNA as people write them."""
    lowered = normalize("NFC", name.strip().lower()).rstrip(".")
    return ".".join(map(_as_written, lowered.split("."))) if "xn--" in lowered else lowered


def _as_written(label: str) -> str:
    try:
        return idna.ulabel(label) if label.startswith("xn--") else label
    except UnicodeError:  # idna.IDNAError is one
        return label


def _names(name: str) -> Iterator[str]:
    """A host's name, and its first label, but of an address."""
    yield name
    short = name.partition(".")[0]
    if short != name and not name.replace(".", "").isdigit():
        yield short


def _compiled(host: str) -> re.Pattern[str]:
    """A pattern in linear time: each literal is taken where it comes first, which is as good as anywhere later."""
    first, *literals = re.split(r"\*+", host)
    inner = "".join(rf"(?>[^.]*?{re.escape(literal)})" for literal in literals[:-1])
    return re.compile(rf"{re.escape(first)}{inner}[^.]*{re.escape(literals[-1])}")
