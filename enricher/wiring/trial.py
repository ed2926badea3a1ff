"""A tuning rule tried on stored cases, within a bound: what a page can wait for.

A case is judged by what is remembered of it, as a draft is. `enricher tuning preview` judges every stored payload instead, which takes
as long as it takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from enricher.core.comparison import BANDS, CaseChange, changed, stand_of
from enricher.core.document import CaseDocument
from enricher.core.programs import Programs
from enricher.core.radius import Radius
from enricher.core.rules import TuningRule
from enricher.ports import CaseRecord
from enricher.store import Store
from enricher.web.workbench import Trial
from enricher.wiring.corpus import hidden_by
from enricher.wiring.replay import MakeFlow, Recorded, as_if_in_force

MOST_CASES = 300
MOST_SECONDS = 10.0
AT_MOST = 20.0
"""Per cent of the cases that a rule may lower, as of `enricher tuning preview`."""
_PAGE = 50


class Trier:
    """Tries one rule after another on the same store."""

    def __init__(
        self, stored: Store, flow: MakeFlow, clock: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._stored, self._flow, self._clock, self._monotonic = stored, flow, clock, monotonic

    def run(self, programs: Programs, rule: TuningRule, since: datetime) -> Trial:
        """`rule` as if live and in force throughout, beside the other rules of `programs`. Raises StoreUnavailable."""
        others = tuple(other for other in programs.rules.tuning if other.id != rule.id)
        live = as_if_in_force(Programs(replace(programs.rules, tuning=(replace(rule, mode="live"),))))
        tally = _Tally(
            rule,
            without=self._judge(Programs(replace(programs.rules, tuning=others))),
            with_it=self._judge(Programs(replace(programs.rules, tuning=(*others, *live.rules.tuning)))),
        )
        cut = self._go_through(since, tally)
        radius = Radius(
            rule=rule.id,
            before={band: tally.before[band] for band in BANDS},
            now={band: tally.now[band] for band in BANDS},
            changes=tally.changes,
            protected=self._stored.reader.protected_tenants(),
            hides=hidden_by(live),
            at_most=AT_MOST,
        )
        return Trial(radius=radius, forgotten=tally.forgotten, oldest=tally.oldest, cut=cut)

    def _judge(self, programs: Programs) -> _Judge:
        return _Judge(self._stored, programs, self._flow, self._clock)

    def _go_through(self, since: datetime, tally: _Tally) -> str | None:
        """Look at one case after another; what ended it before its time: `cases` or `seconds`."""
        ends_at = self._monotonic() + MOST_SECONDS
        for record in self._newest(since):
            if tally.looked_at >= MOST_CASES:
                return "cases"
            if self._monotonic() >= ends_at:
                return "seconds"
            tally.look_at(record)
        return None

    def _newest(self, since: datetime) -> Iterator[CaseRecord]:
        after = None
        while True:
            page = self._stored.reader.cases(limit=_PAGE, after=after)
            for record in page.items:
                if record.opened_at < since:
                    return
                yield record
            if page.next is None:
                return
            after = page.next


class _Judge:
    """Judges stored cases by some content; look-ups are answered as they were."""

    def __init__(self, stored: Store, programs: Programs, flow: MakeFlow, clock: Callable[[], datetime]) -> None:
        self._answers, self._clock = Recorded(stored.reader), clock
        self._flow = flow(programs, self._answers, stored.history, clock)

    def of(self, key: str) -> CaseDocument | None:
        """The case as it would be; None where too little is remembered of it."""
        self._answers.turn_to([key])
        again = self._flow.look_at(key, self._clock())
        return again.cases[0].document if again and again.cases else None


class _Tally:
    """What has come of the cases so far."""

    def __init__(self, rule: TuningRule, *, without: _Judge, with_it: _Judge) -> None:
        self._rule, self._without, self._with_it = rule, without, with_it
        self.before, self.now = Counter[str](), Counter[str]()
        self.changes: list[CaseChange] = []
        self.looked_at = self.forgotten = 0
        self.oldest: datetime | None = None

    def look_at(self, record: CaseRecord) -> None:
        """One case with the rule; where that fits it, without the rule as well."""
        self.looked_at, self.oldest = self.looked_at + 1, record.opened_at
        becomes = self._with_it.of(record.key)
        if becomes is None:
            self.forgotten += 1
            return
        was = (self._without.of(record.key) if _names(becomes, self._rule) else None) or becomes
        self.before[stand_of(was).band] += 1
        self.now[stand_of(becomes).band] += 1
        if (change := changed(was, becomes)) is not None:
            self.changes.append(change)


def _names(document: CaseDocument, rule: TuningRule) -> bool:
    """Whether the rule fits the case, whether it may act on it or not."""
    return any(step["rule"] == f"tuning.{rule.id}" for step in document["ledger"])
