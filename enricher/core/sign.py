"""One step of the ledger before it is summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from enricher.core.rules import SeverityPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """`step` is the group, `rule` the name within it; `taken` is False where it was considered and refused."""

    step: str
    rule: str
    points: float
    evidence: str
    taken: bool = True


def sign_of(step: str, rule: str, points: Mapping[str, float], evidence: str) -> Sign:
    """With the rule's points."""
    return Sign(step=step, rule=rule, points=points[rule], evidence=evidence)


def refused(sign: Sign, why: str) -> Sign:
    """The same, not taken, and why."""
    return replace(sign, evidence=f"{sign.evidence}; {why}", taken=False)


def counts(sign: Sign, policy: SeverityPolicy) -> bool:
    """Whether the sign adds or takes its points: it was not refused, and its rule is not in shadow."""
    return sign.taken and f"{sign.step}.{sign.rule}" not in policy.shadow
