"""A graded signal after tuning: the last step before cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from enricher.core.gather import spans
from enricher.core.grade import Graded, verdict
from enricher.core.rules import Rules
from enricher.core.tune import NO_EXPERIENCE, Experience, Tuned, TuningFacts, about, apply
from enricher.model import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One process towards one tenant, graded and tuned. The raw grade stays visible in `graded`."""

    graded: Graded
    tuned: Tuned
    verdict: Verdict

    @property
    def order(self) -> tuple[bool, float, bool, object, str]:
        """Which finding speaks for its case: the highest, then the earliest; a suppressed one only where all are."""
        first = self.graded.facts.signal.first_at
        return (self.tuned.suppressed, -self.tuned.score, first is None, first or 0, self.graded.facts.signal.host)


def tune(graded: Sequence[Graded], rules: Rules, today: date, known: Experience = NO_EXPERIENCE) -> list[Finding]:
    """Let the tuning rules speak, after scoring. Order is kept."""
    return [_tune(one, rules, today, known) for one in graded]


def _tune(graded: Graded, rules: Rules, today: date, known: Experience) -> Finding:
    facts = tuning_facts(graded)
    tuned = apply(facts, graded.score, rules.severity, about(facts, rules), today, known)
    below = tuned.live and graded.score < rules.severity.verdict_benign_tuned_below
    shown = sum(
        step["points"]
        for step in graded.ledger
        if step["taken"] and step["points"] > 0 and step["step"] in {"identity", "path", "lineage"}
    )
    said = verdict(graded.score, shown, rules.severity, benign=graded.benign_browser, tuned=below)
    return Finding(graded=graded, tuned=tuned, verdict=said)


def tuning_facts(graded: Graded) -> TuningFacts:
    """What a tuning rule may ask of a finding."""
    facts = graded.facts
    signal, created = facts.signal, facts.signal.process.created
    return TuningFacts(
        host=signal.process.computer,
        groups=facts.groups,
        user=signal.process.user,
        image=facts.program.path,
        parents=tuple(program.path for program in facts.lineage),
        command_line=signal.process.command_line,
        tenant=signal.tenant,
        hostname=signal.host,
        hashes=created.hashes if created else {},
        identity=frozenset(graded.identity),
        maintenance=facts.maintenance,
        service_account=facts.service_account,
        contacts=spans(signal),
    )
