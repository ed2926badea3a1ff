"""How fast each destination is told, over all processes together."""

from __future__ import annotations

from collections.abc import Callable

from enricher.content import DeliveryPlan
from enricher.settings import Settings
from enricher.sumo.pace import Pace, Patience

SLACK_BURST = 50.0
"""Messages that may follow each other at once in a channel that has been quiet."""
INSIGHT_RATE = 1.0
"""Calls a second to Insights: what the searches leave of the four that Sumo Logic allows one user over all that he does."""


def rates_of(settings: Settings, plan: DeliveryPlan) -> dict[str, float]:
    """Deliveries a second, by destination; 0 is without limit, and what is not named has none."""
    own = {"jira": settings.jira_rate, "servicenow": settings.servicenow_rate, "slack": settings.slack_rate}
    return own | {one.name: float(one.values.get("rate", own.get(one.kind, 0.0))) for one in plan.further}


def bursts_of(plan: DeliveryPlan) -> dict[str, float]:
    """How many deliveries may follow each other at once after a rest, where that is not two seconds' worth."""
    return {"slack": SLACK_BURST} | {one.name: SLACK_BURST for one in plan.further if one.kind == "slack"}


def insight_turn(settings: Settings, patience: Patience | None = None) -> Callable[[], None]:
    """What this process does before each call to an Insight: waits for its turn. Made with the destination, used by its threads."""
    return Pace(patience or Patience(), INSIGHT_RATE / settings.worker_processes).take
