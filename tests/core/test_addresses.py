from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.addresses import is_public, may_be_looked_up, special_range, unmap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("104.21.48.117", "104.21.48.117", id="plain"),
        pytest.param(" 104.21.48.117\n", "104.21.48.117", id="blanks around it"),
        pytest.param("::ffff:104.21.48.117", "104.21.48.117", id="mapped"),
        pytest.param("::FFFF:6815:3075", "104.21.48.117", id="mapped, in hexadecimal"),
        pytest.param("[::ffff:104.21.48.117]:443", "104.21.48.117", id="mapped, with brackets and port"),
        pytest.param("::ffff:104.21.48.117%7", "104.21.48.117", id="mapped, with a zone id"),
        pytest.param("104.21.48.117:443", "104.21.48.117", id="port"),
        pytest.param("2606:4700:0:0:0:0:6815:3075", "2606:4700::6815:3075", id="IPv6 shortened"),
        pytest.param("2606:4700::6815:3075", "2606:4700::6815:3075", id="IPv6 as it should be"),
        pytest.param("[2606:4700::6815:3075]", "2606:4700::6815:3075", id="brackets"),
        pytest.param("[2606:4700::6815:3075]:8443", "2606:4700::6815:3075", id="brackets and port"),
        pytest.param("FE80::1%eth0", "fe80::1", id="zone id"),
        pytest.param("-", None, id="Sysmon's nothing"),
        pytest.param("", None, id="empty"),
        pytest.param("example.workers.dev", None, id="a name"),
        pytest.param("example.workers.dev:443", None, id="a name with a port"),
        pytest.param("104.21.48", None, id="three parts"),
        pytest.param("104.021.48.117", None, id="leading zero: octal to some, decimal to others"),
        pytest.param("104.21.48.117:https", None, id="port by name"),
        pytest.param("104.21.48.117:\u0664\u0664\u0663", None, id="port in other digits"),
        pytest.param("\u0661.2.3.4", None, id="address in other digits"),
        pytest.param("[2606:4700::1", None, id="bracket left open"),
        pytest.param("[2606:4700::1]443", None, id="port without a colon"),
        pytest.param("104.21.48.0/24", None, id="a network"),
        pytest.param("1" * 10_000, None, id="too long to be one"),
    ],
)
def test_unmap(text: str, expected: str | None) -> None:
    assert unmap(text) == expected


@given(st.text())
def test_any_text_is_an_address_or_none_and_stays_what_it_became(text: str) -> None:
    canonical = unmap(text)
    assert canonical is None or unmap(canonical) == canonical


@given(st.ip_addresses(v=4), st.integers(0, 65535))
def test_every_spelling_of_an_ipv4_address_is_the_same_address(address: IPv4Address, port: int) -> None:
    mapped = f"::ffff:{address}"
    spellings = [str(address), f"{address}:{port}", mapped, f"[{mapped}]:{port}", mapped.upper()]
    assert {unmap(spelling) for spelling in spellings} == {str(address)}


@given(st.ip_addresses(v=6), st.integers(0, 65535))
def test_every_spelling_of_an_ipv6_address_is_the_same_address(address: IPv6Address, port: int) -> None:
    spellings = [str(address), address.exploded, f"[{address.exploded.upper()}]:{port}", f"{address}%eth0"]
    assert len({unmap(spelling) for spelling in spellings}) == 1


@given(st.ip_addresses())
def test_what_may_be_looked_up_is_public_and_global(address: IPv4Address | IPv6Address) -> None:
    if may_be_looked_up(str(address)):
        assert is_public(str(address))
        assert ip_address(unmap(str(address)) or "").is_global


NOT_PUBLIC = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.255.0.1", "private"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.255", "loopback"),
    ("169.254.169.254", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("224.0.0.251", "multicast"),
    ("239.255.255.250", "multicast"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("fd12:3456::1", "private (unique local)"),
    ("fe80::1%12", "link-local"),
    ("fec0::1", "private (site-local)"),
    ("ff02::fb", "multicast"),
    ("no address", "not an address"),
]
PUBLIC_BUT_SPECIAL = [
    ("100.64.0.1", "shared address space (CGNAT)"),
    ("100.127.255.255", "shared address space (CGNAT)"),
    ("192.0.0.8", "protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4 relay"),
    ("198.18.0.1", "benchmarking"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.24", "documentation"),
    ("::ffff:203.0.113.24", "documentation"),
    ("240.0.0.1", "reserved"),
    ("64:ff9b::808:808", "NAT64"),
    ("64:ff9b:1::1", "NAT64"),
    ("100::1", "not globally reachable"),
    ("2001::1", "Teredo"),
    ("2001:2::1", "protocol assignments"),
    ("2001:db8::1", "documentation"),
    ("2002:808:808::1", "6to4"),
    ("3fff:fff::1", "documentation"),
    ("::8.8.8.8", "not globally reachable"),
    ("5f00::1", "not globally reachable"),
]
ORDINARY = ["8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.169.0.1", "2606:4700::6815:3075", "2a00:1450::1"]


@pytest.mark.parametrize(("ip", "name"), NOT_PUBLIC)
def test_not_public(ip: str, name: str) -> None:
    assert (is_public(ip), may_be_looked_up(ip), special_range(ip)) == (False, False, name)


@pytest.mark.parametrize(("ip", "name"), PUBLIC_BUT_SPECIAL)
def test_public_but_not_to_be_looked_up(ip: str, name: str) -> None:
    assert (is_public(ip), may_be_looked_up(ip), special_range(ip)) == (True, False, name)


@pytest.mark.parametrize("ip", ORDINARY)
def test_ordinary(ip: str) -> None:
    assert (is_public(ip), may_be_looked_up(ip), special_range(ip)) == (True, True, None)
