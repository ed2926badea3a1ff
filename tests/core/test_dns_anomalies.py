"""What the queries of one host show, at and around each limit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from enricher.core.dns_anomalies import BURST_FAILURES, ROTATION_TENANTS, DnsAnomalies
from enricher.core.join import join
from enricher.model import DnsQuery, Event
from tests.fakes import CHROME, HOST, RELAY, asked, at, connected, facts_of, guid, packaged_programs, started

OTHER_HOST = "ws-hr-0007.corp.example"


def anomalies(*events: Event) -> dict[str, tuple[str, ...]]:
    return {facts.signal.host: facts.dns_anomalies for facts in facts_of(*events)}


def rotation(count: int, span_s: float, **more: Any) -> list[DnsQuery]:
    """One query for each of `count` tenants, evenly over `span_s`."""
    return [
        asked(f"c2.t{i}.workers.dev", span_s * i / max(1, count - 1), answers=(f"104.21.0.{i + 1}",), **more)
        for i in range(count)
    ]


def test_more_than_eight_tenants_in_an_hour() -> None:
    found = anomalies(*rotation(ROTATION_TENANTS + 1, 3600))
    assert len(found) == 9
    assert set(found.values()) == {("tenant_rotation",)}


@pytest.mark.parametrize(
    "queries",
    [
        pytest.param(rotation(ROTATION_TENANTS, 3600), id="eight tenants"),
        pytest.param(rotation(ROTATION_TENANTS + 1, 3601), id="a second more than an hour"),
        pytest.param([asked(f"h{i}.one.workers.dev", i) for i in range(20)], id="many hosts of one tenant"),
        pytest.param([*rotation(5, 60), *rotation(4, 60, computer=OTHER_HOST)], id="two hosts"),
        pytest.param([*rotation(5, 60), *(asked(f"t{i}.vercel.app", i) for i in range(4))], id="two families"),
        pytest.param(rotation(9, 60, at=None), id="queries without a time"),
        pytest.param([asked(f"p{i}.script.google.com", i) for i in range(9)], id="no catalog names"),
    ],
)
def test_no_rotation(queries: list[DnsQuery]) -> None:
    assert all("tenant_rotation" not in found for found in anomalies(*queries).values())


def test_rotation_is_charged_in_its_window_only() -> None:
    late = asked("c2.t0.workers.dev", 3 * 3600, answers=("104.21.9.9",), guid=guid(2))
    found = [(f.signal.process.guid, f.dns_anomalies) for f in facts_of(*rotation(9, 60), late)]
    assert [names for process, names in found if process == guid(2)] == [()]
    assert {names for process, names in found if process == guid(1)} == {("tenant_rotation",)}


def test_overlapping_windows_are_one_and_later_ones_another() -> None:
    first, second = rotation(20, 7200), [asked(f"c2.u{i}.workers.dev", 50_000 + i) for i in range(9)]
    assert set(anomalies(*first, *second).values()) == {("tenant_rotation",)}


def rotations(*events: Event) -> dict[tuple[str, str], datetime]:
    return DnsAnomalies(join(events), packaged_programs().rules.catalog, frozenset()).rotations


def test_a_rotation_is_known_from_its_ninth_tenant_on() -> None:
    """By host and family; queries of tenants known by then move nothing, nor does a later rotation."""
    again = [asked("c2.t0.workers.dev", 4), *(asked(f"c2.u{i}.workers.dev", 50_000 + i) for i in range(9))]
    elsewhere = [asked(f"t{i}.vercel.app", 100 + i, computer=OTHER_HOST) for i in range(12)]
    found = rotations(*again[::-1], *rotation(12, 110)[::-1], *elsewhere)
    assert found == {(HOST, "cf-workers"): at(80), (OTHER_HOST, "vercel"): at(108)}


def test_a_rotation_that_goes_on_keeps_its_moment() -> None:
    assert set(rotations(*rotation(40, 39 * 300)).values()) == {at(8 * 300)}


def test_without_a_rotation_there_is_no_moment() -> None:
    assert rotations(*rotation(ROTATION_TENANTS, 60)) == {}


# --- bursts of failures ---------------------------------------------------------------------------------------------


def failures(count: int, span_s: float, status: int = 9003, name: str = RELAY, **more: Any) -> list[DnsQuery]:
    return [asked(name, span_s * i / max(1, count - 1), status=status, answers=(), **more) for i in range(count)]


@pytest.mark.parametrize("status", [9002, 9003, 9005, 1460])
def test_five_failures_in_ten_minutes(status: int) -> None:
    assert anomalies(*failures(BURST_FAILURES, 600, status)) == {RELAY: ("failed_burst",)}


@pytest.mark.parametrize(
    "queries",
    [
        pytest.param(failures(4, 60), id="four"),
        pytest.param(failures(5, 601), id="a second more than ten minutes"),
        *(pytest.param(failures(9, 60, status), id=f"status {status}") for status in (0, 9501, 9502, 9701, 1223, 87, 997)),
        pytest.param([*failures(3, 60), *failures(2, 60, name="b.other-lab.workers.dev")], id="two tenants"),
        pytest.param([*failures(3, 60), *failures(2, 60, computer=OTHER_HOST)], id="two hosts"),
    ],
)
def test_no_burst(queries: list[DnsQuery]) -> None:
    assert all("failed_burst" not in found for found in anomalies(*queries).values())


def test_failures_of_several_processes_and_hosts_of_a_tenant_add_up() -> None:
    queries = [asked(f"h{i}.example-lab.workers.dev", i, status=9003, answers=(), guid=guid(i)) for i in range(1, 6)]
    assert set(anomalies(*queries).values()) == {("failed_burst",)}


def test_without_a_tenant_the_family_counts() -> None:
    assert anomalies(*failures(5, 60, name="script.google.com")) == {"script.google.com": ("failed_burst",)}


# --- asked for, never used ------------------------------------------------------------------------------------------

ELSEWHERE = connected(10, ip="198.51.100.7", guid=guid(9))
"""A connection of another process to somewhere else: connections of this host are collected."""


def test_never_connected() -> None:
    assert anomalies(asked(), ELSEWHERE) == {RELAY: ("never_connected",)}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([asked()], id="no connection of the host at all: perhaps none is collected"),
        pytest.param([asked(), connected(3601, ip="198.51.100.7", guid=guid(9))], id="more than an hour later"),
        pytest.param([asked(), connected(-3601, ip="198.51.100.7", guid=guid(9))], id="more than an hour before"),
        pytest.param([asked(), connected(10, ip="198.51.100.7", computer=OTHER_HOST)], id="another host's"),
        pytest.param([asked(), connected(10, ip="198.51.100.7", at=None)], id="a connection without a time"),
        pytest.param([asked(), connected(0.1)], id="connected"),
        pytest.param([asked(), connected(1800, guid=guid(9))], id="connected by another process, much later"),
        pytest.param([asked(status=9003, answers=()), ELSEWHERE], id="a failed query"),
        pytest.param([asked(answers=("10.0.0.5",)), ELSEWHERE], id="a private answer"),
        pytest.param([asked(answers=None), ELSEWHERE], id="answers not at hand"),
    ],
)
def test_not_never_connected(events: list[Event]) -> None:
    assert all("never_connected" not in found for found in anomalies(*events).values())


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_an_hour_either_way_is_still_collected(seconds: float) -> None:
    assert anomalies(asked(), connected(seconds, ip="198.51.100.7", guid=guid(9))) == {RELAY: ("never_connected",)}


# --- browsers -------------------------------------------------------------------------------------------------------


def test_queries_of_verified_browsers_are_neither_counted_nor_charged() -> None:
    browser = started(CHROME, guid=guid(1))
    assert set(anomalies(browser, *rotation(9, 60), *failures(5, 60), ELSEWHERE).values()) == {()}
    own = [asked("c2.own.workers.dev", 30, guid=guid(2), answers=("104.21.7.7",))]
    assert anomalies(browser, *rotation(8, 60), *own)["c2.own.workers.dev"] == (), "eight of a browser and one other"


def test_all_three_come_in_a_fixed_order() -> None:
    events = [*rotation(9, 60), *failures(5, 60, name="c2.t0.workers.dev"), connected(5, ip="198.51.100.7", guid=guid(9))]
    assert anomalies(*events)["c2.t0.workers.dev"] == ("tenant_rotation", "failed_burst", "never_connected")
