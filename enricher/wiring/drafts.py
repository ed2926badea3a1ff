"""A stored case → what a tuning rule may be drafted of: its findings as they are judged now, by what is remembered of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from enricher.content.families import dump, read_rules
from enricher.core.document import Json
from enricher.core.drafting import Subject
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


def group_sizes(estate: Estate) -> dict[str, int]:
    """How many entries of the estate are in each group."""
    return dict(Counter(group for entry in estate.entries for group in entry.groups))
