"""Does the address belong to the platform that the name claims?

A yes needs one witness: a published range of the platform's, or an AS number that is expected. A no needs more: the catalog must know
the platform's network, the witnesses must be recent, none may be missing, and the address must not be an edge network's,
for edges carry other platforms' names too. Everything else is unknown, which adds nothing and takes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from enricher.core.gather import Facts
from enricher.core.rules import Platform
from enricher.model import Enrichment, Status

OLDEST_ANSWER_S = 90 * 86_400
"""Beyond this an AS answer (an offline file's is as old as the file) proves no mismatch: networks are sold."""

_ANSWERED = frozenset({Status.OK, Status.STALE})
_NOT_FOUND_OUT = frozenset({Status.TIMEOUT, Status.RATE_LIMITED, Status.ERROR})
_EDGES = {13335: "Cloudflare", 209242: "Cloudflare", 54113: "Fastly", 20940: "Akamai", 16625: "Akamai", 200325: "bunny.net"}
_EDGE_SERVICES = ("CLOUDFRONT", "AzureFrontDoor")
"""Edges that are announced by the AS numbers of everything else of theirs."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """The answer, None for unknown, and one sentence that says why."""

    consistent: bool | None
    why: str


def contacted(facts: Facts) -> str | None:
    """The address a finding is about: of its earliest connection, else the first that its name resolved to."""
    if (connection := facts.address) is not None:
        return connection.ip
    return next((answer for query in facts.signal.queries for answer in query.answers or ()), None)


def consistency_of(facts: Facts) -> Consistency:
    """The same question for a finding, by what was looked up about the address that it contacted."""
    address = contacted(facts)
    if address is None:
        return Consistency(None, "no address is known")
    said = {e.source: e for e in facts.enrichments if e.about == address}
    return consistency(facts.signal.platform, said.get("asn"), said.get("ranges"))


def consistency(platform: Platform, asn: Enrichment | None, ranges: Enrichment | None) -> Consistency:
    """Hold the answers of `asn` and `ranges` about one address, None where nobody was asked, to the platform's row."""
    return (
        _by_range(platform, ranges)
        or _by_number(platform, asn)
        or _undecided(platform, asn, ranges)
        or Consistency(False, _mismatch(platform, asn))
    )


def _by_range(platform: Platform, ranges: Enrichment | None) -> Consistency | None:
    around = _words(ranges, "providers")
    ours = sorted((platform.ranges | {platform.provider}) & around)
    return Consistency(True, f"the address is in a published range of {' and '.join(ours)}") if ours else None


def _by_number(platform: Platform, asn: Enrichment | None) -> Consistency | None:
    expected = sorted(platform.expected_asn & set(_numbers(asn)))
    return Consistency(True, f"AS{expected[0]} announces the address, as expected of {platform.name}") if expected else None


def _undecided(platform: Platform, asn: Enrichment | None, ranges: Enrichment | None) -> Consistency | None:
    """Why a mismatch, if it is one, would mean nothing; None where it would."""
    if not platform.expected_asn:
        return Consistency(None, f"the catalog names no network for {platform.name}")
    if platform.asn_confidence == "unverified":
        return Consistency(None, f"the network that the catalog names for {platform.name} is not verified")
    if edge := _edge(asn, ranges):
        return Consistency(None, f"the address is in {edge}'s network, which carries other providers' names too")
    if asn is not None and asn.status in _NOT_FOUND_OUT:
        return Consistency(None, f"who announces the address was not found out: {asn.reason or asn.status.value}")
    if not _numbers(asn) and not _searched(platform, ranges):
        reason = f": {asn.reason}" if asn is not None and asn.reason else ""
        return Consistency(None, f"who announces the address is not known{reason}")
    if not _searched(platform, ranges) and asn is not None and asn.age_s > OLDEST_ANSWER_S:
        return Consistency(None, f"what is known of the address is {asn.age_s // 86_400} days old")
    return None


def _mismatch(platform: Platform, asn: Enrichment | None) -> str:
    expected = f"{platform.name} is expected in {' or '.join(f'AS{number}' for number in sorted(platform.expected_asn))}"
    if numbers := _numbers(asn):
        return f"AS{numbers[0]} announces the address; {expected}"
    return f"the address is in none of the published ranges of {' and '.join(sorted(platform.ranges))}"


def _searched(platform: Platform, ranges: Enrichment | None) -> bool:
    """Whether it was looked for in whole, recent files of everybody whose files hold the platform's addresses."""
    return bool(platform.ranges) and platform.ranges <= _words(ranges, "searched")


def _edge(asn: Enrichment | None, ranges: Enrichment | None) -> str | None:
    service = ranges.detail.get("service") if ranges is not None else None
    if ranges is not None and isinstance(service, str) and any(edge in service for edge in _EDGE_SERVICES):
        return str(ranges.detail.get("provider"))
    by_range = next((edge for edge in sorted(set(_EDGES.values())) if edge in _words(ranges, "providers")), None)
    return by_range or next((_EDGES[number] for number in _numbers(asn) if number in _EDGES), None)


def _numbers(asn: Enrichment | None) -> Sequence[int]:
    found = asn.detail.get("asns") if asn is not None and asn.status in _ANSWERED else None
    return [number for number in found if isinstance(number, int)] if isinstance(found, list | tuple) else []


def _words(ranges: Enrichment | None, key: str) -> frozenset[str]:
    found = ranges.detail.get(key) if ranges is not None else None
    return frozenset(map(str, found)) if isinstance(found, list | tuple) else frozenset()
