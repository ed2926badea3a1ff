"""What people do about a case: acknowledge it, take it, silence it for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

MUTE_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWork:
    """Who works on a case. Names are as `Person.signed` has them.

    While it is muted, until `muted_until`, its news is kept and shown, and calls nobody; a severity that rises ends that.
    """

    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    assignee: str | None = None
    assigned_at: datetime | None = None
    muted_by: str | None = None
    muted_until: datetime | None = None
    mute_reason: str | None = None

    def is_muted(self, at: datetime) -> bool:
        """Whether it is silent at this moment."""
        return self.muted_until is not None and at < self.muted_until


NOBODY = CaseWork()
"""The work on a case that nobody has touched."""
