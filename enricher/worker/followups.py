"""Follow-ups: what a case still waits for is fetched, the case judged anew, and stored with its news in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog

from enricher.errors import Outdated
from enricher.model import Event
from enricher.ports import ClaimedFollowUp, FollowUps, FoundStarts, Searcher, Settlement
from enricher.telemetry import FOLLOW_UPS

log = structlog.get_logger()

AGAIN_S = {"lookups": (120.0, 900.0), "lineage": (60.0, 300.0, 1800.0)}
"""Pauses before a further try, by kind: a resolver that is down, and a search that may be too early."""
MAX_CRASHES = 3
CRASHED_AGAIN_S = 60.0
TRIES_AT_ONCE = 5


class Amend(Protocol):
    """Judge a stored case anew; None where it is gone."""

    def __call__(
        self, case: str, now: datetime, *, found: Sequence[Event] = (), asked: Mapping[tuple[str, str], str] | None = None
    ) -> Settlement | None: ...


class FollowUpJob:
    """The follow-up lane's work."""

    name = "follow-ups"

    def __init__(self, follow_ups: FollowUps, amend: Amend, search: Searcher | None, clock: Callable[[], datetime]) -> None:
        self._follow_ups, self._amend, self._search, self._clock = follow_ups, amend, search, clock
        self._swept = search is None

    def keys(self, claim: ClaimedFollowUp) -> Sequence[str]:
        return [claim.follow_up_id]

    def claim(self, limit: int) -> Sequence[ClaimedFollowUp]:
        """Before the first claim, what killed processes have left behind at Sumo Logic is swept away."""
        if not self._swept and self._search is not None:
            self._swept = True
            self._search.sweep()
        return self._follow_ups.claim(limit)

    def do(self, claim: ClaimedFollowUp) -> None:
        """One follow-up from its question to the amended case."""
        heard = self._ask(claim)
        pauses = AGAIN_S.get(claim.kind, ())
        pause = pauses[claim.attempts - 1] if claim.attempts <= len(pauses) else None
        if heard.later and pause is not None:
            self._later(claim, heard.reason or "waiting", pause)
            return
        for _ in range(TRIES_AT_ONCE):
            try:
                if self._store(claim, heard, pause):
                    return
            except Outdated:
                continue
        self._later(claim, "waiting", CRASHED_AGAIN_S)

    def crashed(self, claim: ClaimedFollowUp, error: BaseException) -> None:
        """Once more after a while; after a few crashes it is dropped, and the case stays as it is."""
        if claim.attempts >= MAX_CRASHES + len(AGAIN_S.get(claim.kind, ())):
            self._follow_ups.drop(claim)
            self._count(claim, "dropped")
            log.error("follow_up_dropped", case=claim.case_key, kind=claim.kind, error=type(error).__name__)
        else:
            self._later(claim, "waiting", CRASHED_AGAIN_S)

    def release(self, claim: ClaimedFollowUp) -> None:
        """Give back what was not begun."""
        self._follow_ups.retry(claim, "waiting", 0.0)

    def _ask(self, claim: ClaimedFollowUp) -> FoundStarts:
        if claim.kind != "lineage":
            return FoundStarts()
        computer, _, guid = claim.subject.rpartition("|")
        if self._follow_ups.overtaken(claim):
            return FoundStarts()
        if self._search is None:
            return FoundStarts(reason="access to Sumo Logic is not set up any more")
        return self._search.starts(computer, guid, claim.opened_at)

    def _store(self, claim: ClaimedFollowUp, heard: FoundStarts, pause: float | None) -> bool:
        """True when nothing is left to do now. One look-up that stays silent keeps back no other's answer."""
        asked = {}
        if heard.reason is not None and not heard.events:
            computer, _, guid = claim.subject.rpartition("|")
            asked[computer, guid] = heard.reason
        settlement = self._amend(claim.case_key, self._clock(), found=heard.events, asked=asked)
        if settlement is None or not settlement.cases:
            self._follow_ups.drop(claim)
            self._count(claim, "case_gone")
            return True
        unanswered = any(f.kind == claim.kind and f.subject == claim.subject for f in settlement.follow_ups)
        again_s = pause if claim.kind == "lookups" and unanswered else None
        rest = tuple(f for f in settlement.follow_ups if f.kind != claim.kind or f.subject != claim.subject)
        given_up = asked.popitem()[1] if asked else None
        if self._follow_ups.settle(claim, replace(settlement, follow_ups=rest), given_up=given_up, again_s=again_s):
            self._count(claim, _ending(again_s, gave_up=bool(given_up or unanswered)))
            log.info("case_amended", case=claim.case_key, kind=claim.kind, found=len(heard.events), given_up=given_up)
        return True

    def _later(self, claim: ClaimedFollowUp, reason: str, delay_s: float) -> None:
        self._follow_ups.retry(claim, reason, delay_s)
        self._count(claim, "again")

    def _count(self, claim: ClaimedFollowUp, ending: str) -> None:
        FOLLOW_UPS.labels(claim.kind, ending).inc()


def _ending(again_s: float | None, *, gave_up: bool) -> str:
    if again_s is not None:
        return "again"
    return "given_up" if gave_up else "done"
