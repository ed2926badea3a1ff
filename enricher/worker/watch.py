"""The watch: who has not been heard for too long, and people told of it, once for each silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from enricher.errors import DeliveryError, Outcome
from enricher.ports import Chore, ClaimedChore
from enricher.ports.watch import Notices, Untold, Watch

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

    def look(self, _claim: ClaimedChore) -> str:
        """Compare, say so in the log, and tell people what they have not been told."""
        begun, ended = self.watch.look(self.every_s)
        for one in begun:
            log.error("source_silent", source=one.source, what=one.what, name=one.name, since=one.since.isoformat())
        for one in ended:
            log.warning("source_heard_again", source=one.source, what=one.what, name=one.name, since=one.since.isoformat())
        self._tell_all()
        return f"{len(begun)} begun, {len(ended)} ended"

    def _tell_all(self) -> None:
        place = self.notices
        if place is None or self.paused(place.name):
            return
        for one in self.watch.untold():
            try:
                self._tell(place, one)
            except DeliveryError as error:
                delay_s = max(error.retry_after, min(LONGEST_S, EVERY_S * 2 ** min(one.tries, 6)))
                self.watch.again(
                    one.silence.key, delay_s, in_doubt=error.outcome is Outcome.UNKNOWN or one.tried_at is not None
                )
                log.warning("silence_not_told", source=one.silence.source, why=error.reason.value)
                return  # whatever keeps one keeps the others

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
