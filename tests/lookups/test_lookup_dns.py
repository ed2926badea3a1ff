import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.lookups.dns import MAX_NAMES, Dns, Forward, Ptr, safe_name
from enricher.lookups.source import Answer
from enricher.model import Status
from tests.lookups.loopback import GARBAGE, NO_DATA, SILENT, TRUNCATED, DnsServer

pytestmark = pytest.mark.slow

REVERSE = "8.8.8.8.in-addr.arpa"
HOST = "beacon-7f.example-lab.workers.dev"


def ptr(answer: str | list[str], ip: str = "8.8.8.8", name: str = REVERSE, timeout_s: float = 2.0) -> Answer:
    with DnsServer({(name, "PTR"): answer}) as server:
        return Ptr(Dns(server.servers, timeout_s=timeout_s)).ask(ip)


def test_ptr_gives_the_names_in_order_of_name() -> None:
    answer = ptr(["Zulu.example.net.", "alpha.example.net."])
    assert answer == Answer(status=Status.OK, detail={"names": ["alpha.example.net", "zulu.example.net"]})


def test_ptr_of_ipv6() -> None:
    name = "5.7.0.3.5.1.8.6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2.ip6.arpa"
    assert ptr(["edge.example.net."], ip="2606:4700::6815:3075", name=name).detail == {"names": ["edge.example.net"]}


@pytest.mark.parametrize(
    ("answer", "status", "reason", "down"),
    [
        pytest.param("NXDOMAIN", Status.NEGATIVE, "NXDOMAIN", False, id="no such name"),
        pytest.param(NO_DATA, Status.NEGATIVE, "no PTR record", False, id="name without the record"),
        pytest.param(["."], Status.NEGATIVE, "the PTR record names nothing", False, id="points at the root"),
        pytest.param("SERVFAIL", Status.ERROR, "SERVFAIL", False, id="the name's servers fail: ours is well"),
        pytest.param("REFUSED", Status.ERROR, "REFUSED", True, id="ours refuses us"),
        pytest.param([TRUNCATED, *[f"n{i:03}.example.net." for i in range(3)]], Status.OK, None, False, id="by TCP"),
    ],
)
def test_ptr_endings(answer: str | list[str], status: Status, reason: str | None, *, down: bool) -> None:
    found = ptr(answer)
    assert (found.status, found.reason, found.source_down) == (status, reason, down)


def test_silence_is_a_timeout() -> None:
    assert ptr(SILENT, timeout_s=0.2) == Answer(status=Status.TIMEOUT, reason="no answer from DNS in 0.2 s")


def test_garbage_over_udp_may_be_forged_and_is_waited_past() -> None:
    assert ptr(GARBAGE, timeout_s=0.2).status is Status.TIMEOUT


def test_garbage_over_tcp_is_an_error() -> None:
    class Rubbish(DnsServer):
        def reply(self, wire: bytes, transport: str) -> bytes | None:
            self.zone = {(REVERSE, "PTR"): [TRUNCATED, "a.example."] if transport == "udp" else GARBAGE}
            return super().reply(wire, transport)

    with Rubbish({}) as server:
        answer = Ptr(Dns(server.servers, timeout_s=2.0)).ask("8.8.8.8")
    assert (answer.status, answer.reason) == (Status.ERROR, "unreadable answer")


def test_a_long_answer_comes_by_tcp() -> None:
    with DnsServer({(REVERSE, "PTR"): [TRUNCATED, "a.example.net."]}) as server:
        assert Ptr(Dns(server.servers)).ask("8.8.8.8").detail == {"names": ["a.example.net"]}
        assert [transport for _, _, transport in server.asked] == ["udp", "tcp"]


def test_a_lost_packet_is_asked_for_again() -> None:
    class Lossy(DnsServer):
        def reply(self, wire: bytes, transport: str) -> bytes | None:
            reply = super().reply(wire, transport)
            return reply if len(self.asked) > 1 else None

    with Lossy({(REVERSE, "PTR"): ["a.example.net."]}) as server:
        assert Ptr(Dns(server.servers, timeout_s=0.6)).ask("8.8.8.8").status is Status.OK


def test_the_second_server_is_asked_when_the_first_fails() -> None:
    with DnsServer({(REVERSE, "PTR"): "SERVFAIL"}) as bad, DnsServer({(REVERSE, "PTR"): ["a.example.net."]}) as good:
        assert Ptr(Dns(bad.servers + good.servers)).ask("8.8.8.8").status is Status.OK


def test_a_server_given_by_name_is_found() -> None:
    with DnsServer({(REVERSE, "PTR"): ["a.example.net."]}) as server:
        assert Ptr(Dns([("localhost", server.port)], timeout_s=2.0)).ask("8.8.8.8").status is Status.OK


def test_many_hostile_names_are_cut_and_escaped() -> None:
    hostile = r"\060script\062alert\0321\060/script\062.evil.example."
    control = r"\027[31m\010\013.evil.example."
    answer = ptr([hostile, control, *[f"n{i}.example.net." for i in range(20)]])
    names = answer.detail["names"]
    assert isinstance(names, list)
    assert len(names) == MAX_NAMES
    assert names[0] == r"\027\09131m\010\013.evil.example"
    assert names[1] == r"\060script\062alert\0321\060\047script\062.evil.example"


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4))
def test_any_name_becomes_plain_text(labels: list[bytes]) -> None:
    text = safe_name(dns.name.Name([*labels, b""]))
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.\\")


def forward(zone: dict[tuple[str, str], str | list[str]], timeout_s: float = 2.0) -> Answer:
    with DnsServer(zone) as server:
        return Forward(Dns(server.servers, timeout_s=timeout_s)).ask(HOST)


def test_forward_gives_both_families_each_address_once() -> None:
    zone: dict[tuple[str, str], str | list[str]] = {
        (HOST, "A"): ["172.67.200.9", "104.21.48.117"],
        (HOST, "AAAA"): ["2606:4700::6815:3075", "::ffff:104.21.48.117"],
    }
    addresses = ["104.21.48.117", "172.67.200.9", "2606:4700::6815:3075"]
    assert forward(zone) == Answer(status=Status.OK, detail={"addresses": addresses})


@pytest.mark.parametrize(
    ("v4", "v6", "status"),
    [
        pytest.param(["104.21.48.117"], "SERVFAIL", Status.OK, id="one family is enough"),
        pytest.param("NXDOMAIN", "NXDOMAIN", Status.NEGATIVE, id="no such name"),
        pytest.param(NO_DATA, NO_DATA, Status.NEGATIVE, id="no addresses"),
        pytest.param(NO_DATA, "SERVFAIL", Status.ERROR, id="half of it unknown is unknown"),
        pytest.param("SERVFAIL", NO_DATA, Status.ERROR, id="the other half"),
        pytest.param(NO_DATA, SILENT, Status.TIMEOUT, id="half of it late"),
    ],
)
def test_forward_endings(v4: str | list[str], v6: str | list[str], status: Status) -> None:
    assert forward({(HOST, "A"): v4, (HOST, "AAAA"): v6}, timeout_s=0.4).status is status
