"""Alerts: investigate, then store cases, deliveries and "done" in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from enricher.core.document import CaseDocument
from enricher.core.retry import next_try
from enricher.errors import Outdated, PayloadError, TriggerPending
from enricher.ports import ClaimedAlert, FollowUp, Inbox, Settlement
from enricher.telemetry import ALERTS, CASES, DRIFT, INVESTIGATION, ROWS_DROPPED, TUNING

log = structlog.get_logger()

MAX_CRASHES = 5
"""An alert that keeps killing its attempt is set aside sooner than a destination that is down."""
TRIES_AT_ONCE = 6
"""How often it is investigated anew because other alerts of its hosts were settled meanwhile."""
AGAIN_S = 1.0


def as_it_is(_claim: ClaimedAlert, settlement: Settlement) -> Settlement:
    """A settlement after which nothing more is to be done."""
    return settlement


class AlertJob:
    """The alert lane's work. `prepared` adds to a settlement what the clock is to do because of it."""

    name = "alerts"

    def __init__(
        self,
        inbox: Inbox,
        investigate: Callable[[bytes, datetime], Settlement],
        chance: Callable[[], float],
        at: Callable[[str], None] = lambda _: None,
        prepared: Callable[[ClaimedAlert, Settlement], Settlement] = as_it_is,
    ) -> None:
        self._inbox, self._investigate, self._chance, self._at = inbox, investigate, chance, at
        self._prepared = prepared

    def keys(self, claim: ClaimedAlert) -> Sequence[str]:
        return [claim.alert_id]

    def claim(self, limit: int) -> Sequence[ClaimedAlert]:
        return self._inbox.claim(limit)

    def do(self, claim: ClaimedAlert) -> None:
        """One alert from bytes to cases. A payload that cannot be read ends as a dead letter, kept whole."""
        self._at("alert_claimed")
        if claim.attempts > 2 * MAX_CRASHES:
            self._bury(claim, "crashed: every attempt ended without a result")
            return
        with INVESTIGATION.time():
            for attempt in range(TRIES_AT_ONCE):
                try:
                    settlement = self._prepared(claim, self._investigate(claim.body, claim.received_at))
                    self._at("investigated")
                    self._settle(claim, settlement if attempt < TRIES_AT_ONCE - 1 else _unchecked(settlement))
                except PayloadError as error:
                    self._bury(claim, str(error))
                except Outdated:
                    continue
                return

    def _settle(self, claim: ClaimedAlert, settlement: Settlement) -> None:
        try:
            ours = self._inbox.settle(claim, settlement)
        except TriggerPending as early:
            self._inbox.retry(claim, early.detail, early.retry_after)
            ALERTS.labels(settlement.kind, "retried").inc()
            return
        if not ours:
            log.info("claim_lost", alert=claim.alert_id)
            return
        self._at("settled")
        _count(settlement)
        log.info(
            "alert_done", alert=claim.alert_id, kind=settlement.kind, cases=[c["key"] for c in _of_the_alert(settlement)]
        )

    def crashed(self, claim: ClaimedAlert, error: BaseException) -> None:
        """Give it back with a delay; after a few crashes set it aside."""
        reason = f"crashed: {type(error).__name__}"
        delay = next_try(claim.attempts, self._chance())
        if claim.attempts >= MAX_CRASHES or delay is None:
            self._bury(claim, reason)
        else:
            self._inbox.retry(claim, reason, delay)

    def release(self, claim: ClaimedAlert) -> None:
        """Give back what was not begun."""
        self._inbox.retry(claim, "released", 0.0)

    def _bury(self, claim: ClaimedAlert, reason: str) -> None:
        self._inbox.bury(claim, reason)
        ALERTS.labels("unread", "dead").inc()
        log.warning("alert_dead", alert=claim.alert_id, reason=reason)


def _unchecked(settlement: Settlement) -> Settlement:
    """A host so busy that something is stored of it during every investigation: store, and look at its cases again."""
    again = [FollowUp(case_key=case["key"], kind="again", after_s=AGAIN_S) for case in settlement.cases]
    return replace(settlement, marks={}, follow_ups=(*settlement.follow_ups, *again))


def _of_the_alert(settlement: Settlement) -> list[CaseDocument]:
    """Its cases without those that were only judged anew, because something else on their host has changed."""
    return [case for case in settlement.cases if case["rows"]]


def _count(settlement: Settlement) -> None:
    ALERTS.labels(settlement.kind, "done").inc()
    for row in settlement.dropped:
        ROWS_DROPPED.labels(str(row["reason"]).partition(":")[0]).inc()
    for case in _of_the_alert(settlement):
        CASES.labels(case["severity"]).inc()
        for drift in case["drift"]:
            DRIFT.labels(drift["field"], drift["reason"]).inc()
        for exception in case["exceptions"]:
            TUNING.labels(exception["rule"], exception["mode"]).inc()
