"""How new and how common: never before history is long enough, and the same in whatever order contacts came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from enricher.core.memory import NEW_FOR, SPAN_NEEDED, Past
from enricher.core.novelty import UNKNOWN, Horizon, Novelty, novelty
from tests.fakes import NOON

LONG = Horizon(now=NOON, since=NOON - SPAN_NEEDED)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def seen(
    hosts: Mapping[str, datetime] | None = None,
    at_hand: Mapping[str, datetime] | None = None,
    *,
    horizon: Horizon = LONG,
    tenant: bool = True,
    count: int | None = None,
    first_here: datetime | None = None,
) -> Novelty:
    hosts = hosts or {}
    past = Past(hosts=hosts, host_count=len(hosts) if count is None else count, first_here=first_here)
    own = {"ours": NOON} if at_hand is None else at_hand
    return novelty(past, "ours", own, own.get("ours"), horizon, tenant=tenant)


def test_a_tenant_nobody_knew() -> None:
    assert seen() == Novelty(first_seen=NOON, hosts=1, new_tenant=True, starters=1)


def test_nothing_at_all_is_unknown() -> None:
    assert seen(at_hand={}) == UNKNOWN


@pytest.mark.parametrize(
    ("age", "new"),
    [
        pytest.param(NEW_FOR, True, id="seven days"),
        pytest.param(NEW_FOR + HOUR, False, id="an hour more"),
        pytest.param(timedelta(days=200), False, id="long known"),
    ],
)
def test_how_long_a_tenant_is_new(age: timedelta, *, new: bool) -> None:
    found = seen({"other": NOON - age})
    assert (found.new_tenant, found.first_seen, found.hosts, found.others) == (new, NOON - age, 2, ("other",))


@pytest.mark.parametrize(
    "horizon",
    [
        pytest.param(Horizon(now=NOON), id="no history yet"),
        pytest.param(Horizon(now=NOON, since=NOON - SPAN_NEEDED + HOUR), id="an hour short of thirty days"),
    ],
)
def test_short_history_calls_nothing_new(horizon: Horizon) -> None:
    found = seen({"other": NOON - HOUR}, horizon=horizon)
    assert (found.new_tenant, found.starters) == (None, None)
    assert (found.first_seen, found.hosts) == (NOON - HOUR, 2), "what is known is told"


def test_a_platform_without_tenants_is_never_new() -> None:
    found = seen(tenant=False)
    assert (found.new_tenant, found.starters, found.hosts) == (None, None, 1)


@pytest.mark.parametrize(
    ("firsts", "starters"),
    [
        pytest.param([-HOUR, -2 * HOUR], 3, id="three within hours"),
        pytest.param([-DAY, -DAY - HOUR], 2, id="one a day before, one a little earlier"),
        pytest.param([-DAY, DAY], 2, id="a day before and a day after are two days apart"),
        pytest.param([-5 * DAY, -5 * DAY - HOUR], 1, id="others began together, long before"),
        pytest.param([HOUR, 2 * HOUR, DAY], 4, id="this host was the first"),
    ],
)
def test_how_many_hosts_began_within_a_day(firsts: list[timedelta], starters: int) -> None:
    assert seen({f"h{n}": NOON + first for n, first in enumerate(firsts)}).starters == starters


def test_a_host_that_is_not_among_the_named_ones_counts_once() -> None:
    named = {f"h{n:02d}": NOON - DAY + timedelta(seconds=n) for n in range(21)}
    assert seen(named, count=500, first_here=NOON - HOUR).hosts == 500
    assert seen(named, count=500).hosts == 501
    assert len(seen(named, count=500).others) == 20


def test_other_hosts_of_the_same_alert_count() -> None:
    found = seen({}, {"ours": NOON, "theirs": NOON - HOUR})
    assert (found.hosts, found.first_seen, found.others) == (2, NOON - HOUR, ("theirs",))


def test_an_earlier_contact_that_comes_late_is_the_first() -> None:
    early = seen({"ours": NOON}, {"ours": NOON - DAY}, first_here=NOON)
    late = seen({"ours": NOON - DAY}, {"ours": NOON}, first_here=NOON - DAY)
    assert early.first_seen == late.first_seen == NOON - DAY
    assert early.hosts == late.hosts == 1
