"""The DNS sources against a real server: zone files, its own truncation, its own errors."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from enricher.lookups import AllLookups
from enricher.lookups.asn import Asn
from enricher.lookups.dns import Dns, Forward, Ptr
from enricher.lookups.source import Answer
from enricher.model import Observable, ObservableKind, Status

pytestmark = pytest.mark.slow

Server = tuple[str, int]
SOON_S = 5.0
NEGATIVE = Status.NEGATIVE


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("beacon.lab", ["104.21.48.117", "172.67.200.9", "2606:4700::6815:3075"], id="both families"),
        pytest.param("four.lab", ["104.21.48.117"], id="one family"),
        pytest.param("alias.lab", ["104.21.48.117", "172.67.200.9", "2606:4700::6815:3075"], id="through an alias"),
    ],
)
def test_forward(name: str, expected: list[str], nsd: Server) -> None:
    assert Forward(Dns([nsd])).ask(f"{name}.workers.dev").detail == {"addresses": expected}


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        pytest.param("nobody.workers.dev", NEGATIVE, "NXDOMAIN", id="no such name"),
        pytest.param("empty.lab.workers.dev", NEGATIVE, "no A record", id="no address"),
        pytest.param("loop.lab.workers.dev", Status.ERROR, None, id="aliases in a ring"),
        pytest.param("www.broken.example", Status.ERROR, "SERVFAIL", id="a zone that cannot be served"),
        pytest.param("www.elsewhere.example", Status.ERROR, "REFUSED", id="a zone that it does not have"),
    ],
)
def test_forward_endings(name: str, status: Status, reason: str | None, nsd: Server) -> None:
    answer = Forward(Dns([nsd], timeout_s=2.0)).ask(name)
    assert (answer.status, answer.reason if reason else None) == (status, reason)


@pytest.mark.parametrize(
    ("ip", "names"),
    [("8.8.8.8", ["dns.google"]), ("9.9.9.9", ["also.quad9.net", "dns9.quad9.net"])],
)
def test_ptr(ip: str, names: list[str], nsd: Server) -> None:
    assert Ptr(Dns([nsd])).ask(ip) == Answer(status=Status.OK, detail={"names": names})


@pytest.mark.parametrize(("ip", "reason"), [("7.7.7.7", "NXDOMAIN"), ("4.4.4.4", "no PTR record")])
def test_ptr_of_none(ip: str, reason: str, nsd: Server) -> None:
    assert Ptr(Dns([nsd])).ask(ip) == Answer(status=NEGATIVE, reason=reason)


@pytest.mark.parametrize(
    ("ip", "asns", "prefix", "holder"),
    [
        pytest.param("104.21.48.117", [13335], "104.21.48.0/20", "CLOUDFLARENET, US", id="v4"),
        pytest.param("2606:4700::6815:3075", [13335], "2606:4700::/32", "CLOUDFLARENET, US", id="v6"),
        pytest.param("5.20.16.1", [20738, 20773], "5.20.16.0/20", "GD-EMEA-DC-LD5, GB", id="two origins in one record"),
        pytest.param(
            "5.20.16.2", [20738, 20773], "5.20.16.0/20", "GD-EMEA-DC-LD5, GB", id="two records beside a wider one"
        ),
        pytest.param("1.1.1.1", [13335], "1.1.1.0/24", "CLOUDFLARENET, US", id="through an alias"),
        pytest.param("9.9.9.9", [19281], "9.9.9.0/24", None, id="the one of six hundred records, by TCP"),
    ],
)
def test_asn(ip: str, asns: list[int], prefix: str, holder: str | None, nsd: Server) -> None:
    answer = Asn(Dns([nsd])).ask(ip)
    assert (answer.detail["asns"], answer.detail["prefix"], answer.detail["holder"]) == (asns, prefix, holder)


@pytest.mark.parametrize(
    ("ip", "status"),
    [
        pytest.param("7.7.7.7", NEGATIVE, id="announced by nobody"),
        pytest.param("1.1.1.3", NEGATIVE, id="no text"),
        pytest.param("1.1.1.2", Status.ERROR, id="aliases in a ring"),
    ],
)
def test_asn_endings(ip: str, status: Status, nsd: Server) -> None:
    assert Asn(Dns([nsd], timeout_s=2.0)).ask(ip).status is status


def test_eight_threads_at_once_all_sources(nsd: Server) -> None:
    dns = Dns([nsd])
    lookups = AllLookups([Forward(dns), Ptr(dns), Asn(dns)], clock=lambda: datetime(2026, 11, 24, tzinfo=UTC))
    sought = [
        *(Observable(ObservableKind.ADDRESS, ip) for ip in ("104.21.48.117", "9.9.9.9", "5.20.16.2", "7.7.7.7")),
        Observable(ObservableKind.HOSTNAME, "beacon.lab.workers.dev"),
    ]
    found: list[list[tuple[str, str, Status]]] = []
    ready = threading.Barrier(8)

    def ask() -> None:
        ready.wait(SOON_S)
        found.append([(e.source, e.about, e.status) for e in lookups.about(sought)])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * SOON_S)
    assert found == [found[0]] * 8
    assert {(source, about): status for source, about, status in found[0]} == {
        ("ptr", "104.21.48.117"): Status.OK,
        ("asn", "104.21.48.117"): Status.OK,
        ("ptr", "9.9.9.9"): Status.OK,
        ("asn", "9.9.9.9"): Status.OK,
        ("ptr", "5.20.16.2"): NEGATIVE,
        ("asn", "5.20.16.2"): Status.OK,
        ("ptr", "7.7.7.7"): NEGATIVE,
        ("asn", "7.7.7.7"): NEGATIVE,
        ("forward", "beacon.lab.workers.dev"): Status.OK,
    }
