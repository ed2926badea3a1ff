"""Who announces an address: Team Cymru's table, asked by DNS.

Its answers are TXT records, `20738 20773 | 5.10.64.0/20 | GB | ripencc | 2012-06-05` for an address and
`15169 | US | arin | 2000-03-30 | GOOGLE, US` for an AS number. Read here rather than by ipwhois, which reports NXDOMAIN,
SERVFAIL and REFUSED as one thing, refuses an empty registry, and waits three times as long as it is told.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from time import monotonic

from cachetools import TTLCache
from dns.rdtypes.ANY.TXT import TXT

from enricher.lookups.dns import Dns, Records
from enricher.lookups.source import Answer, Keep, one_line
from enricher.model import ObservableKind, Status

MAX_ASNS = 8
MAX_RECORDS = 32
MAX_TEXT = 512
MAX_HOLDER = 128
HOLDER_FIELDS = 5
HOLDERS_KEPT = 4096
HOLDERS_KEPT_S = 86_400.0

_ASN = re.compile(r"[0-9]{1,10}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_REGISTRY = re.compile(r"[a-z]{2,16}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One announcement that covers an address."""

    asns: tuple[int, ...]
    prefix: IPv4Network | IPv6Network
    country: str | None = None
    registry: str | None = None


class Asn:
    """AS number, prefix, country and holder of an address. The holder is that of the first AS; None if it is not to be had."""

    name = "asn"
    kind = ObservableKind.ADDRESS
    keep = Keep(ok=timedelta(days=1), negative=timedelta(hours=1), stale=timedelta(days=30))
    at_once = 8

    def __init__(self, resolver: Dns) -> None:
        self._dns = resolver
        self._lock = threading.Lock()
        self._holders: TTLCache[int, str] = TTLCache(HOLDERS_KEPT, HOLDERS_KEPT_S)

    def ask(self, about: str) -> Answer:
        until = monotonic() + self._dns.timeout_s
        records = self._dns.query(origin_name(about), "TXT")
        if isinstance(records, Answer):
            return records
        origin = closest(about, (parse_origin(text) for text in _texts(records)))
        if origin is None:
            return Answer(status=Status.ERROR, reason="no origin in the answer can be read")
        detail = {
            "asns": list(origin.asns),
            "prefix": str(origin.prefix),
            "country": origin.country,
            "registry": origin.registry,
            "holder": self._holder(origin.asns[0], until),
            "origin": "cymru",
        }
        return Answer(status=Status.OK, detail=detail)

    def _holder(self, asn: int, until: float) -> str | None:
        with self._lock:
            known = self._holders.get(asn)
        left_s = until - monotonic()
        if known is not None or left_s <= 0:
            return known
        records = self._dns.query(f"AS{asn}.asn.cymru.com.", "TXT", within_s=left_s)
        if isinstance(records, Answer):
            return None
        holder = next((name for text in _texts(records) if (name := parse_holder(text, asn))), None)
        if holder is not None:
            with self._lock:
                self._holders[asn] = holder
        return holder


def origin_name(ip: str) -> str:
    """Name the record that holds an address's origins. Of IPv6, trailing groups of zeros are left out, as Cymru wants it."""
    address = ip_address(ip)
    if isinstance(address, IPv4Address):
        return ".".join(reversed(address.exploded.split("."))) + ".origin.asn.cymru.com."
    groups = address.exploded.split(":")
    while groups and groups[-1] == "0000":
        groups.pop()
    return ".".join(reversed("".join(groups))) + ".origin6.asn.cymru.com."


def parse_origin(text: str) -> Origin | None:
    """Read one origin record; None when it names no AS or no prefix. A country or registry that cannot be one is None."""
    fields = [field.strip() for field in text[:MAX_TEXT].split("|")]
    asns, prefix, country, registry, *_ = fields + [""] * 4
    numbers = tuple(dict.fromkeys(n for word in asns.split() if (n := _number(word)) is not None))
    network = _network(prefix)
    if not numbers or network is None:
        return None
    return Origin(
        asns=numbers[:MAX_ASNS],
        prefix=network,
        country=country if _COUNTRY.fullmatch(country) else None,
        registry=registry if _REGISTRY.fullmatch(registry) else None,
    )


def closest(ip: str, origins: Iterable[Origin | None]) -> Origin | None:
    """The announcement with the longest prefix around `ip`; with several of the same prefix, the AS numbers of all."""
    address = ip_address(ip)
    around = [origin for origin in origins if origin is not None and address in origin.prefix]
    if not around:
        return None
    best, *others = sorted(around, key=lambda origin: (-origin.prefix.prefixlen, origin.asns))
    asns = dict.fromkeys(asn for origin in (best, *others) if origin.prefix == best.prefix for asn in origin.asns)
    return Origin(asns=tuple(asns)[:MAX_ASNS], prefix=best.prefix, country=best.country, registry=best.registry)


def parse_holder(text: str, asn: int) -> str | None:
    """Read the name out of an AS record; None when it is another AS's or has none."""
    fields = [field.strip() for field in text[:MAX_TEXT].split("|", maxsplit=4)]
    if len(fields) < HOLDER_FIELDS or _number(fields[0]) != asn:
        return None
    return one_line(fields[-1], MAX_HOLDER) or None


def _texts(records: Records) -> list[str]:
    texts = (b"".join(record.strings).decode("utf-8", "replace") for record in records if isinstance(record, TXT))
    return sorted(texts)[:MAX_RECORDS]


def _number(word: str) -> int | None:
    return int(word) if _ASN.fullmatch(word) and 0 < int(word) < 2**32 else None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
