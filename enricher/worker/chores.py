"""Chores: what is done by the clock. Canaries are sent and their destinations checked; second tickets are looked for; cases that
another version has stored are made findable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from enricher.core.canary import LATE, Proof, judged, stage
from enricher.errors import ConfigurationError, DeliveryError, Reason, SearchError
from enricher.ports import Canaries, Chore, Chores, ClaimedChore, Delivery, Destination, Outbox, Sweeps, Ticket
from enricher.telemetry import CHORES, TWINS

log = structlog.get_logger()

AS_GOOD_AS_NEW = timedelta(seconds=5)
"""A proof that is no older counts for the next canary too."""
FIRST_CANARY_S = 60.0
FIRST_SWEEP_S = 3600.0
SWEEP_EVERY_S = 86_400.0
SWEEP_BACK = timedelta(hours=48)
TWINS_AFTER_S = (900.0, 3600.0, 86_400.0)
"""When a case is searched again after a create that may have been its second: an index is seldom more than minutes behind."""
AGAIN_S = 900.0
WORDS_EVERY_S = 86_400.0
FIRST_WORDS_S = 30.0
MORE_WORDS_S = 1.0
STEPS = 10
"""Of looking for cases without words: then others have their turn."""
MAX_TRIES = 20
"""A search for one case's twins that keeps failing: the daily sweep looks for them all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the chores are about. `send_canary` sends one and says its id; None, and `canary_every_s` 0: there are none.

    `fill_words` makes some cases after an id findable, and says from which to go on; None when there are no more.
    """

    chores: Chores
    canaries: Canaries
    outbox: Outbox
    destinations: Mapping[str, Destination]
    send_canary: Callable[[], str] | None
    canary_every_s: float
    clock: Callable[[], datetime]
    fill_words: Callable[[str], str | None] | None = None
    also: Mapping[str, Callable[[ClaimedChore], str]] = field(default_factory=dict)
    """More that can be done, by its kind: says in a word how it went, and raises DeliveryError or SearchError to be tried again."""
    recurring: Sequence[Chore] = ()
    """More that is done again and again."""
    endless: frozenset[str] = frozenset()
    """Kinds that are never given up, however often they were tried: they know themselves when they are over."""
    close: Callable[[], None] = lambda: None
    """Lets go of what was opened for these chores, when the last is done."""


class ChoreJob:
    """The work of the chores' lane."""

    name = "chores"

    def __init__(self, given: Round) -> None:
        self._round, self._begun = given, False
        self._do: Mapping[str, Callable[[ClaimedChore], str]] = {
            "canary": self._canary,
            "arrival": self._arrival,
            "checks": self._checks,
            "check": self._check,
            "twins": self._twins,
            "sweep": self._sweep,
            "words": self._words,
            **given.also,
        }

    def keys(self, claim: ClaimedChore) -> list[str]:
        return [claim.name]

    def claim(self, limit: int) -> Sequence[ClaimedChore]:
        """Before the first claim, say what is done again and again from now on."""
        if not self._begun:
            self._round.chores.keep(self._recurring())
            self._begun = True
        return self._round.chores.claim(limit)

    def do(self, claim: ClaimedChore) -> None:
        """One chore. What a destination refuses is tried again later."""
        do = self._do.get(claim.kind)
        if do is None:  # another version's
            self._end(claim, "unknown")
            return
        try:
            outcome = do(claim)
        except (DeliveryError, SearchError) as error:
            self._again(claim, error.reason.value)
            return
        self._end(claim, outcome)

    def crashed(self, claim: ClaimedChore, error: BaseException) -> None:
        self._again(claim, f"crashed: {type(error).__name__}")

    def release(self, claim: ClaimedChore) -> None:
        """Give back what was not begun."""
        self._round.chores.later(claim, "released", 0.0)

    def _end(self, claim: ClaimedChore, outcome: str) -> None:
        self._round.chores.done(claim, outcome)
        CHORES.labels(claim.kind, "done").inc()

    def _again(self, claim: ClaimedChore, why: str) -> None:
        if claim.every_s is None and claim.tries >= MAX_TRIES and claim.kind not in self._round.endless:
            self._round.chores.done(claim, why)
            CHORES.labels(claim.kind, "given_up").inc()
            log.error("chore_given_up", chore=claim.kind, subject=dict(claim.subject), why=why)
            return
        self._round.chores.later(claim, why, AGAIN_S)
        CHORES.labels(claim.kind, "again").inc()
        log.warning("chore_failed", chore=claim.kind, subject=dict(claim.subject), why=why)

    def _recurring(self) -> list[Chore]:
        sweeps = [name for name, one in self._round.destinations.items() if isinstance(one, Sweeps)]
        again = [
            Chore(
                name=f"sweep:{name}",
                kind="sweep",
                subject={"destination": name},
                every_s=SWEEP_EVERY_S,
                after_s=FIRST_SWEEP_S,
            )
            for name in sweeps
        ]
        if self._round.send_canary is not None and self._round.canary_every_s > 0:
            every_s = self._round.canary_every_s
            again.append(Chore(name="canary", kind="canary", every_s=every_s, after_s=min(every_s, FIRST_CANARY_S)))
        if self._round.fill_words is not None:
            again.append(Chore(name="words", kind="words", every_s=WORDS_EVERY_S, after_s=FIRST_WORDS_S))
        return [*again, *self._round.recurring]

    # --- canaries ---------------------------------------------------------------------------------------------------

    def _canary(self, _claim: ClaimedChore) -> str:
        if self._round.send_canary is None:
            return "off"
        canary = self._round.send_canary()
        arrival = Chore(name=f"arrival:{canary}", kind="arrival", subject={"canary": canary}, after_s=LATE.total_seconds())
        self._round.chores.plan([arrival])
        return "sent"

    def _arrival(self, claim: ClaimedChore) -> str:
        """Whether a canary has come through everywhere; the alarm where it has not."""
        sent = self._round.canaries.get(claim.subject["canary"])
        if sent is None:
            return "forgotten"
        missing = [name for name in self._round.destinations if name not in sent.proofs]
        if sent.settled_at is not None and not missing:
            return "arrived"
        log.error("canary_missing", canary=sent.canary, stage=stage(sent), destinations=missing)
        return "missing"

    def _checks(self, _claim: ClaimedChore) -> str:
        """A canary has come through: each destination is checked on its own, so that none waits for another."""
        self._round.chores.plan(
            [Chore(name=f"check:{name}", kind="check", subject={"destination": name}) for name in self._round.destinations]
        )
        return "planned"

    def _check(self, claim: ClaimedChore) -> str:
        """One check proves the place for every canary that has come through by then."""
        name = claim.subject["destination"]
        canaries = self._round.canaries.unproved(name)
        destination = self._round.destinations.get(name)
        if destination is None or not canaries:
            return "nothing to prove"
        state, detail = self._proof(name, destination)
        for canary in canaries:
            self._round.canaries.noted(canary, name, state, detail)
        if state is Proof.FAILED:
            log.error("canary_failed", destination=name, detail=detail)
        else:
            log.info("canary_proved", destination=name, state=state.value, detail=detail)
        return state.value

    def _proof(self, name: str, destination: Destination) -> tuple[Proof, str]:
        """By asking it; not while it is left alone, nor so soon after the last time: whoever may send an alert may send canaries
        by the hundred, and what they use up of a destination's limits is missing for tickets.
        """
        if paused := self._round.canaries.paused(name):
            return Proof.FAILED, paused
        now = self._round.clock()
        for proof in (canary.proofs[name] for canary in self._round.canaries.recent() if name in canary.proofs):
            if now - proof.at < AS_GOOD_AS_NEW:
                return proof.state, proof.detail
        return _checked(destination)

    # --- words ------------------------------------------------------------------------------------------------------

    def _words(self, claim: ClaimedChore) -> str:
        """A day's round through all cases, some at a time."""
        fill, after = self._round.fill_words, claim.subject.get("after", "")
        for _ in range(STEPS):
            went_on = fill(after) if fill else None
            if went_on is None:
                return "all"
            after = went_on
        more = Chore(name=f"words:{after}", kind="words", subject={"after": after}, after_s=MORE_WORDS_S)
        self._round.chores.plan([more])
        return "more"

    # --- twins ------------------------------------------------------------------------------------------------------

    def _twins(self, claim: ClaimedChore) -> str:
        name, case_key = claim.subject["destination"], claim.subject["case"]
        destination = self._sweeping(name)
        tickets = destination.twins(case_key) if destination else ()
        note_twins(self._round.outbox, name, case_key, tickets)
        return f"{len(tickets)} tickets"

    def _sweep(self, claim: ClaimedChore) -> str:
        name = claim.subject["destination"]
        destination = self._sweeping(name)
        found = destination.sweep(self._round.clock() - SWEEP_BACK) if destination else {}
        for case_key, tickets in found.items():
            note_twins(self._round.outbox, name, case_key, tickets)
        return f"{len(found)} cases"

    def _sweeping(self, name: str) -> Sweeps | None:
        """The destination, if it can be swept. One that is left alone at this time is not asked: raises DeliveryError."""
        destination = self._round.destinations.get(name)
        if destination is None or not isinstance(destination, Sweeps):
            return None
        if paused := self._round.canaries.paused(name):
            raise DeliveryError(name, Reason.RATE_LIMITED, detail=paused)
        return destination


def _checked(destination: Destination) -> tuple[Proof, str]:
    try:
        return judged(destination.check())
    except DeliveryError as error:
        return judged([f"{error.reason.value}: {error.detail}"])
    except ConfigurationError as error:
        return judged([str(problem) for problem in error.problems])


def watch_for_twins(chores: Chores, destination: str) -> Callable[[Delivery], None]:
    """What a delivery is to call before a create that may be the second one: its case is searched again later."""

    def watch(delivery: Delivery) -> None:
        case_key = delivery.case["key"]
        subject = {"destination": destination, "case": case_key}
        chores.plan(
            [
                Chore(name=f"twins:{destination}:{case_key}:{n}", kind="twins", subject=subject, after_s=after_s)
                for n, after_s in enumerate(TWINS_AFTER_S, 1)
            ]
        )

    return watch


def note_twins(outbox: Outbox, destination: str, case_key: str, tickets: Sequence[Ticket]) -> None:
    """Say on the case, in the log and in the metric that it has several tickets; of each once."""
    if len(tickets) > 1 and (new := outbox.twins(case_key, destination, tickets)):
        TWINS.labels(destination).inc(new)
        labels = [ticket.label for ticket in tickets]
        log.error("ticket_twins", case=case_key, destination=destination, kept=labels[0], closed=labels[1:])
