"""Tuning rules on a graded finding: what they change, and how the ledger says so.

A rule lowers a severity that an analyst has agreed to live with. It comes after scoring, so the raw score stays visible. It
holds only on evidence that is there, and never on a process that hides what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from enricher.core.document import ExceptionDoc, StepDoc
from enricher.core.estate import Span, covered
from enricher.core.rules import Rules, SeverityPolicy, TuningRule
from enricher.core.uses import RuleUse
from enricher.model import Severity

FLOORS = frozenset({"renamed", "masquerade"})
"""Identity words that no rule crosses: a process that lies about what it is can meet any condition."""

WARNING = timedelta(days=14)
"""How long before its end a rule is called `expiring`."""

TOP_SCORE = 100.0
YES = "true"
"""How a fact that holds or does not is written in a scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningFacts:
    """What rules may ask of a finding. None is "not known", and a condition on it does not hold.

    `image` and `parents` are in path form, parents nearest first. `groups` are the estate's; `hashes` by algorithm.
    """

    host: str
    groups: frozenset[str] | None = None
    user: str | None = None
    image: str | None = None
    parents: tuple[str | None, ...] = ()
    command_line: str | None = None
    tenant: str | None = None
    hostname: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    identity: frozenset[str] = frozenset()
    maintenance: bool | None = None
    """Every contact fell into a maintenance window of the estate's."""
    service_account: bool | None = None
    """The user is one of the estate's service accounts."""
    contacts: tuple[Span, ...] = ()
    """When each contact was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What is known of tuning beside the rules: how each was used, by its id, and the tenants that nothing is tuned for, because a
    person called a case of theirs a true positive.
    """

    uses: Mapping[str, RuleUse] = field(default_factory=dict)
    protected: frozenset[str] = frozenset()


NO_EXPERIENCE = Experience()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A finding's score and severity after tuning. `exceptions` are the rules that matched, live or in shadow."""

    score: float
    severity: Severity
    exceptions: tuple[ExceptionDoc, ...] = ()
    suppressed: bool = False
    steps: tuple[StepDoc, ...] = ()

    @property
    def live(self) -> bool:
        """Whether a live rule matched."""
        return any(exception["mode"] == "live" for exception in self.exceptions)


EVIDENCE: Mapping[str, Callable[[TuningFacts], Iterable[str | None]]] = {
    "scope.hosts": lambda facts: (facts.host,),
    "scope.groups": lambda facts: facts.groups or (),
    "scope.users": lambda facts: (facts.user,),
    "scope.maintenance": lambda facts: (YES,) if facts.maintenance else (),
    "scope.service_account": lambda facts: (YES,) if facts.service_account else (),
    "image": lambda facts: (facts.image,),
    "parent": lambda facts: facts.parents[:1],
    "ancestor": lambda facts: facts.parents,
    "command_line": lambda facts: (facts.command_line,),
    "user": lambda facts: (facts.user,),
    "tenant": lambda facts: (facts.tenant,),
    "hostname": lambda facts: (facts.hostname,),
    "hash": lambda facts: (facts.hashes.get("sha256"),),
    "chain.1": lambda facts: facts.parents[:1],
    "chain.2": lambda facts: facts.parents[1:2],
    "chain.3": lambda facts: facts.parents[2:3],
    "chain.4": lambda facts: facts.parents[3:4],
}
"""Scope or condition → the facts of which one must fit. `chain.1` is the parent, `chain.2` its parent …"""


# --- which day? -----------------------------------------------------------------------------------------------------


class Standing(StrEnum):
    """What a rule does on a day: the first three are in force, the others do nothing."""

    LIVE = "live"
    SHADOW = "shadow"
    EXPIRING = "expiring"
    """In force, live or in shadow, and ends within a fortnight."""
    PENDING = "pending"
    EXPIRED = "expired"
    UNMATCHED = "unmatched"
    """Ended because it has matched nothing for as long as it said."""


def standing(rule: TuningRule, today: date, use: RuleUse | None = None) -> Standing:
    """Where a rule stands, by its `mode` while it is in force. Its last day is the one before `expires`."""
    if today >= rule.expires:
        return Standing.EXPIRED
    if today < rule.created:
        return Standing.PENDING
    idle = unmatched_on(rule, use)
    return Standing.UNMATCHED if idle is not None and today >= idle else Standing(rule.mode)


def unmatched_on(rule: TuningRule, use: RuleUse | None) -> date | None:
    """The day on which a rule ends for want of matches. None where it has no such end, or nothing is known of its use.

    Days are counted from the last match, else from when it was first loaded; a later `created` begins them anew.
    """
    if rule.ends_when_unmatched_days is None or use is None:
        return None
    since = max((use.last_at or use.first_seen_at).date(), rule.created)
    return since + timedelta(days=rule.ends_when_unmatched_days)


def expiring(rule: TuningRule, today: date, use: RuleUse | None = None) -> bool:
    """Whether a rule in force comes to its `expires` within a fortnight: time to tell its owner."""
    return standing(rule, today, use) in _IN_FORCE and rule.expires - today <= WARNING


def states(rules: Iterable[TuningRule], uses: Mapping[str, RuleUse], today: date) -> dict[str, Standing]:
    """Where each rule stands, by its id, with `expiring` for those in force that end soon. Also the label of a metric."""
    return {
        rule.id: Standing.EXPIRING if expiring(rule, today, uses.get(rule.id)) else standing(rule, today, uses.get(rule.id))
        for rule in rules
    }


# --- does it hold? --------------------------------------------------------------------------------------------------


def about(facts: TuningFacts, rules: Rules) -> list[TuningRule]:
    """The rules that may hold on a finding, found by its evidence and in the order of their ids; no other rule can."""
    return rules.tuning_index.candidates(lambda name: EVIDENCE[name](facts))


def holds(rule: TuningRule, facts: TuningFacts) -> bool:
    """Whether all conditions, all scopes and the schedule of the rule hold, floors aside."""
    return (
        bool(rule.matchers)
        and all(_met(rule, name, facts) for name in rule.matchers)
        and (not rule.schedule or covered(rule.schedule, facts.contacts))
    )


def holds_somewhere(rule: TuningRule, facts: TuningFacts) -> bool:
    """Whether the rule would hold on some host, for some user, at some time: its conditions do, its scope and schedule aside."""
    conditions = [name for name in rule.matchers if not name.startswith("scope.")]
    return bool(conditions) and all(_met(rule, name, facts) for name in conditions)


def _met(rule: TuningRule, name: str, facts: TuningFacts) -> bool:
    return any(rule.matchers[name].matches(text) for text in EVIDENCE[name](facts) if text)


def applies(rule: TuningRule, facts: TuningFacts) -> bool:
    """Whether the rule holds and no floor forbids it."""
    return holds(rule, facts) and not (FLOORS & facts.identity)


# --- what does it change? -------------------------------------------------------------------------------------------


def apply(
    facts: TuningFacts,
    raw_score: float,
    policy: SeverityPolicy,
    rules: Sequence[TuningRule],
    today: date,
    known: Experience = NO_EXPERIENCE,
) -> Tuned:
    """Let the rules lower a score. The same rules give the same answer in any order, and one more never raises it.

    Of several live `subtract` rules the largest counts, then the lowest `cap`; what the others would have done is in the
    steps. A `suppress` leaves the score and hides the case.
    """
    held = [
        rule
        for rule in sorted(rules, key=_order)
        if standing(rule, today, known.uses.get(rule.id)) in _IN_FORCE and holds(rule, facts)
    ]
    if held and (why := _refusal(facts, known)) is not None:
        return Tuned(
            score=raw_score,
            severity=policy.band(raw_score),
            steps=tuple(_step(rule, why, raw_score, raw_score, taken=False) for rule in held),
        )
    score, steps, used = raw_score, [], set[str]()
    for rule in held:
        lowered = _lowered(rule, score, policy)
        live = rule.mode == "live"
        taken = live and (rule.effect == "suppress" or (lowered < score and rule.effect not in used))
        beaten = rule.effect in used
        steps.append(_step(rule, _why(rule, taken=taken, beaten=beaten), score, lowered, taken=taken))
        if taken:
            used.add(rule.effect)
            score = lowered
    return Tuned(
        score=score,
        severity=policy.band(score),
        exceptions=tuple(_exception(rule) for rule in held),
        suppressed=any(rule.effect == "suppress" and rule.mode == "live" for rule in held),
        steps=tuple(steps),
    )


def _refusal(facts: TuningFacts, known: Experience) -> str | None:
    """Why no rule may act on the finding, whatever it asks for."""
    lies = FLOORS & facts.identity
    if lies:
        return f"refused: the process is {' and '.join(sorted(lies))}"
    if facts.tenant in known.protected:
        return f"refused: a case of {facts.tenant} was confirmed malicious"
    return None


_IN_FORCE = {Standing.LIVE, Standing.SHADOW}
_EFFECTS = ("subtract", "cap", "suppress")


def _order(rule: TuningRule) -> tuple[int, float, int, str]:
    """Subtractions first, the largest ahead; then caps, the lowest ahead; then suppression."""
    return (_EFFECTS.index(rule.effect), -rule.amount, rule.cap_at.rank if rule.cap_at else 0, rule.id)


def _lowered(rule: TuningRule, score: float, policy: SeverityPolicy) -> float:
    """The score the rule would leave."""
    if rule.effect == "subtract":
        return max(0.0, score - rule.amount)
    if rule.effect == "cap" and rule.cap_at is not None:
        return min(score, _top(rule.cap_at, policy))
    return score


def _top(band: Severity, policy: SeverityPolicy) -> float:
    """The highest whole score of a band."""
    return min((start - 1 for other, start in policy.bands.items() if other.rank > band.rank), default=TOP_SCORE)


def effect_of(rule: TuningRule) -> str:
    """What a rule does, in words."""
    if rule.effect == "cap":
        return f"at most {rule.cap_at}"
    return f"{rule.amount:g} points less" if rule.effect == "subtract" else "suppressed"


def _why(rule: TuningRule, *, taken: bool, beaten: bool) -> str:
    effect = effect_of(rule)
    if rule.mode == "shadow":
        effect = f"in shadow, would be: {effect}"
    elif not taken:
        effect = f"{effect}: {'another rule does more' if beaten else 'nothing to lower'}"
    return f"{effect}; {rule.reason} ({rule.owner}, {rule.ticket}, until {rule.expires.isoformat()})"


def _step(rule: TuningRule, evidence: str, score: float, lowered: float, *, taken: bool) -> StepDoc:
    after = lowered if taken else score
    return {
        "step": "tuning",
        "rule": f"tuning.{rule.id}",
        "evidence": evidence,
        "points": lowered - score,
        "from": score,
        "to": after,
        "taken": taken,
    }


def _exception(rule: TuningRule) -> ExceptionDoc:
    return {
        "rule": rule.id,
        "effect": rule.effect,
        "mode": rule.mode,
        "reason": rule.reason,
        "owner": rule.owner,
        "expires": rule.expires.isoformat(),
    }
