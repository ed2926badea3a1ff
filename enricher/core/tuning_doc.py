"""A tuning rule as `enricher tuning list`, the API and the console show it: where it stands, whose it is, what it has done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from enricher.core.document import Json, iso
from enricher.core.rules import TuningRule
from enricher.core.tune import Standing, effect_of, states, unmatched_on
from enricher.core.uses import RuleUse

_FIRST = (Standing.EXPIRING, Standing.UNMATCHED, Standing.EXPIRED)
"""What somebody should look at."""


def tuning_docs(rules: Iterable[TuningRule], uses: Mapping[str, RuleUse] | None, today: date) -> list[Json]:
    """Every rule, those that end soon or have ended first. `uses` is None where nobody counts: then matches are null."""
    rules = list(rules)
    standings = states(rules, uses or {}, today)
    docs = [_doc(rule, standings[rule.id], uses, today) for rule in rules]
    return sorted(
        docs, key=lambda doc: (doc["state"] not in _FIRST, doc["expires"] if doc["state"] in _FIRST else "", doc["id"])
    )


def _doc(rule: TuningRule, state: Standing, uses: Mapping[str, RuleUse] | None, today: date) -> Json:
    use = uses.get(rule.id) if uses is not None else None
    idle = unmatched_on(rule, use)
    ended = state in {Standing.EXPIRED, Standing.UNMATCHED}
    return {
        "id": rule.id,
        "version": rule.version,
        "state": state.value,
        "mode": rule.mode,
        "owner": rule.owner,
        "approver": rule.approver,
        "reason": rule.reason,
        "ticket": rule.ticket,
        "effect": rule.effect,
        "does": effect_of(rule),
        "scope": {name: list(values) for name, values in rule.scope.items()},
        "conditions": {name: list(values) for name, values in rule.conditions.items()},
        "created": rule.created.isoformat(),
        "expires": rule.expires.isoformat(),
        "unmatched_on": idle.isoformat() if idle else None,
        "days_left": 0 if ended else (min(rule.expires, idle or rule.expires) - today).days,
        "matches": None if uses is None else use.matches if use else 0,
        "last_match": iso(use.last_at) if use and use.last_at else None,
        "source": rule.source,
    }
