"""IP addresses: one spelling for each, and which of them mean anything outside this network.

Two questions, answered from one table of special ranges. *Is it public?* is the detection's: documentation ranges and CGNAT
count as public there, for behind them stands something that is not ours. *May it be looked up?* is stricter: an address
that is not globally unique has no holder to ask for, and asking would tell the outside what the inside looks like.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

LONGEST = 64
"""No address with brackets, zone id and port is longer; anything that is gets no place in the cache below."""


_Ranges = tuple[tuple[IPv4Network | IPv6Network, str], ...]


def _ranges(*rows: tuple[str, str]) -> _Ranges:
    return tuple((ip_network(network), name) for network, name in rows)


_NOT_PUBLIC = _ranges(
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private (unique local)"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private (site-local)"),
    ("ff00::/8", "multicast"),
)
_PUBLIC_BUT_SPECIAL = _ranges(
    ("100.64.0.0/10", "shared address space (CGNAT)"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "6to4 relay"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("240.0.0.0/4", "reserved"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("2001::/32", "Teredo"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
)
_GLOBAL_UNICAST_6 = IPv6Network("2000::/3")


def unmap(text: str) -> str | None:
    """Write an address in its one canonical form: `::ffff:` un-mapped, brackets, zone id and port dropped.

    Returns None for anything that is not an address.
    """
    return _unmap(text) if len(text) <= LONGEST else None


def is_public(ip: str) -> bool:
    """Tell whether the detection counts a contact with `ip` as one with the outside; False for what is no address."""
    canonical = unmap(ip)
    return canonical is not None and _is_public(canonical)


def may_be_looked_up(ip: str) -> bool:
    """Tell whether `ip` is globally unique, so that its holder can be asked for; False for what is no address."""
    return special_range(ip) is None


def special_range(ip: str) -> str | None:
    """Name the range that keeps `ip` from being looked up: `documentation`, `private` …; None for an ordinary address."""
    canonical = unmap(ip)
    if canonical is None:
        return "not an address"
    address = ip_address(canonical)
    return _name_in(_NOT_PUBLIC, address) or _name_in(_PUBLIC_BUT_SPECIAL, address) or _otherwise_special(address)


@lru_cache(maxsize=4096)
def _is_public(canonical: str) -> bool:
    return _name_in(_NOT_PUBLIC, ip_address(canonical)) is None


@lru_cache(maxsize=4096)
def _unmap(text: str) -> str | None:
    address = _parsed(_bare(text.strip()))
    if address is None:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address))  # the round trip drops the zone id
    return str(address)


def _bare(text: str) -> str:
    """Drop `[...]` and a port; a bare IPv6 address has more than one colon and therefore no port."""
    if text.startswith("["):
        inside, bracket, port = text[1:].partition("]")
        return inside if bracket and _is_port(port) else ""
    host, colon, port = text.rpartition(":")
    return host if colon and "." in host and ":" not in host and _is_port(colon + port) else text


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isdecimal() and text.isascii())


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _name_in(ranges: _Ranges, address: IPv4Address | IPv6Address) -> str | None:
    return next((name for network, name in ranges if address in network), None)


def _otherwise_special(address: IPv4Address | IPv6Address) -> str | None:
    """Catch what the table does not name: ranges that `ipaddress` knows, and IPv6 outside global unicast."""
    outside = isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST_6
    return "not globally reachable" if outside or not address.is_global else None
