"""The detection, run again: names by source, connections by query, and the rows that leave."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from enricher.core.classify import MOST_TOLD, Signal
from enricher.model import Event
from tests.fakes import ADDRESS, CMD, CURL, RELAY, TENANT, asked, at, classified, connected, guid, script, started

URL = f"https://{RELAY}/x"
MAPPED = "2606:4700::6815:3075"


def one(*events: Event) -> Signal:
    signals = classified(*events).signals
    assert len(signals) == 1
    return signals[0]


def leaving(*events: Event) -> list[str]:
    return [reason for _, reason in classified(*events).leaving]


@pytest.mark.parametrize(
    ("events", "source", "factor"),
    [
        pytest.param([asked(), connected()], "dns_same_process", 1.0, id="a query and its connection"),
        pytest.param([started(CURL, f"curl {URL}")], "command_line", 0.9, id="a URL in the line"),
        pytest.param([started(), script(f"iwr {URL}")], "command_line", 0.9, id="a URL in a script block"),
        pytest.param([asked()], "dns_no_connection", 0.8, id="a query with a public answer, no connection"),
        pytest.param([asked(answers=None)], "payload", 0.8, id="a query whose answers are not at hand"),
        pytest.param([asked(guid=guid(2), pid=8), connected()], "dns_other_process", 0.6, id="another process's query"),
        pytest.param([connected(hostname=RELAY)], "reverse_lookup", 0.5, id="event 3's own name"),
        pytest.param([asked(status=9003, answers=())], "dns_failed", 0.5, id="a failed query"),
        pytest.param([asked(answers=())], "dns_failed", 0.5, id="no address among the answers"),
        pytest.param([asked(answers=("10.0.0.1",))], "dns_failed", 0.5, id="a private answer: a sinkhole"),
        pytest.param([asked("www.shop.example", cnames=(RELAY,))], "cname", 0.3, id="a CNAME target"),
    ],
)
def test_sources(events: list[Event], source: str, factor: float) -> None:
    found = [s for s in classified(*events).signals if s.source == source]
    assert len(found) == 1
    assert (found[0].host, found[0].tenant, found[0].factor) == (RELAY, TENANT, factor)


def test_a_decoded_line_is_read() -> None:
    line = f"powershell -enc {b64encode(URL.encode('utf-16-le')).decode()}"
    assert one(started("C:\\x\\powershell.exe", line)).source == "command_line"


def test_the_surest_name_wins_and_the_others_are_candidates() -> None:
    other = f"second.{TENANT}"
    signal = one(started(CURL, f"curl https://{other}/"), asked(), connected())
    assert (signal.host, signal.source, signal.candidates) == (RELAY, "dns_same_process", (other,))


def test_equally_sure_the_earlier_then_the_alphabet() -> None:
    first, second = f"b.{TENANT}", f"a.{TENANT}"
    assert one(asked(first, 0), asked(second, 1)).host == first
    assert one(asked(first, 0), asked(second, 0)).host == second


@pytest.mark.parametrize("name", ["www.shop.example", "evilworkers.dev", "workers.dev.evil.example"])
def test_a_cname_counts_only_where_the_queried_name_is_nobodys(name: str) -> None:
    assert one(asked(name, cnames=(RELAY,))).source == "cname"
    assert [s.tenant for s in classified(asked("a.other-lab.workers.dev", cnames=(RELAY,))).signals] == [
        "other-lab.workers.dev"
    ]


# --- which connection is whose --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_at", "connected_at", "source"),
    [
        pytest.param(0, 0.1, "dns_same_process", id="at once"),
        pytest.param(0, 3600, "dns_same_process", id="an hour later"),
        pytest.param(0, 3601, "dns_no_connection", id="more than an hour later"),
        pytest.param(2, 0, "dns_same_process", id="2 s before: two clocks"),
        pytest.param(2.1, 0, "dns_no_connection", id="more than 2 s before"),
    ],
)
def test_the_window_of_the_same_process(asked_at: float, connected_at: float, source: str) -> None:
    assert one(asked(RELAY, asked_at), connected(connected_at)).source == source


@pytest.mark.parametrize(
    ("connected_at", "found"),
    [(300, True), (301, False), (-2, True), (-2.1, False)],
    ids=["5 min", "later", "2 s before", "earlier"],
)
def test_the_window_of_another_process(connected_at: float, *, found: bool) -> None:
    other = asked(guid=guid(2), pid=8)
    signals = classified(other, connected(connected_at)).signals
    assert ("dns_other_process" in {s.source for s in signals}) is found


def test_another_computers_query_is_no_name() -> None:
    assert leaving(asked(computer="ws-hr-0007.corp.example"), connected()) == ["no_name"]


def test_a_failed_query_leads_to_no_connection() -> None:
    found = classified(asked(status=9003), connected())
    assert [(s.source, s.connections) for s in found.signals] == [("dns_failed", ())]
    assert [reason for _, reason in found.leaving] == ["no_name"]


def test_an_own_query_comes_before_anybody_elses() -> None:
    own, nearer = asked("own.example", 0), asked(RELAY, 5, guid=guid(2), pid=8)
    found = classified(own, nearer, connected(5.1))
    assert [s.source for s in found.signals] == ["dns_no_connection"]
    assert sorted(reason for _, reason in found.leaving) == ["no_match", "no_match"]


def test_a_catalog_name_comes_before_a_nearer_other_name() -> None:
    signal = one(asked(RELAY, 0), asked("cdn.example", 10), connected(10.1))
    assert signal.source == "dns_same_process"
    assert len(signal.connections) == 1


def test_of_two_catalog_names_the_nearest() -> None:
    found = classified(asked("a.one.workers.dev", 0), asked("a.two.workers.dev", 60), connected(61), connected(20))
    assert {s.tenant: [c.at for c in s.connections] for s in found.signals} == {
        "one.workers.dev": [at(20)],
        "two.workers.dev": [at(61)],
    }


def test_equally_near_the_first_by_name() -> None:
    for names in (("a.one.workers.dev", "a.two.workers.dev"), ("a.two.workers.dev", "a.one.workers.dev")):
        found = classified(asked(names[0], 0), asked(names[1], 2), connected(1))
        assert [s.tenant for s in found.signals if s.connections] == ["one.workers.dev"]


@pytest.mark.parametrize("timed", [asked(at=None), connected(at=None)], ids=["a query", "a connection"])
def test_without_a_time_the_address_is_enough(timed: Event) -> None:
    others: list[Event] = [asked(), connected()]
    events = [timed if type(event) is type(timed) else event for event in others]
    assert one(*events).source == "dns_same_process"


def test_a_connection_without_a_query_goes_to_who_knows_the_address() -> None:
    signal = one(asked(), connected(0.1), connected(7200))
    assert len(signal.connections) == 2


def test_a_connection_of_unknown_name_goes_to_the_only_name_of_the_line() -> None:
    signal = one(started(CURL, f"curl {URL}"), connected(ip="198.51.100.7"))
    assert (signal.source, len(signal.connections)) == ("command_line", 1)


def test_of_two_names_in_the_line_neither_gets_it() -> None:
    found = classified(started(CURL, f"curl {URL} https://a.two.workers.dev"), connected(ip="198.51.100.7"))
    assert [len(s.connections) for s in found.signals] == [0, 0]
    assert [reason for _, reason in found.leaving] == ["no_name"]


def test_a_connection_with_another_name_is_not_given_away() -> None:
    found = classified(
        started(CURL, f"curl {URL}"), asked("cdn.example", answers=("198.51.100.7",)), connected(ip="198.51.100.7")
    )
    assert [len(s.connections) for s in found.signals] == [0]
    assert [reason for _, reason in found.leaving] == ["no_match", "no_match"]


def test_both_families_of_addresses() -> None:
    signal = one(asked(answers=(ADDRESS, MAPPED)), connected(ip=MAPPED), connected(2, ip=ADDRESS))
    assert len(signal.connections) == 2


# --- one process, one tenant ----------------------------------------------------------------------------------------


def test_two_hosts_of_a_tenant_are_one_signal_and_two_tenants_are_two() -> None:
    assert len(classified(asked(), asked(f"second.{TENANT}")).signals) == 1
    assert len(classified(asked(), asked("a.other.workers.dev")).signals) == 2


def test_without_a_tenant_the_family_stands() -> None:
    signal = one(asked("script.google.com"), asked("script.googleusercontent.com"))
    assert (signal.tenant, signal.target) == (None, signal.platform.family)


def test_contacts() -> None:
    assert one(started(CURL, f"curl {URL}")).contacts == 1
    assert one(asked(RELAY, 0), asked(RELAY, 60)).contacts == 2
    assert one(asked(RELAY, 0), asked(RELAY, 60), connected(0.1)).contacts == 1, "connections, where there are any"
    assert one(connected(hostname=RELAY, count=9)).contacts == 9


def test_a_mere_ancestor_makes_no_signal() -> None:
    parent = started(CMD, f"cmd /c curl {URL}", guid=guid(2), pid=2)
    child = started(CURL, f"curl {URL}", parent_guid=guid(2), parent=CMD)
    found = classified(parent, child)
    assert [s.process.image for s in found.signals] == [CURL]
    assert found.leaving == [], "the parent belongs to the case"
    busy = connected(guid=guid(2), pid=2, hostname=RELAY, image=CMD)
    assert len(classified(parent, child, busy).signals) == 2, "it contacted the tenant itself"
    stranger = started(CMD, "cmd /c curl https://a.other.workers.dev", guid=guid(2), pid=2)
    assert len(classified(stranger, child).signals) == 2, "another tenant"


def test_names_in_a_line_are_followed_up_to_a_number() -> None:
    urls = " ".join(f"https://a.t{i}.workers.dev" for i in range(MOST_TOLD + 7))
    found = classified(started(CURL, f"curl {urls}"))
    assert len(found.signals) == MOST_TOLD
    assert {s.names_left for s in found.signals} == {7}
    assert one(started(CURL, f"curl {URL} {URL}")).names_left == 0


# --- rows that leave ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(connected(initiated=False, hostname=RELAY), "inbound", id="inbound"),
        *(
            pytest.param(connected(ip=ip, hostname=RELAY), "not_public", id=ip)
            for ip in ("10.0.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "224.0.0.1", "0.0.0.0", "::1", "fe80::1")
        ),
        pytest.param(connected(hostname="a.example"), "no_match", id="a name not in the catalog"),
        pytest.param(asked("a.example"), "no_match", id="a query not in the catalog"),
        pytest.param(asked("evilworkers.dev"), "no_match", id="a lookalike"),
        pytest.param(asked("app.netlify.com"), "excluded", id="a provider's own page"),
        pytest.param(asked("vscode-update.azurewebsites.net"), "excluded", id="a first-party host"),
        pytest.param(connected(hostname="vscode-update.azurewebsites.net"), "excluded", id="the same by its address"),
        pytest.param(connected(), "no_name", id="no name at all"),
        pytest.param(started(), "unrelated", id="event 1 of a process without a signal"),
        pytest.param(script("x"), "unrelated", id="a script block of another process"),
    ],
)
def test_reasons(event: Event, reason: str) -> None:
    assert classified(event).signals == ()
    assert leaving(event) == [reason]


@pytest.mark.parametrize("ip", ["203.0.113.24", "100.64.0.1", "198.51.100.7", "2001:db8::1"])
def test_documentation_and_shared_addresses_stay(ip: str) -> None:
    assert one(connected(ip=ip, hostname=RELAY)).source == "reverse_lookup"


def test_a_missing_direction_is_no_direction() -> None:
    assert one(connected(initiated=None, hostname=RELAY)).source == "reverse_lookup"


def test_an_ancestor_known_by_its_childs_guid_stays() -> None:
    parent: dict[str, Any] = {"guid": guid(2), "pid": 2}
    child = started(CURL, f"curl {URL}", parent_guid=guid(2), parent=CMD)
    dropped = script("x", pid=2)
    assert leaving(child, started(CMD, "cmd", **parent), dropped) == []
    assert leaving(child, started(CMD, "cmd", guid=guid(3), pid=3)) == ["unrelated"]


def test_signals_come_in_a_fixed_order() -> None:
    events = [
        asked("a.two.workers.dev", 5),
        asked("a.one.workers.dev", 5),
        asked("a.late.workers.dev", 9),
        connected(0, hostname=RELAY),
    ]
    expected = [s.tenant for s in classified(*events).signals]
    assert expected == [TENANT, "one.workers.dev", "two.workers.dev", "late.workers.dev"]
    assert [s.tenant for s in classified(*reversed(events)).signals] == expected
