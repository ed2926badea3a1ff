"""Published address ranges of providers: their files read, and the narrowest range around an address found.

Pure: whoever reads the files hands in their bytes. A file is taken whole or refused; one bad prefix in it is a reason to
doubt the others. The cost of a search does not grow with the number of ranges, only with how many prefix lengths there are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import orjson

from enricher.errors import ConfigurationError

MAX_BYTES = 32 * 1024 * 1024
"""Azure's, the longest, has 5 MB."""
MAX_RANGES = 500_000
MAX_TEXT = 64
WIDEST = {4: 8, 6: 16}
"""The shortest prefix by IP version: anything wider would make half the internet somebody's."""
MAX_SERVICES = 4

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Range:
    """One range as published. `service` and `region` are the provider's words, None where it has none."""

    network: Network
    service: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeFile:
    """One file. `provider` is as the catalog spells it; `dated` is aware: the file's own date, else when it was written.

    `whole`: what is in none of its ranges is not the provider's, in the IP versions that it has ranges of.
    """

    name: str
    provider: str
    dated: datetime
    whole: bool
    ranges: tuple[Range, ...]
    versions: frozenset[int]
    """The IP versions that it has ranges of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an address lies: the narrowest range around it. `providers` are all that publish a range around it."""

    provider: str
    service: str | None
    region: str | None
    prefix: str
    file: RangeFile
    providers: tuple[str, ...]


# --- reading --------------------------------------------------------------------------------------------------------


def read_ranges(name: str, content: bytes, written_at: datetime) -> RangeFile:
    """Read one file in any of the known shapes. Raises ConfigurationError, which names the file and says what is wrong."""
    if len(content) > MAX_BYTES:
        raise ConfigurationError([f"{name}: longer than {MAX_BYTES} bytes"])
    try:
        return _read(name, content.removeprefix(b"\xef\xbb\xbf"), written_at)
    except _Unreadable as wrong:
        raise ConfigurationError([f"{name}: {wrong}"]) from None


class _Unreadable(ValueError):
    """Says what is wrong, in one line."""


def _read(name: str, content: bytes, written_at: datetime) -> RangeFile:
    if content.lstrip()[:1] not in {b"{", b"["}:
        provider, ranges = _text(name, content)
        return _file(name, provider, written_at, ranges, whole=True)
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as broken:
        raise _Unreadable(f"is no JSON: {broken.msg}, line {broken.lineno}") from None
    shape = next((shape for shape in _SHAPES if isinstance(document, dict) and shape.keys <= document.keys()), None)
    if shape is None:
        raise _Unreadable("is in no shape that is known")
    dated = _date(document, name) or written_at
    return _file(name, shape.provider, dated, shape.read(document), whole=not shape.partial(document))


def _file(name: str, provider: str, dated: datetime, ranges: Iterable[Range], *, whole: bool) -> RangeFile:
    counted: dict[Range, None] = {}
    for one in ranges:
        counted[one] = None
        if len(counted) > MAX_RANGES:
            raise _Unreadable(f"has more than {MAX_RANGES} ranges")
    if not counted:
        raise _Unreadable("has no ranges")
    versions = frozenset(one.network.version for one in counted)
    return RangeFile(name=name, provider=provider, dated=dated, whole=whole, ranges=tuple(counted), versions=versions)


def _network(text: object) -> Network:
    shown = repr(text)[:60]
    if not isinstance(text, str):
        raise _Unreadable(f"{shown} is no range")
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise _Unreadable(f"{shown} is no range") from None
    if network.prefixlen < WIDEST[network.version]:
        raise _Unreadable(f"{shown} is wider than a provider's range can be")
    return network


def _word(value: object) -> str | None:
    """A name out of the file: short and printable, else not taken."""
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable() else None


def _list(document: Mapping[str, Any], key: str) -> Iterator[Any]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise _Unreadable(f"{key!r} is no list")
    yield from found


def _objects(document: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    for one in _list(document, key):
        if not isinstance(one, dict):
            raise _Unreadable(f"{key!r} holds something else than objects")
        yield one


# --- shapes ---------------------------------------------------------------------------------------------------------


def _amazon(document: Mapping[str, Any]) -> Iterator[Range]:
    for key, prefix in (("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")):
        for one in _objects(document, key):
            yield Range(_network(one.get(prefix)), _word(one.get("service")), _word(one.get("region")))


def _google(document: Mapping[str, Any]) -> Iterator[Range]:
    for one in _objects(document, "prefixes"):
        network = _network(one.get("ipv4Prefix", one.get("ipv6Prefix")))
        yield Range(network, _word(one.get("service")), _word(one.get("scope")))


def _google_cloud(document: Mapping[str, Any]) -> bool:
    """`cloud.json` has what customers rent; Google's own front ends, which answer for functions, are only in `goog.json`."""
    return any("scope" in one for one in _objects(document, "prefixes"))


def _microsoft(document: Mapping[str, Any]) -> Iterator[Range]:
    for tag in _objects(document, "values"):
        of = tag.get("properties")
        if not isinstance(of, dict):
            raise _Unreadable("a value has no properties")
        region = _word(of.get("region"))
        service = _word(tag.get("name"))
        if service and region and service.lower().endswith(f".{region.lower()}"):
            service = service[: -len(region) - 1]
        for prefix in _list(of, "addressPrefixes"):
            yield Range(_network(prefix), service, region)


def _fastly(document: Mapping[str, Any]) -> Iterator[Range]:
    for key in ("addresses", "ipv6_addresses"):
        yield from (Range(_network(prefix)) for prefix in _list(document, key))


def _oracle(document: Mapping[str, Any]) -> Iterator[Range]:
    for region in _objects(document, "regions"):
        for one in _objects(region, "cidrs"):
            tags = [tag for tag in map(_word, _list(one, "tags")) if tag]
            yield Range(_network(one.get("cidr")), ", ".join(tags[:MAX_SERVICES]) or None, _word(region.get("region")))


def _github(document: Mapping[str, Any]) -> Iterator[Range]:
    for service in (
        "hooks",
        "web",
        "api",
        "git",
        "packages",
        "pages",
        "importer",
        "actions",
        "actions_macos",
        "codespaces",
        "copilot",
    ):
        yield from (Range(_network(prefix), service) for prefix in _list(document, service))


def _never(_document: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Shape:
    """A provider's form of file: the keys that tell it, and how it is read."""

    provider: str
    keys: frozenset[str]
    read: Callable[[Mapping[str, Any]], Iterator[Range]]
    partial: Callable[[Mapping[str, Any]], bool] = _never


_SHAPES = (
    _Shape("Amazon", frozenset({"createDate", "prefixes"}), _amazon),
    _Shape("Google", frozenset({"creationTime", "prefixes"}), _google, _google_cloud),
    _Shape("Microsoft", frozenset({"changeNumber", "values"}), _microsoft),
    _Shape("Fastly", frozenset({"addresses", "ipv6_addresses"}), _fastly),
    _Shape("Oracle", frozenset({"last_updated_timestamp", "regions"}), _oracle),
    _Shape("GitHub", frozenset({"hooks", "pages"}), _github),
)

_PROVIDER = re.compile(r"#\s*provider:\s*(\S.*)", re.IGNORECASE)
_CLOUDFLARE = re.compile(r"ips-v[46](?:\.txt)?")
"""How Cloudflare calls its two lists, which have no header."""


def _text(name: str, content: bytes) -> tuple[str, Iterator[Range]]:
    """A range a line, `#` for remarks; the provider in the line `# provider: NAME`."""
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise _Unreadable("is neither JSON nor UTF-8 text") from None
    named = next((found[1].strip() for line in lines if (found := _PROVIDER.fullmatch(line.strip()))), None)
    provider = _word(named) or ("Cloudflare" if _CLOUDFLARE.fullmatch(name) else None)
    if provider is None:
        raise _Unreadable("names no provider; begin it with '# provider: NAME', spelled as in the catalog")
    bare = (line.partition("#")[0].strip() for line in lines)
    return provider, (Range(_network(line)) for line in bare if line)


# --- dates ----------------------------------------------------------------------------------------------------------

_DAY_IN_NAME = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)")
"""Azure's file has its date in its name only: `ServiceTags_Public_20261116.json`."""


def _date(document: Mapping[str, Any], name: str) -> datetime | None:
    readers = (
        (document.get("createDate"), partial(_strptime, form="%Y-%m-%d-%H-%M-%S")),
        (document.get("creationTime"), datetime.fromisoformat),
        (document.get("last_updated_timestamp"), datetime.fromisoformat),
        ("".join(day.groups()) if (day := _DAY_IN_NAME.search(name)) else None, partial(_strptime, form="%Y%m%d")),
    )
    return next((date for text, read in readers if isinstance(text, str) and (date := _dated(text, read))), None)


def _strptime(text: str, form: str) -> datetime:
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def _dated(text: str, read: Callable[[str], datetime]) -> datetime | None:
    try:
        date = read(text[:MAX_TEXT])
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


# --- searching ------------------------------------------------------------------------------------------------------

_EVERYTHING = frozenset({"AMAZON", "AzureCloud", "Google Cloud"})
"""Services that stand for the whole provider: not named beside one that says more."""


class RangeTable:
    """All ranges of some files, by prefix length and then by their leading bits."""

    def __init__(self, files: Iterable[RangeFile] = ()) -> None:
        self.files = tuple(files)
        levels: dict[tuple[int, int], dict[int, list[tuple[RangeFile, Range]]]] = defaultdict(lambda: defaultdict(list))
        for file in self.files:
            for one in file.ranges:
                network = one.network
                level = levels[network.version, network.prefixlen]
                level[int(network.network_address) >> (network.max_prefixlen - network.prefixlen)].append((file, one))
        self._levels = {
            version: [(length, levels[v, length]) for v, length in sorted(levels, reverse=True) if v == version]
            for version in WIDEST
        }

    def find(self, ip: str) -> Place | None:
        """The narrowest range around an address in canonical form; None where none is. Raises ValueError on anything else."""
        address = ip_address(ip)
        bits, longest = int(address), address.max_prefixlen
        levels = self._levels[address.version]
        around = [found for length, level in levels if (found := level.get(bits >> (longest - length)))]
        if not around:
            return None
        providers = sorted({file.provider for found in around for file, _ in found})
        return _place(around[0], tuple(providers))


def _place(narrowest: list[tuple[RangeFile, Range]], providers: tuple[str, ...]) -> Place:
    """One range may stand in several files, and in one file for several services."""
    file, first = min(narrowest, key=lambda found: (found[0].provider, found[0].name, found[1].region or "~"))
    services = sorted({one.service for of, one in narrowest if of is file and one.service})
    telling = [service for service in services if service not in _EVERYTHING] or services
    return Place(
        provider=file.provider,
        service=", ".join(telling[:MAX_SERVICES]) or None,
        region=first.region,
        prefix=str(first.network),
        file=file,
        providers=providers,
    )


# --- the catalog's word for them ------------------------------------------------------------------------------------

_PUBLISHERS = {
    "ip-ranges.amazonaws.com": "Amazon",
    "www.gstatic.com/ipranges": "Google",
    "Azure Service Tags": "Microsoft",
    "www.cloudflare.com/ips": "Cloudflare",
    "api.fastly.com/public-ip-list": "Fastly",
    "docs.oracle.com/iaas/tools/public_ip_ranges": "Oracle",
    "api.github.com/meta": "GitHub",
}


def publishers(ip_ranges: str, provider: str) -> frozenset[str]:
    """Whose files hold a platform's addresses, by the catalog's column `ip_ranges`; its own provider's where that is silent."""
    named = {publisher for mark, publisher in _PUBLISHERS.items() if mark in ip_ranges}
    return frozenset(named or {provider})
