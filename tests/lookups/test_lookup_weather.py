"""Bad weather: servers that are silent, slow, broken, lying or endless, eight threads at once.

Whatever comes, each look-up ends with a reason, all of them in time, and no thread is left behind.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from time import monotonic

import dns.flags
import dns.message
import dns.rrset
import pytest

from enricher.lookups import AllLookups, NoLookups
from enricher.lookups.asn import Asn
from enricher.lookups.dns import Dns, Forward, Ptr
from enricher.lookups.rdap import Rdap
from enricher.lookups.source import Source
from enricher.model import Enrichment, Observable, ObservableKind, Status
from enricher.wiring.flow import Flow
from tests.fakes import packaged_programs
from tests.lookups.loopback import GARBAGE, NO_DATA, SILENT, TRUNCATED, DnsServer, Script, http_server, served
from tests.lookups.test_lookup_restart import settled

pytestmark = pytest.mark.slow

DEADLINE_S = 1.0
SOURCE_S = 0.8
"""Sources give up before the deadline, as they do in production."""
THREADS = 8
SOON_S = 5.0
NOW = datetime(2026, 11, 24, tzinfo=UTC)
SHARED = "8.8.8.8"
OWN = [f"9.9.9.{n}" for n in range(THREADS)]
ADDRESSES = [Observable(ObservableKind.ADDRESS, ip) for ip in (SHARED, *OWN)]


def eight(lookups: AllLookups) -> tuple[float, list[Enrichment]]:
    """Eight threads ask at once, each about an address of its own and one that all ask about. How long the slowest took."""
    ready = threading.Barrier(THREADS)
    found: list[Enrichment] = []
    took: list[float] = []

    def ask(own: str) -> None:
        ready.wait(SOON_S)
        began = monotonic()
        answers = lookups.about([Observable(ObservableKind.ADDRESS, ip) for ip in (SHARED, own)])
        took.append(monotonic() - began)
        found.extend(answers)

    threads = [threading.Thread(target=ask, args=(own,)) for own in OWN]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON_S)
    assert len(took) == THREADS
    return max(took), found


# --- DNS ------------------------------------------------------------------------------------------------------------


class Always(dict[tuple[str, str], str | list[str] | Script]):
    """A zone in which every name has the same answer."""

    def __init__(self, answer: str | list[str] | Script) -> None:
        super().__init__()
        self._answer = answer

    def get(self, key: object, default: object = None) -> str | list[str] | Script:
        return self._answer


def response(query: dns.message.Message, *records: tuple[str, str, str]) -> dns.message.Message:
    answer = dns.message.make_response(query)
    answer.answer = [dns.rrset.from_text(name, 300, "IN", kind, text) for name, kind, text in records]
    return answer


def wrong_id(query: dns.message.Message, _transport: str) -> bytes:
    answer = response(query)
    answer.id = (query.id + 1) % 65536
    return answer.to_wire()


def of_another_name(query: dns.message.Message, _transport: str) -> bytes:
    """Records that nobody asked for: a name that is not the one in question."""
    kind = query.question[0].rdtype.name
    text = {"PTR": "evil.example.", "AAAA": "2606:4700::1", "TXT": '"64500 | 0.0.0.0/0 | ZZ | none | "'}.get(
        kind, "198.41.200.7"
    )
    return response(query, ("elsewhere.example.", kind, text)).to_wire()


def to_another_question(query: dns.message.Message, _transport: str) -> bytes:
    other = dns.message.make_query("elsewhere.example.", "TXT", id=query.id)
    return response(other, ("elsewhere.example.", "TXT", '"64500 | 0.0.0.0/0 | ZZ | none | "')).to_wire()


def cname_ring(query: dns.message.Message, _transport: str) -> bytes:
    name = query.question[0].name.to_text()
    return response(query, (name, "CNAME", "round.example."), ("round.example.", "CNAME", name)).to_wire()


def cname_to_itself(query: dns.message.Message, _transport: str) -> bytes:
    name = query.question[0].name.to_text()
    return response(query, (name, "CNAME", name)).to_wire()


def cname_chain(query: dns.message.Message, _transport: str) -> bytes:
    """A hundred aliases in a row, and something at the end."""
    names = [query.question[0].name.to_text(), *(f"n{n}.example." for n in range(100))]
    aliases = [(name, "CNAME", following) for name, following in pairwise(names)]
    return response(query, *aliases, (names[-1], "TXT", '"64500 | 8.8.8.0/24 | ZZ | none | "')).to_wire(max_size=65535)


def truncated_for_ever(query: dns.message.Message, _transport: str) -> bytes:
    answer = response(query)
    answer.flags |= dns.flags.TC
    return answer.to_wire()


def truncated_then_silent(query: dns.message.Message, transport: str) -> bytes | None:
    return truncated_for_ever(query, transport) if transport == "udp" else None


def cut_short(query: dns.message.Message, transport: str) -> bytes:
    return response(query, (query.question[0].name.to_text(), "TXT", '"x"')).to_wire()[:-4]


def a_question_instead(query: dns.message.Message, _transport: str) -> bytes:
    return query.to_wire()


MANY = [TRUNCATED, *(f'"{64512 + n} | 10.{n // 256}.{n % 256}.0/24 | ZZ | none | "' for n in range(600))]
UNHEARD = {Status.TIMEOUT}
BAD_DNS: dict[str, tuple[str | list[str] | Script, set[Status]]] = {
    "silent": (SILENT, UNHEARD),
    "garbage, which may be forged and is waited past": (GARBAGE, UNHEARD),
    "the id of another question": (wrong_id, UNHEARD),
    "an answer to another question": (to_another_question, UNHEARD),
    "a question for an answer": (a_question_instead, UNHEARD),
    "cut short": (cut_short, UNHEARD),
    "truncated over UDP, silent over TCP": (truncated_then_silent, UNHEARD),
    "truncated over TCP too": (truncated_for_ever, {Status.ERROR, Status.NEGATIVE, Status.TIMEOUT}),
    "SERVFAIL": ("SERVFAIL", {Status.ERROR}),
    "REFUSED": ("REFUSED", {Status.ERROR}),
    "NXDOMAIN": ("NXDOMAIN", {Status.NEGATIVE}),
    "nothing": (NO_DATA, {Status.NEGATIVE}),
    "records of another name": (of_another_name, {Status.NEGATIVE}),
    "aliases in a ring": (cname_ring, {Status.ERROR, Status.TIMEOUT}),
    "an alias of itself": (cname_to_itself, {Status.ERROR, Status.TIMEOUT}),
    "a hundred aliases": (cname_chain, {Status.ERROR, Status.TIMEOUT}),
    "six hundred records about other addresses": (MANY, {Status.ERROR}),
}


@pytest.mark.parametrize(("answer", "statuses"), BAD_DNS.values(), ids=BAD_DNS)
def test_the_network_of_an_address_in_bad_weather(answer: str | list[str] | Script, statuses: set[Status]) -> None:
    with DnsServer(Always(answer)) as server:
        lookups = AllLookups([Asn(Dns(server.servers, timeout_s=SOURCE_S))], clock=lambda: NOW, deadline_s=DEADLINE_S)
        took, found = eight(lookups)
        settled()
    assert len(found) == 2 * THREADS
    assert {e.status for e in found} <= statuses
    assert all(e.reason and not e.detail for e in found)
    assert took < 2 * DEADLINE_S


SINGLE = [name for name, (answer, _) in BAD_DNS.items() if answer is not MANY]


@pytest.mark.parametrize("name", SINGLE)
def test_names_in_bad_weather(name: str) -> None:
    answer, statuses = BAD_DNS[name]
    with DnsServer(Always(answer)) as server:
        dns = Dns(server.servers, timeout_s=SOURCE_S)
        lookups = AllLookups([Ptr(dns), Forward(dns)], clock=lambda: NOW, deadline_s=DEADLINE_S)
        sought = [ADDRESSES[0], Observable(ObservableKind.HOSTNAME, "a.workers.dev")]
        began = monotonic()
        found = lookups.about(sought)
        took = monotonic() - began
        settled()
    assert {e.status for e in found} <= statuses
    assert took < 2 * DEADLINE_S


# --- RDAP -----------------------------------------------------------------------------------------------------------

Handler = type[BaseHTTPRequestHandler]


def fixed(status: int, body: bytes = b"", **headers: str) -> Callable[[threading.Event], Handler]:
    def make(_over: threading.Event) -> Handler:
        class Fixed(_Quiet):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

        return Fixed

    return make


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def send(self, content: bytes) -> bool:
        try:
            self.wfile.write(content)
        except OSError:  # hung up on, as it should be
            self.close_connection = True
            return False
        return True


def silent(over: threading.Event) -> Handler:
    class Silent(_Quiet):
        def do_GET(self) -> None:
            over.wait(SOON_S)

    return Silent


def dripping(over: threading.Event) -> Handler:
    class Dripping(_Quiet):
        def do_GET(self) -> None:
            self.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while self.send(b"x") and not over.wait(0.05):
                pass

    return Dripping


def fifty_megabytes(_over: threading.Event) -> Handler:
    class Endless(_Quiet):
        def do_GET(self) -> None:
            self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n")
            for _ in range(800):
                if not self.send(b" " * 65_536):
                    return

    return Endless


BAD_RDAP: dict[str, tuple[Callable[[threading.Event], Handler], Status, str]] = {
    "429": (fixed(429, Retry_After="120"), Status.RATE_LIMITED, ""),
    "500": (fixed(500), Status.ERROR, ""),
    "silent": (silent, Status.TIMEOUT, "no answer from RDAP in 0.8 s"),
    "a drip": (dripping, Status.TIMEOUT, "no answer from RDAP in 0.8 s"),
    "50 MB": (fifty_megabytes, Status.ERROR, "RDAP answered with more than 1048576 bytes"),
    "no JSON": (fixed(200, b"{'a': 1}"), Status.ERROR, "RDAP answered with something else than JSON"),
    "deep JSON": (fixed(200, b'{"a":' * 100_000), Status.ERROR, "RDAP answered with something else than JSON"),
    "another document": (fixed(200, b"{}"), Status.ERROR, "the RDAP network cannot be read: InvalidNetworkObject"),
    "a redirect to the metadata service": (
        fixed(302, Location="http://169.254.169.254/latest/meta-data/"),
        Status.ERROR,
        "RDAP: redirected to where no registry is",
    ),
    "a redirect into the house": (
        fixed(302, Location="https://10.0.0.1/"),
        Status.ERROR,
        "RDAP: redirected to where no registry is",
    ),
}


@contextmanager
def rdap_server(make: Callable[[threading.Event], Handler]) -> Iterator[str]:
    over = threading.Event()
    with served(make(over)) as url:
        try:
            yield url
        finally:
            over.set()


@pytest.mark.parametrize(("make", "status", "reason"), BAD_RDAP.values(), ids=BAD_RDAP)
def test_rdap_in_bad_weather(make: Callable[[threading.Event], Handler], status: Status, reason: str) -> None:
    with rdap_server(make) as url:
        source = Rdap(url, timeout_s=SOURCE_S)
        lookups = AllLookups([source], clock=lambda: NOW, deadline_s=DEADLINE_S, rates={"rdap": 100.0})
        took, found = eight(lookups)
        settled()
    assert len(found) == 2 * THREADS
    own = [e for e in found if not str(e.reason).startswith(("not asked", "no answer within the deadline"))]
    assert own
    assert {e.status for e in own} == {status}
    assert {e.status for e in found} <= {status, Status.TIMEOUT, Status.RATE_LIMITED}
    assert all(reason in str(e.reason) and not e.detail for e in own)
    assert took < 2 * DEADLINE_S


def test_asked_to_rest_it_rests() -> None:
    paths: list[str] = []

    def handle(path: str) -> tuple[int, dict[str, str], bytes]:
        paths.append(path)
        return 429, {"Retry-After": "120"}, b""

    with http_server(handle) as url:
        lookups = AllLookups([Rdap(url)], clock=lambda: NOW, rates={"rdap": 100.0})
        first, second = (lookups.about([one])[0] for one in ADDRESSES[:2])
    assert (first.status, second.status) == (Status.RATE_LIMITED, Status.RATE_LIMITED)
    assert second.reason == "not asked: left alone for 120 s more after: RDAP: too many requests"
    assert paths == [f"/ip/{SHARED}"]


# --- the case -------------------------------------------------------------------------------------------------------

BODY = (Path(__file__).parents[1] / "data/sumo-payloads/monitor-alert.json").read_bytes()


def test_a_case_opens_in_time_when_nobody_answers_no_milder_and_says_what_is_missing() -> None:
    body = BODY.replace(b"203.0.113.", b"104.21.48.").replace(b"198.51.100.", b"104.21.49.")
    without = Flow(packaged_programs, NoLookups(), None, owner=False).explain(body, NOW)
    with DnsServer(Always(SILENT)) as server, rdap_server(silent) as url:
        dns = Dns(server.servers, timeout_s=SOURCE_S)
        sources: list[Source] = [Forward(dns), Ptr(dns), Asn(dns), Rdap(url, timeout_s=SOURCE_S)]
        lookups = AllLookups(sources, clock=lambda: NOW, deadline_s=DEADLINE_S)
        began = monotonic()
        found = Flow(packaged_programs, lookups, None, owner=True).explain(body, NOW)
        took = monotonic() - began
        settled()
    assert took < 2 * DEADLINE_S
    assert found["cases"]
    for case, before in zip(found["cases"], without["cases"], strict=True):
        assert (case["severity"], case["score"], case["ledger"]) == (before["severity"], before["score"], before["ledger"])
        missing = [line for line in case["missing"] if line.startswith("asn of 104.21.4")]
        assert missing, json.dumps(case["missing"])
        assert case["destination"]["consistent"] is None
        assert "was not found out" in case["destination"]["consistency"]
