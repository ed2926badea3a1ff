"""What stands around a finding: rhythm, DNS, how new and how shared the tenant is, the estate, and whose the address is.

Most of it counts only beside other signs, for agents are periodic and new tenants are common. Source: the severity model
(docs/severity.md).
"""

from __future__ import annotations

from dataclasses import replace

from enricher.core.behaviour import PERIODIC
from enricher.core.consistency import consistency_of
from enricher.core.gather import Facts
from enricher.core.rules import SeverityPolicy
from enricher.core.sign import Sign, counts, refused, sign_of


def behaviour(facts: Facts, policy: SeverityPolicy, others: float) -> list[Sign]:
    """Periodic contact; agents are periodic too, so it counts only beside other signs, or where the tenant is new here."""
    beacon, needs = facts.beacon, policy.context["needs"]
    if beacon is None or beacon.name not in PERIODIC:
        return []
    evidence = f"class {beacon.name}, {beacon.sightings} sightings, median gap {beacon.period_s:g} s"
    counts = others > needs or facts.new_tenant is True
    if not counts:
        evidence += f"; counts only beside other signs above {needs:g}, there are {others:g}, or where the tenant is new"
    points = policy.behaviour["periodic"]
    return [Sign(step="behaviour", rule="periodic", points=points, evidence=evidence, taken=counts)]


_ANOMALIES = {
    "tenant_rotation": "more than eight tenants of the platform asked for within an hour",
    "failed_burst": "five or more failed queries for the tenant within ten minutes",
    "never_connected": "asked for and never connected to, though connections are collected",
}


def dns(facts: Facts, policy: SeverityPolicy) -> list[Sign]:
    """DNS anomalies; together they give at most `dns.most`, in their order. What is in shadow uses nothing up."""
    signs: list[Sign] = []
    most = left = policy.dns["most"]
    for rule, evidence in _ANOMALIES.items():
        if rule not in facts.dns_anomalies:
            continue
        sign = sign_of("dns", rule, policy.dns, evidence)
        if counts(sign, policy):
            sign = _within(sign, left, most)
            left -= sign.points if sign.taken else 0.0
        signs.append(sign)
    return signs


def _within(sign: Sign, left: float, most: float) -> Sign:
    """The sign with what is left for it; with nothing left, refused."""
    note = f"DNS signs give at most {most:g} together"
    if left <= 0 < sign.points:
        return refused(sign, note)
    if sign.points > left:
        return replace(sign, points=left, evidence=f"{sign.evidence}; {left:g} of {sign.points:g}, {note}")
    return sign


_SERVER_ROLES = frozenset({"server", "domain_controller", "jump_host"})
SHARED_FROM = 3
"""Hosts that began with a tenant within a day, from which on that is a sign."""


def context(facts: Facts, policy: SeverityPolicy, others: float) -> list[Sign]:
    """How new the tenant is, what the estate says of the host, and who began with the tenant on the same day; all of it
    counts only beside other signs.
    """
    found: list[tuple[str, str]] = []
    if facts.new_tenant:
        found.append(("new_tenant", "nobody here contacted the tenant before the last seven days"))
    if facts.role in _SERVER_ROLES:
        found.append(("server", f"the host is a {facts.role.replace('_', ' ')}"))
    if facts.shared_start is not None and facts.shared_start >= SHARED_FROM:
        found.append(("shared_hosts", f"{facts.shared_start} hosts began with the tenant within a day"))
    needs = policy.context["needs"]
    short = others <= needs
    note = f"; other signs are {others:g}, more than {needs:g} needed" if short else ""
    return [
        Sign(step="context", rule=rule, points=policy.context[rule], evidence=evidence + note, taken=not short)
        for rule, evidence in found
    ]


def address(facts: Facts, policy: SeverityPolicy, others: float) -> list[Sign]:
    """An address that is not the platform's; it counts only beside other signs. One that is, or may be, gives nothing."""
    found = consistency_of(facts)
    if found.consistent is not False:
        return []
    needs = policy.address["needs"]
    short = others <= needs
    evidence = found.why + (f"; other signs are {others:g}, more than {needs:g} needed" if short else "")
    return [
        Sign(step="address", rule="inconsistent", points=policy.address["inconsistent"], evidence=evidence, taken=not short)
    ]
