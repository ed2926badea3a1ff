from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.lookups.asn import MAX_HOLDER, Asn, Origin, closest, origin_name, parse_holder, parse_origin
from enricher.lookups.dns import Dns
from enricher.lookups.source import Answer
from enricher.model import Status
from tests.lookups.loopback import NO_DATA, SILENT, TRUNCATED, DnsServer

pytestmark = pytest.mark.slow

IP = "104.21.48.117"
ORIGIN = "117.48.21.104.origin.asn.cymru.com"
CLOUDFLARE = '"13335 | 104.21.48.0/20 | US | arin | 2014-03-28"'
CLOUDFLARE_DETAIL = {
    "asns": [13335],
    "prefix": "104.21.48.0/20",
    "country": "US",
    "registry": "arin",
    "holder": "CLOUDFLARENET, US",
    "origin": "cymru",
}
HOLDER = {("AS13335.asn.cymru.com", "TXT"): ['"13335 | US | arin | 2010-07-14 | CLOUDFLARENET, US"']}


def asn(answer: str | list[str], timeout_s: float = 2.0, holder: str | list[str] | None = None) -> Answer:
    zone = {(ORIGIN, "TXT"): answer, **(HOLDER if holder is None else {("AS13335.asn.cymru.com", "TXT"): holder})}
    with DnsServer(zone) as server:
        return Asn(Dns(server.servers, timeout_s=timeout_s)).ask(IP)


def test_an_address_has_origin_and_holder() -> None:
    assert asn([CLOUDFLARE]) == Answer(status=Status.OK, detail=CLOUDFLARE_DETAIL)


def test_ipv6_is_asked_for_without_its_trailing_zeros() -> None:
    name = "0.1.0.0.0.0.7.4.6.0.6.2.origin6.asn.cymru.com"
    assert origin_name("2606:4700:10::") == f"{name}."
    zone = {(name, "TXT"): ['"13335 | 2606:4700:10::/44 | US | arin | 2011-11-01"'], **HOLDER}
    with DnsServer(zone) as server:
        answer = Asn(Dns(server.servers)).ask("2606:4700:10::")
    assert answer.detail == {**CLOUDFLARE_DETAIL, "prefix": "2606:4700:10::/44"}


def test_an_ipv6_address_with_all_its_groups() -> None:
    nibbles = "5.7.0.3.5.1.8.6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2"
    assert origin_name("2606:4700::6815:3075") == f"{nibbles}.origin6.asn.cymru.com."


def test_several_origins_are_all_kept() -> None:
    assert asn(['"13335 20773 | 104.21.48.0/20 | US | arin | 2012-06-05"']).detail["asns"] == [13335, 20773]


def test_the_longest_prefix_wins_whatever_the_order() -> None:
    wide, narrow, elsewhere = (
        '"64500 | 104.16.0.0/12 | US | arin | "',
        '"13335 | 104.21.48.0/20 | US | arin | "',
        '"64501 | 8.8.8.0/24 | US | arin | "',
    )
    assert asn([wide, narrow, elsewhere]).detail["asns"] == asn([elsewhere, narrow, wide]).detail["asns"] == [13335]


def test_the_holder_of_an_as_is_asked_for_once() -> None:
    with DnsServer({(ORIGIN, "TXT"): [CLOUDFLARE], **HOLDER}) as server:
        source = Asn(Dns(server.servers))
        assert source.ask(IP) == source.ask(IP)
        assert server.names.count("AS13335.asn.cymru.com") == 1


@pytest.mark.parametrize("holder", ["SERVFAIL", "NXDOMAIN", ['"rubbish"'], ['"64500 | US | arin | 2010-07-14 | SOMEBODY"']])
def test_without_a_holder_the_rest_stands(holder: str | list[str]) -> None:
    assert asn([CLOUDFLARE], holder=holder) == Answer(status=Status.OK, detail={**CLOUDFLARE_DETAIL, "holder": None})


def test_a_silent_holder_does_not_take_the_rest_down() -> None:
    assert asn([CLOUDFLARE], timeout_s=0.3, holder=SILENT).detail == {**CLOUDFLARE_DETAIL, "holder": None}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param("NXDOMAIN", Status.NEGATIVE, id="announced by nobody"),
        pytest.param(NO_DATA, Status.NEGATIVE, id="no record"),
        pytest.param("SERVFAIL", Status.ERROR, id="server failure"),
        pytest.param(SILENT, Status.TIMEOUT, id="silence"),
        pytest.param(['"no pipes here"'], Status.ERROR, id="garbage"),
        pytest.param(['""'], Status.ERROR, id="empty text"),
        pytest.param(['"13335 | 8.8.8.0/24 | US | arin | "'], Status.ERROR, id="prefix of another address"),
        pytest.param(['"13335 | 2606:4700::/32 | US | arin | "'], Status.ERROR, id="prefix of the other family"),
        pytest.param([TRUNCATED, CLOUDFLARE], Status.OK, id="by TCP"),
        pytest.param(['"junk"', CLOUDFLARE], Status.OK, id="garbage beside the answer"),
        pytest.param([CLOUDFLARE, *[f'"{"A" * 255}" "{i:0>255}"' for i in range(60)]], Status.OK, id="30 KB of text"),
    ],
)
def test_endings(answer: str | list[str], status: Status) -> None:
    assert asn(answer, timeout_s=0.5).status is status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "15169 | 8.8.8.0/24 | US | arin | 2023-12-28",
            Origin(asns=(15169,), prefix=ip_network("8.8.8.0/24"), country="US", registry="arin"),
            id="as documented",
        ),
        pytest.param(
            "15169 | 8.8.8.0/24", Origin(asns=(15169,), prefix=ip_network("8.8.8.0/24")), id="cut after the prefix"
        ),
        pytest.param(
            "15169 | 8.8.8.0/24 |  |  | ",
            Origin(asns=(15169,), prefix=ip_network("8.8.8.0/24")),
            id="no country, no registry",
        ),
        pytest.param(
            "15169 | 8.8.8.0/24 | <b> | a rin |",
            Origin(asns=(15169,), prefix=ip_network("8.8.8.0/24")),
            id="neither can be one",
        ),
        pytest.param(
            "x 0 4294967296 15169 15169 | 8.8.8.0/24",
            Origin(asns=(15169,), prefix=ip_network("8.8.8.0/24")),
            id="numbers that are none, and one twice",
        ),
        pytest.param("NA | 8.8.8.0/24 | US | arin |", None, id="no number"),
        pytest.param("15169 | 8.8.8.0/240 | US | arin |", None, id="no prefix"),
        pytest.param("15169", None, id="only a number"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_parse_origin(text: str, expected: Origin | None) -> None:
    assert parse_origin(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13335 | US | arin | 2010-07-14 | CLOUDFLARENET, US", "CLOUDFLARENET, US"),
        ("13335 | US | arin | 2010-07-14 | A | B", "A | B"),
        ("13335 | US | arin | 2010-07-14 | \x1b[31m\u202eevil\r\nname", "[31m evil name"),
        ("13335 | US | arin | 2010-07-14 | " + "x" * 300, "x" * (MAX_HOLDER - 1) + "…"),
        ("13335 | US | arin | 2010-07-14 | ", None),
        ("13335 | US | arin | 2010-07-14", None),
        ("13336 | US | arin | 2010-07-14 | OTHER", None),
    ],
)
def test_parse_holder(text: str, expected: str | None) -> None:
    assert parse_holder(text, 13335) == expected


def test_several_records_of_one_prefix_add_up() -> None:
    records = [
        parse_origin("20773 | 5.10.64.0/20 | GB | ripencc | "),
        parse_origin("20738 | 5.10.64.0/20 | GB | ripencc | "),
    ]
    found = closest("5.10.64.1", records)
    assert found is not None
    assert found.asns == (20738, 20773)


@given(st.text() | st.lists(st.sampled_from(["15169", "8.8.8.0/24", "|", " ", "US", "-1", "\x00", "::/0"])).map(" ".join))
def test_any_text_is_an_origin_or_none(text: str) -> None:
    origin = parse_origin(text)
    assert origin is None or all(0 < number < 2**32 for number in origin.asns)
    assert parse_holder(text, 15169) is None or len(text.split("|")) > 4
