"""Answers outlive the process: with a warm database nothing is asked, until their time is over."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from enricher.lookups import AllLookups
from enricher.lookups.asn import Asn
from enricher.lookups.dns import Dns, Forward, Ptr
from enricher.lookups.rdap import Rdap
from enricher.lookups.source import Source
from enricher.model import Enrichment, Observable, ObservableKind, Status
from enricher.store import Store
from tests.lookups.loopback import SILENT, DnsServer, Zone, http_server
from tests.store.fakes import Clock, Estate

pytestmark = pytest.mark.slow

SOON_S = 5.0
SOUGHT = [
    Observable(ObservableKind.ADDRESS, "8.8.8.8"),
    Observable(ObservableKind.ADDRESS, "9.9.9.9"),
    Observable(ObservableKind.HOSTNAME, "a.workers.dev"),
]
ZONE: dict[tuple[str, str], str | list[str]] = {
    ("8.8.8.8.in-addr.arpa", "PTR"): ["dns.google."],
    ("8.8.8.8.origin.asn.cymru.com", "TXT"): ['"15169 | 8.8.8.0/24 | US | arin | 2023-12-28"'],
    ("AS15169.asn.cymru.com", "TXT"): ['"15169 | US | arin | 2000-03-30 | GOOGLE, US"'],
    ("a.workers.dev", "A"): ["104.21.48.117"],
}
"""9.9.9.9 has neither a name nor an origin: those answers are absences."""
NETWORK = b'{"objectClassName": "ip network", "handle": "NET-1", "name": "NETWORK", "startAddress": "8.0.0.0", "endAddress": "9.255.255.255", "ipVersion": "v4", "type": null, "entities": []}'


class World:
    """DNS and RDAP on loopback; what one process after the other asks of them."""

    def __init__(self, zone: Zone) -> None:
        self.dns = DnsServer(zone)
        self.paths: list[str] = []

    def handle(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.paths.append(path)
        return 200, {}, NETWORK

    @property
    def questions(self) -> int:
        return len(self.dns.asked) + len(self.paths)

    def process(self, store: Store, clock: Clock, url: str) -> AllLookups:
        """Look-ups with an empty memory: a process that has just begun."""
        dns = Dns(self.dns.servers, timeout_s=0.5)
        sources: list[Source] = [Forward(dns), Ptr(dns), Asn(dns), Rdap(url)]
        return AllLookups(sources, clock=clock, cache=store.cache, rates={"rdap": 50.0})


def told(found: list[Enrichment]) -> dict[tuple[str, str], tuple[Status, dict[str, object]]]:
    return {(e.source, e.about): (e.status, dict(e.detail)) for e in found}


def settled(name: str = "lookup-") -> None:
    """Wait until every thread of a crew has ended: the answers are in the database then."""
    for thread in threading.enumerate():
        if thread.name.startswith(name):
            thread.join(SOON_S)
            assert not thread.is_alive(), thread.name


def test_a_restart_with_a_warm_database_asks_nothing(estate: Estate, store: Store, clock: Clock) -> None:
    world = World(ZONE)
    with world.dns, http_server(world.handle) as url:
        first = world.process(store, clock, url).about(SOUGHT)
        settled()
        assert {e.status for e in first} == {Status.OK, Status.NEGATIVE}
        asked = world.questions
        assert asked > len(SOUGHT)
        clock.now += timedelta(minutes=4)
        again = world.process(estate.open(), clock, url).about(SOUGHT)
        assert told(again) == told(first)
        assert {e.age_s for e in again} == {240}
        assert world.questions == asked


AFTER = {
    "4 minutes": (timedelta(minutes=4), set()),
    "6 minutes": (timedelta(minutes=6), {("forward", "a.workers.dev")}),
    "61 minutes": (timedelta(minutes=61), {("forward", "a.workers.dev"), ("ptr", "9.9.9.9"), ("asn", "9.9.9.9")}),
    "7 hours": (
        timedelta(hours=7),
        {("forward", "a.workers.dev"), ("ptr", "9.9.9.9"), ("asn", "9.9.9.9"), ("ptr", "8.8.8.8")},
    ),
    "25 hours": (
        timedelta(hours=25),
        {("forward", "a.workers.dev"), ("ptr", "9.9.9.9"), ("asn", "9.9.9.9"), ("ptr", "8.8.8.8"), ("asn", "8.8.8.8")},
    ),
    "8 days": (
        timedelta(days=8),
        {
            *(("forward", "a.workers.dev"), ("ptr", "9.9.9.9"), ("asn", "9.9.9.9"), ("ptr", "8.8.8.8")),
            *(("asn", "8.8.8.8"), ("rdap", "8.8.8.8"), ("rdap", "9.9.9.9")),
        },
    ),
}


@pytest.mark.parametrize(("later", "expired"), AFTER.values(), ids=AFTER)
def test_each_answer_is_good_for_its_own_time(
    later: timedelta, expired: set[tuple[str, str]], estate: Estate, store: Store, clock: Clock
) -> None:
    """What has expired is asked for again: those answers are new, the others as old as they are."""
    world = World(ZONE)
    with world.dns, http_server(world.handle) as url:
        world.process(store, clock, url).about(SOUGHT)
        settled()
        clock.now += later
        again = world.process(estate.open(), clock, url).about(SOUGHT)
        settled()
        assert {(e.source, e.about) for e in again if e.age_s == 0} == expired
        assert {e.age_s for e in again} - {0} <= {int(later.total_seconds())}


@pytest.mark.parametrize(
    ("later", "stale"),
    [
        pytest.param(timedelta(hours=7), {"ptr"}, id="7 hours: the name has expired"),
        pytest.param(timedelta(days=2), {"ptr", "asn"}, id="2 days: the network too"),
        pytest.param(timedelta(days=8), {"asn"}, id="8 days: the name is too old to stand in"),
        pytest.param(timedelta(days=32), set[str](), id="32 days: the network too"),
    ],
)
def test_after_a_restart_an_old_answer_stands_in_while_the_source_is_silent(
    later: timedelta, stale: set[str], estate: Estate, store: Store, clock: Clock
) -> None:
    world = World(ZONE)
    with world.dns, http_server(world.handle) as url:
        world.process(store, clock, url).about(SOUGHT[:1])
        settled()
        world.dns.zone = dict.fromkeys(ZONE, SILENT)
        clock.now += later
        found = world.process(estate.open(), clock, url).about(SOUGHT[:1])
        settled()
    assert {e.source for e in found if e.status is Status.STALE} == stale
    assert {e.age_s for e in found if e.status is Status.STALE} <= {int(later.total_seconds())}
    assert all("timeout: no answer from DNS" in str(e.reason) for e in found if e.status is Status.STALE)


def test_failures_are_not_written_down(store: Store, clock: Clock) -> None:
    world = World(dict.fromkeys(ZONE, "SERVFAIL"))
    with world.dns, http_server(lambda _: (500, {}, b"")) as url:
        found = world.process(store, clock, url).about(SOUGHT[:1])
        settled()
    assert {e.status for e in found} == {Status.ERROR}
    assert [store.cache.get(e.source, e.about) for e in found] == [None, None, None]
