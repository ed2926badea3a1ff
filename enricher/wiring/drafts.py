"""A stored case → what a tuning rule may be drafted of: its findings as they are judged now, by what is remembered of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from enricher.content.families import People, dump, read_rules
from enricher.core.document import Json
from enricher.core.drafting import Subject, Terms, draft, why_not
from enricher.core.estate import Estate
from enricher.core.finding import tuning_facts
from enricher.core.programs import Programs
from enricher.core.tune import applies
from enricher.store import Store
from enricher.wiring.corpus import hidden_by
from enricher.wiring.replay import MakeFlow, Recorded


def subject_of(stored: Store, key: str, programs: Programs, flow: MakeFlow, now: datetime) -> Subject | None:
    """The case of that key; None where there is none. Asks nobody: look-ups are answered as they were. Raises StoreUnavailable."""
    record = stored.reader.case(key)
    if record is None:
        return None
    answers = Recorded(stored.reader)
    answers.turn_to([record.key])
    again = flow(programs, answers, stored.history, lambda: now).look_at(record.key, now)
    findings = [finding for case in again.cases for finding in case.findings] if again else []
    verdicts = {record.document["verdict"], *(finding.verdict.value for finding in findings)}
    return Subject(
        key=record.key,
        host=record.document["host"],
        process=record.document["process"]["name"],
        verdicts=frozenset(verdicts),
        findings=tuple(tuning_facts(finding.graded) for finding in findings),
    )


def problems_of(rule: Json, subject: Subject, programs: Programs, people: Mapping[str, str]) -> list[str]:
    """What would keep a drafted rule from loading once `people` have signed it, or from covering its case; none if it is well."""
    text = dump([rule | dict(people)])
    rules, problems = read_rules(text, programs.rules.catalog, "draft.yml")
    problems += hidden_by(Programs(replace(programs.rules, tuning=tuple(rules))))
    missed = [facts for facts in subject.findings if not all(applies(one, facts) for one in rules)]
    return [*problems, *(["it does not fit all of the case's own findings"] if missed else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What came of a draft: a rule, or `problems` that say why there is none."""

    rule: Json | None
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str | None:
        """The rule as YAML, for a file of one's own."""
        return dump([self.rule]) if self.rule else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a draft is asked for, beside its case."""

    people: People = field(default_factory=People)
    reason: str | None = None
    days: int = 90


def drafted(stored: Store, key: str, programs: Programs, flow: MakeFlow, now: datetime, wish: Wish) -> Drafted | None:
    """The narrowest rule for a stored case, checked as if it were signed; None where there is no such case. Raises
    StoreUnavailable.
    """
    subject = subject_of(stored, key, programs, flow, now)
    if subject is None:
        return None
    if reasons := why_not(subject, stored.reader.protected_tenants()):
        return Drafted(rule=None, problems=tuple(reasons))
    people = wish.people
    terms = Terms(
        **{name: None if name in people.missing else getattr(people, name) for name in _SIGNED},
        created=now.date(),
        days=wish.days,
        reason=wish.reason,
        group_sizes=group_sizes(programs.rules.estate),
    )
    rule = draft(subject, terms)
    problems = problems_of(rule, subject, programs, {name: _SIGNED[name] for name in people.missing})
    return Drafted(rule=None if problems else rule, problems=tuple(problems))


_SIGNED = {"owner": "owner", "approver": "approver", "ticket": "TICKET-1"}
"""Stands in for people who are not named yet, so that everything else about the rule is judged all the same."""


def group_sizes(estate: Estate) -> dict[str, int]:
    """How many entries of the estate are in each group."""
    return dict(Counter(group for entry in estate.entries for group in entry.groups))
