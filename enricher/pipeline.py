"""The flow, written once, in order. Only the two ports touch the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from enricher.core.classify import Signal, classify
from enricher.core.distinct import Distinct, distinct, with_memory
from enricher.core.finding import tune
from enricher.core.gather import Context, gather, latest_contacts, observe
from enricher.core.grade import Asked, grade
from enricher.core.group import Case, Grouped, group
from enricher.core.join import join
from enricher.core.memory import Memory
from enricher.core.normalise import normalise
from enricher.core.novelty import Horizon
from enricher.core.programs import Programs
from enricher.core.tune import NO_EXPERIENCE, Experience
from enricher.model import Alert, Dropped
from enricher.ports import History, Lookups


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What one judgement may ask, and how it is set up. `history` is None where nothing is remembered."""

    programs: Programs
    lookups: Lookups
    history: History | None
    asked: Asked
    experience: Experience = NO_EXPERIENCE
    """How tuning rules were used, and which tenants are never tuned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigation:
    """What came of an alert: its cases and the rows that are in none; `seen` and `memory` are what it rests on."""

    grouped: Grouped
    seen: Distinct
    memory: Memory

    @property
    def cases(self) -> tuple[Case, ...]:
        return self.grouped.cases

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        return self.grouped.dropped


def investigate(alert: Alert, world: World, now: datetime) -> Investigation:
    """Turn one alert into graded cases, tuned away or not; each opens or joins a case in the store.

    What is remembered of the same hosts is judged with it, so that it does not matter how events were split over alerts.
    """
    read = normalise(alert)
    came = distinct(read.events)
    memory = world.history.around(came.events) if world.history else Memory()
    return _judge(alert, with_memory(came, memory), memory, read.dropped, world, now)


def look_again(case: str, alert: Alert, memory: Memory, world: World, now: datetime) -> Investigation:
    """Judge a stored case anew, by what is remembered of it now; `alert` has no rows, and says what the case's own said."""
    return _judge(alert, with_memory(distinct(()), memory, case=case), memory, (), world, now)


def _judge(
    alert: Alert, seen: Distinct, memory: Memory, unreadable: Sequence[Dropped], world: World, now: datetime
) -> Investigation:
    rules = world.programs.rules
    activity = join(seen.events)
    classified = classify(activity, rules)
    context = _ask(classified.signals, memory, world, now)
    facts = gather(classified.signals, activity, context, rules, world.programs)
    graded = grade(facts, world.programs, world.asked)
    findings = tune(graded, rules, now.date(), world.experience)
    grouped = group(findings, classified, activity, seen, unreadable, alert, rules, memory)
    return Investigation(grouped=grouped, seen=seen, memory=memory)


def _ask(signals: Sequence[Signal], memory: Memory, world: World, now: datetime) -> Context:
    """The world's part: answers about addresses and names, and who has contacted the same tenants before."""
    enrichments = world.lookups.about(observe(signals))
    if world.history is None:
        return Context(enrichments=enrichments)
    return Context(
        enrichments=enrichments,
        past=world.history.contacts(latest_contacts(signals, now)),
        horizon=Horizon(now=now, since=world.history.since()),
        asked=memory.asked,
        rotations=memory.rotations,
    )
