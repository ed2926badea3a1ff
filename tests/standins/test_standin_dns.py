"""The DNS stand-in: records, Team Cymru's zones and faults, over UDP and TCP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest

from enricher.standins import Answer, Dns, running

pytestmark = pytest.mark.slow

LONG = [f"text {n} " + "x" * 200 for n in range(8)]
RECORDS: dict[str, dict[str, list[str]]] = {
    "beacon.example-lab.workers.dev": {"A": ["104.21.48.117"], "AAAA": ["2606:4700::1"]},
    "alias.example.": {"CNAME": ["beacon.example-lab.workers.dev."]},
    "*.wild.example": {"A": ["192.0.2.1"]},
    "long.example": {"TXT": LONG},
    "quotes.example": {"TXT": ['say "hello" \\ ü']},
    "cut.example": {"A": ["192.0.2.2"]},
    **Dns.ptr({"104.21.48.117": "edge.example.", "2606:4700::1": "edge6.example."}),
}
ANSWERS = {
    "servfail.example": Answer.SERVFAIL,
    "refused.example": Answer.REFUSED,
    "silent.example": Answer.TIMEOUT,
    "garbage.example": Answer.GARBAGE,
    "cut.example": Answer.TRUNCATED,
    "*.dead.example": Answer.NXDOMAIN,
}


@pytest.fixture
def server() -> Iterator[Dns]:
    standin = Dns(
        RECORDS,
        origins={
            "104.16.0.0/12": "13335 | 104.16.0.0/12 | US | arin | 2014-03-28",
            "104.21.32.0/19": "13335 209242 | 104.21.32.0/19 | US | arin | 2014-03-28",
            "2606:4700::/32": "13335 | 2606:4700::/32 | US | arin | 2011-11-01",
        },
        as_names={13335: "13335 | US | arin | 2010-07-14 | CLOUDFLARENET, US"},
        answers=ANSWERS,
    )
    with running(standin):
        yield standin


def ask(server: Dns, name: str, kind: str = "A", *, tcp: bool = False, timeout: float = 5.0) -> dns.message.Message:
    host, _, port = server.address.partition(":")
    send: Any = dns.query.tcp if tcp else dns.query.udp
    answer: dns.message.Message = send(dns.message.make_query(name, kind), host, port=int(port), timeout=timeout)
    return answer


def texts(answer: dns.message.Message) -> list[str]:
    return [record.to_text() for rrset in answer.answer for record in rrset]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        pytest.param("beacon.example-lab.workers.dev", "A", ["104.21.48.117"], id="A"),
        pytest.param("BEACON.example-lab.Workers.dev.", "AAAA", ["2606:4700::1"], id="AAAA in any case"),
        pytest.param("alias.example", "A", ["beacon.example-lab.workers.dev.", "104.21.48.117"], id="behind an alias"),
        pytest.param("deep.below.wild.example", "A", ["192.0.2.1"], id="wildcard"),
        pytest.param("117.48.21.104.in-addr.arpa", "PTR", ["edge.example."], id="PTR"),
        pytest.param("quotes.example", "TXT", ['"say \\"hello\\" \\\\ \\195\\188"'], id="TXT with quotes"),
    ],
)
def test_records(server: Dns, name: str, kind: str, expected: list[str]) -> None:
    assert texts(ask(server, name, kind)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "117.48.21.104.origin", "13335 209242 | 104.21.32.0/19 | US | arin | 2014-03-28", id="narrowest prefix"
        ),
        pytest.param("1.0.16.104.origin", "13335 | 104.16.0.0/12 | US | arin | 2014-03-28", id="wider prefix"),
        pytest.param("0.0.7.4.6.0.6.2.origin6", "13335 | 2606:4700::/32 | US | arin | 2011-11-01", id="v6, zeros left out"),
        pytest.param("AS13335", "13335 | US | arin | 2010-07-14 | CLOUDFLARENET, US", id="name of an AS"),
    ],
)
def test_team_cymru(server: Dns, name: str, expected: str) -> None:
    assert texts(ask(server, f"{name}.asn.cymru.com", "TXT")) == [f'"{expected}"']


def test_the_whole_v6_address_is_found_too(server: Dns) -> None:
    name = "1." + "0." * 23 + "0.0.7.4.6.0.6.2.origin6.asn.cymru.com"
    assert "2606:4700::/32" in texts(ask(server, name, "TXT"))[0]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("none.example", dns.rcode.NXDOMAIN, id="no such name"),
        pytest.param("a.b.dead.example", dns.rcode.NXDOMAIN, id="dead by wildcard"),
        pytest.param("1.2.0.192.origin.asn.cymru.com", dns.rcode.NXDOMAIN, id="no such prefix"),
        pytest.param("x.y.origin.asn.cymru.com", dns.rcode.NXDOMAIN, id="no address"),
        pytest.param("as99.asn.cymru.com", dns.rcode.NXDOMAIN, id="no such AS"),
        pytest.param("servfail.example", dns.rcode.SERVFAIL, id="SERVFAIL"),
        pytest.param("refused.example", dns.rcode.REFUSED, id="REFUSED"),
    ],
)
def test_failures(server: Dns, name: str, code: dns.rcode.Rcode) -> None:
    answer = ask(server, name, "TXT")
    assert (answer.rcode(), answer.answer) == (code, [])


def test_a_name_without_that_type_is_no_error(server: Dns) -> None:
    answer = ask(server, "beacon.example-lab.workers.dev", "TXT")
    assert (answer.rcode(), answer.answer) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("tcp", [False, True])
def test_silence(server: Dns, tcp: bool) -> None:  # noqa: FBT001 - a parameter of the table
    with pytest.raises(dns.exception.Timeout):
        ask(server, "silent.example", tcp=tcp, timeout=0.5)
    assert [(one.name, one.transport) for one in server.questions] == [("silent.example", "tcp" if tcp else "udp")]


def test_garbage(server: Dns) -> None:
    with pytest.raises((dns.exception.FormError, dns.message.ShortHeader, dns.query.BadResponse)):
        ask(server, "garbage.example")


@pytest.mark.parametrize(("name", "kind", "records"), [("cut.example", "A", 1), ("long.example", "TXT", 8)])
def test_truncation_over_udp_and_the_whole_over_tcp(server: Dns, name: str, kind: str, records: int) -> None:
    cut, whole = ask(server, name, kind), ask(server, name, kind, tcp=True)
    assert cut.flags & dns.flags.TC
    assert not whole.flags & dns.flags.TC
    assert len(texts(whole)) == records


def test_a_resolver_gets_through(server: Dns) -> None:
    resolver = dns.resolver.Resolver(configure=False)
    host, _, port = server.address.partition(":")
    resolver.nameservers, resolver.port = [host], int(port)
    assert [one.to_text() for one in resolver.resolve("cut.example", "A")] == ["192.0.2.2"]
    assert [one.transport for one in server.questions] == ["udp", "tcp"]
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("none.example", "A")


def test_it_listens_where_it_is_told_and_only_while_it_runs(server: Dns) -> None:
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Dns().start(port)
    server.stop()
    with pytest.raises(RuntimeError, match="not running"):
        assert server.address
    server.start(port)
    assert server.address.endswith(f":{port}")
