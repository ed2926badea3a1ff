"""Where a case goes: the first route that it fits says which destinations get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from enricher.core.document import CaseDocument

OPEN = frozenset({"open"})
"""What a route is for where it does not say: suppressed and informational cases go nowhere unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which cases, and where they go. An empty condition holds for every case; `source` is `file:line`."""

    to: tuple[str, ...]
    severity: frozenset[str] = frozenset()
    host_group: frozenset[str] = frozenset()
    role: frozenset[str] = frozenset()
    platform: frozenset[str] = frozenset()
    category: frozenset[str] = frozenset()
    disposition: frozenset[str] = OPEN
    source: str = ""

    def fits(self, case: CaseDocument) -> bool:
        """Whether each condition holds. A host that the estate does not name has no group and no role."""
        estate, platform = case.get("estate"), case["platform"]
        return (
            case["disposition"] in self.disposition
            and _holds(self.severity, case["severity"])
            and _holds(self.platform, platform["id"])
            and _holds(self.category, platform["category"])
            and _holds(self.role, estate["role"] if estate else None)
            and _holds(self.host_group, *(estate["groups"] if estate else ()))
        )

    def covers(self, other: Route) -> bool:
        """Whether every case that fits the other fits this one too."""
        return self.disposition >= other.disposition and all(
            not (mine := getattr(self, name)) or (getattr(other, name) and mine >= getattr(other, name))
            for name in CONDITIONS
        )


CONDITIONS = ("severity", "host_group", "role", "platform", "category")


def destinations_for(case: CaseDocument, routes: Sequence[Route], names: Sequence[str]) -> tuple[str, ...]:
    """The names of the destinations that get a case, of those that there are.

    Without any routes an open case goes to all of them. A case that fits no route goes nowhere: it is on the console.
    """
    if not routes:
        return tuple(names) if case["disposition"] in OPEN else ()
    chosen = next((route.to for route in routes if route.fits(case)), ())
    return tuple(name for name in names if name in chosen)


def unreachable(routes: Sequence[Route]) -> list[tuple[Route, Route]]:
    """Each route that no case can come to, with the earlier one that takes all of its cases."""
    return [
        (route, earlier)
        for i, route in enumerate(routes)
        if (earlier := next((one for one in routes[:i] if one.covers(route)), None)) is not None
    ]


def _holds(wanted: frozenset[str], *having: str | None) -> bool:
    return not wanted or any(one in wanted for one in having)
