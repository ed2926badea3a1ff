"""The watch: who has not been heard for too long, and people told of it, once for each silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from enricher.errors import DeliveryError, Outcome
from enricher.ports import Chore, ClaimedChore
from enricher.ports.watch import MOST_REFUSALS, Notices, Untold, Watch
from enricher.telemetry import SILENCES_UNTOLD

log = structlog.get_logger()

EVERY_S = 60.0
LONGEST_S = 900.0
LOOKS = Chore(name="silence", kind="silence", every_s=EVERY_S, after_s=EVERY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """`every_s` is how often a source is to send, by name; `paused` says why the place of notices is left alone, if it is."""

    watch: Watch
    every_s: Mapping[str, float]
    notices: Notices | None
    paused: Callable[[str], str | None]

    @property
    def also(self) -> Mapping[str, Callable[[ClaimedChore], str]]:
        return {LOOKS.kind: self.look}

    def close(self) -> None:
        """Let go of the place of notices."""
        if self.notices is not None:
            self.notices.close()

    def look(self, _claim: ClaimedChore) -> str:
        """Compare, say so in the log, and tell people what they have not been told."""
        begun, ended = self.watch.look(self.every_s)
        for one in begun:
            log.error("source_silent", source=one.source, what=one.what, name=one.name, since=one.since.isoformat())
        for one in ended:
            since = one.since.isoformat()
            log.warning(
                "source_heard_again", source=one.source, what=one.what, name=one.name, since=since, dropped=one.dropped
            )
        for faulty in self.watch.faulty():
            log.warning("heartbeat_not_watched", source=faulty.source, name=faulty.name, why=faulty.fault)
        self._tell_all()
        return f"{len(begun)} begun, {len(ended)} ended"

    def _tell_all(self) -> None:
        place = self.notices
        if place is None or self.paused(place.name):
            return
        for one in self.watch.untold():
            if not self.watch.take(one.silence.key):
                continue  # another process tells it
            try:
                self._tell(place, one)
            except DeliveryError as error:
                self._not_told(one, error)
                if error.outcome is not Outcome.REJECTED:
                    return  # whatever keeps one keeps the others

    def _not_told(self, one: Untold, error: DeliveryError) -> None:
        """It is tried again, unless it was refused too often: then that is said, once."""
        refused = error.outcome is Outcome.REJECTED
        delay_s = max(error.retry_after, min(LONGEST_S, EVERY_S * 2 ** min(one.tries, 6)))
        in_doubt = error.outcome is Outcome.UNKNOWN or one.tried_at is not None
        self.watch.again(one.silence.key, delay_s, in_doubt=in_doubt, refused=refused)
        said = {"source": one.silence.source, "what": one.silence.what, "why": error.reason.value, "detail": error.detail}
        if refused and one.refusals + 1 >= MOST_REFUSALS:
            SILENCES_UNTOLD.labels(error.reason.value).inc()
            log.error("silence_not_told", **said)
        else:
            log.warning("silence_told_later", **said)

    def _tell(self, place: Notices, one: Untold) -> None:
        key = one.silence.key
        found = one.ticket
        if found is None and one.tried_at is not None:
            found = place.find(one.silence, one.tried_at)
        if found is None:
            self.watch.trying(key)
            found = place.begun(one.silence)
        if one.ticket is None:
            self.watch.told(key, found, ended=False)
        if one.silence.ended_at is not None:
            self.watch.trying(key)
            place.ended(one.silence, found, in_doubt=one.ticket is not None and one.tried_at is not None)
            self.watch.told(key, found, ended=True)
