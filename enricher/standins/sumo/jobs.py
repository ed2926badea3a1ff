"""Messages that can be searched, and search jobs with their sessions and states."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from enricher.standins.sumo.language import Search

FIELDS = {
    "_messageid": "long",
    "_messagetime": "long",
    "_receipttime": "long",
    "_raw": "string",
    "_sourcehost": "string",
    "_sourcecategory": "string",
    "_sourcename": "string",
    "_collector": "string",
    "_size": "long",
}
DONE, GATHERING, NOT_STARTED = "DONE GATHERING RESULTS", "GATHERING RESULTS", "NOT STARTED"
PAUSED, CANCELLED = "FORCE PAUSED", "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One log message as collected. `at` is its own time in seconds since the epoch; without one it lies in every window."""

    raw: str
    category: str = "os/windows/sysmon"
    host: str = ""
    at: float | None = None

    def fields(self, number: int) -> dict[str, str]:
        """As the API gives it: every value is text, every name in lower case."""
        at = str(int((self.at or 0) * 1000))
        return {
            "_messageid": str(-9223372036854773763 + number),
            "_messagetime": at,
            "_receipttime": at,
            "_raw": self.raw,
            "_sourcehost": self.host,
            "_sourcecategory": self.category,
            "_sourcename": "Microsoft-Windows-Sysmon/Operational",
            "_collector": "stand-in",
            "_size": str(len(self.raw)),
        }


@dataclass(slots=True)
class Job:
    """One search job. `found` are its messages, `records` what an aggregation made of them, every value as text. `session` is what
    its cookie must say; `asked_at` when somebody last asked about it.
    """

    query_text: str
    query: Search
    begins: float
    ends: float
    asked_at: float
    found: list[dict[str, str]]
    records: list[dict[str, str]]
    job_id: str = field(default_factory=lambda: secrets.token_hex(8).upper())
    session: str = field(default_factory=lambda: secrets.token_hex(8))
    polls: int = 0
    state: str = NOT_STARTED
    deleted: bool = False
    cancelled: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it takes up a place among the active searches."""
        return not self.deleted and not self.cancelled
