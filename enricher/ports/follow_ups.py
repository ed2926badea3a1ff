"""What cases still wait for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enricher.ports.inbox import Settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedFollowUp:
    """A follow-up this process holds until its lease ends. `opened_at` is when the case began to wait."""

    follow_up_id: str
    case_key: str
    kind: str
    subject: str
    opened_at: datetime
    attempts: int
    fence: int


class FollowUps(Protocol):
    """What cases still wait for: claimed under a lease, like everything else."""

    def claim(self, limit: int) -> list[ClaimedFollowUp]: ...

    def overtaken(self, claim: ClaimedFollowUp) -> bool:
        """Whether an alert has brought the start that is waited for."""
        ...

    def settle(
        self, claim: ClaimedFollowUp, settlement: Settlement, *, given_up: str | None = None, again_s: float | None = None
    ) -> bool:
        """Store the amended case with its news and "done" together; as `Inbox.settle`, False and Outdated included.

        `given_up` says why it ends without what was waited for; `Memory.asked` repeats it from then on. With `again_s` it does not
        end: a part has come and is stored, and for the rest it is due again in so many seconds.
        """
        ...

    def retry(self, claim: ClaimedFollowUp, reason: str, delay_s: float) -> None:
        """Due again in `delay_s`; `reason` is what `Memory.asked` says of it until then."""
        ...

    def drop(self, claim: ClaimedFollowUp) -> None:
        """Forget it: its case is gone."""
        ...
