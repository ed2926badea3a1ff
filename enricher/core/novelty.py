"""How new and how common a tenant is in this estate, from who contacted it first and when.

Nothing is said before history spans thirty days, because everything is new then. Where a platform's names do not tell which
customer, the target is the whole platform: how new that is says nothing of anybody.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from enricher.core.memory import NEW_FOR, SPAN_NEEDED, Past

SHARED_WITHIN = timedelta(days=1)
NAMED_HOSTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """How far back history goes (`since`, None without any) at the time of judgement (`now`), by our own clock."""

    now: datetime
    since: datetime | None = None

    @property
    def long_enough(self) -> bool:
        """Whether history says what is new."""
        return self.since is not None and self.now - self.since >= SPAN_NEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Novelty:
    """`first_seen` and `hosts` (how many, this one included) as far as is known; `others` are named, the earliest first.

    `new_tenant`: first contacted by anybody in the last seven days. `starters`: how many hosts, this one included, began
    with the tenant within a day of each other. Both are None where history is too short, or where there is no tenant.
    """

    first_seen: datetime | None = None
    hosts: int | None = None
    others: tuple[str, ...] = ()
    new_tenant: bool | None = None
    starters: int | None = None


UNKNOWN = Novelty()


def novelty(
    past: Past, host: str, at_hand: Mapping[str, datetime], latest: datetime | None, horizon: Horizon, *, tenant: bool
) -> Novelty:
    """Put together what is remembered with the contacts at hand: the first of each host, and the host's `latest`.

    `tenant`: the target is one customer's.
    """
    first = _earlier(_earlier(past.hosts, at_hand), {host: past.first_here} if past.first_here else {})
    if not first:
        return UNKNOWN
    here, earliest = first.get(host), min(first.values())
    all_named = past.host_count <= len(past.hosts)
    others = sorted((at, name) for name, at in first.items() if name != host)
    judged = here is not None and tenant and horizon.long_enough
    return Novelty(
        first_seen=earliest,
        hosts=len(first) if all_named else past.host_count + (past.first_here is None and here is not None),
        others=tuple(name for _, name in others[:NAMED_HOSTS]),
        new_tenant=(latest or here) - earliest <= NEW_FOR if judged and here else None,
        starters=_starters(sorted(first.values()), here) if judged and here else None,
    )


def _earlier(one: Mapping[str, datetime], other: Mapping[str, datetime]) -> dict[str, datetime]:
    return {host: min(at for at in (one.get(host), other.get(host)) if at is not None) for host in {*one, *other}}


def _starters(firsts: Sequence[datetime], here: datetime) -> int:
    """The most hosts that began within one day that holds `here`."""
    begins = firsts[bisect_left(firsts, here - SHARED_WITHIN) : bisect_right(firsts, here)]
    return max(bisect_right(firsts, begin + SHARED_WITHIN) - bisect_left(firsts, begin) for begin in begins)
