"""From RITA's scores to its severities: a base, and modifiers that must agree before anything is critical.

Source: activecm/rita (analysis/analysis.go, modifier/, default_config.hjson). Our own severities are in grade.py.
"""

from __future__ import annotations

from itertools import pairwise

BEACON = (50, 70, 90, 100)
LONG_CONNECTION = (3_600, 14_400, 28_800, 43_200)
"""Seconds."""
SUBDOMAINS = (100, 500, 800, 1_000)
ALONE = 0.80
"""The base of a strobe, and of a destination that a threat list names."""
AGREEING = {
    "rare_signature": 0.15,
    "no_host_header": 0.10,
    "mime_mismatch": 0.15,
    "listed_and_25_mb": 0.15,
    "only_asked": 0.15,
}
"""What each further indicator adds. `only_asked`: control over DNS without any direct connection."""


def threat(value: float, limits: tuple[float, float, float, float]) -> float:
    """0 below the first limit, then evenly 0.20 to 0.40, to 0.60, to 0.80 between one limit and the next."""
    if value < limits[0]:
        return 0.0
    for step, (low, high) in enumerate(pairwise(limits), start=1):
        if value < high:
            return 0.20 * step + 0.20 * (value - low) / (high - low)
    return ALONE


RARE, COMMON = 0.02, 0.5
NEW, OLD = 7, 30
SWING = 0.15


def prevalence(share: float) -> float:
    """What the share of internal hosts that contacted the destination, 0 to 1, adds or takes."""
    return _swing(share, RARE, COMMON)


def first_seen(days: float) -> float:
    """What the days since the first contact add or take."""
    return _swing(days, NEW, OLD)


def _swing(value: float, low: float, high: float) -> float:
    return SWING * ((value <= low) - (value >= high))


def severity(total: float) -> str:
    """RITA's word for the largest base with its modifiers; no base reaches critical alone."""
    if total > ALONE:
        return "critical"
    return next((word for least, word in ((0.60, "high"), (0.40, "medium"), (0.20, "low")) if total >= least), "none")
