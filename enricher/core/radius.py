"""The blast radius of a tuning rule: which cases it would have changed, and whether that is too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from enricher.core.comparison import CaseChange, Stand
from enricher.core.document import Json
from enricher.model import Verdict

MOST_NAMED = 5
"""Cases that a reason names; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Radius:
    """What one rule would have done to the cases of a time. `changes` are those that it fits, `hides` says which malicious case of
    the corpus it fits too. `at_most` is the share of the cases, in per cent, that a rule may lower.
    """

    rule: str
    before: Mapping[str, int]
    now: Mapping[str, int]
    changes: Sequence[CaseChange]
    protected: frozenset[str] = frozenset()
    hides: Sequence[str] = ()
    at_most: float = 20.0

    @property
    def cases(self) -> int:
        return sum(self.before.values())

    @property
    def lowered(self) -> list[CaseChange]:
        """Those that would count for less; the others are fitted, and stay as they are."""
        return [change for change in self.changes if change.lowered]

    @property
    def share(self) -> float:
        """How many of the cases would be lowered, in per cent."""
        return 100 * len(self.lowered) / self.cases if self.cases else 0.0

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the rule must not go live; none where it may."""
        return tuple(self._reasons())

    def _reasons(self) -> Iterator[str]:
        yield from self.hides
        lowered = [change.before for change in self.lowered if change.before]
        refused = [change.about for change in self.changes if self._is_refused(change)]
        for why, found in (
            ("lowers what is malicious", [case for case in lowered if case.verdict == Verdict.MALICIOUS]),
            ("lowers a tenant that a person called malicious", [case for case in lowered if case.tenant in self.protected]),
            ("lowers a process that is not what it seems", [case for case in lowered if case.identity]),
            ("fits a process that no rule may lower", refused),
        ):
            if found:
                yield f"{why}: {_named(found)}"
        if self.share > self.at_most:
            yield f"lowers {len(self.lowered)} of {self.cases} cases, {self.share:.0f} %; at most {self.at_most:g} %"

    def _is_refused(self, change: CaseChange) -> bool:
        """It fits, and a floor kept it from acting: the ledger names it, the exceptions do not."""
        named = any(moved.name == f"tuning.{self.rule}" for moved in change.steps)
        return named and all(moved.name != self.rule for moved in change.rules)

    def as_json(self) -> Json:
        return {
            "rule": self.rule,
            "safe": not self.reasons,
            "reasons": list(self.reasons),
            "cases": {"before": dict(self.before), "now": dict(self.now)},
            "fits": len(self.changes),
            "lowers": len(self.lowered),
            "share": round(self.share, 1),
            "at_most": self.at_most,
            "hosts": sorted({change.about.host for change in self.changes}),
            "hides": [change.about.key for change in self.changes if change.newly_hidden],
            "changes": [_told(change) for change in self.changes],
        }


def _named(found: Sequence[Stand]) -> str:
    names = ", ".join(stand.key for stand in found[:MOST_NAMED])
    return names + (f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else "")


def _told(change: CaseChange) -> Json:
    before, now = change.before or change.about, change.now or change.about
    return {
        "key": before.key,
        "host": before.host,
        "tenant": before.tenant,
        "process": before.process,
        "verdict": before.verdict,
        "severity": [before.severity, now.severity],
        "score": [before.score, now.score],
        "disposition": [before.disposition, now.disposition],
        "lowered": change.lowered,
    }
