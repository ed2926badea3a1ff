"""Everything raised on purpose, in one tree. Whoever raises knows what may happen next, and says so.

EnricherError
├── PayloadError          what was sent cannot be read; `code` goes into the answer and the metric
├── ConfigurationError    a file or a setting is wrong; `problems` are `file:line: message` lines
├── StoreUnavailable      the database refuses; nothing was stored, try again in `retry_after` seconds
├── Outdated              what an investigation rests on is no longer all there is; nothing was stored, investigate again
├── TriggerPending        a recovery came before its alert was settled; nothing was stored, settle it again in `retry_after`
├── Unsearchable          a value that may not stand in a query to Sumo Logic; nothing was sent
├── SearchError           Sumo Logic did not answer a call of a search; `reason` says whether it may later
├── LibraryError          a thing could not be put into Sumo Logic; those before it are there
├── TicketClosed          a ticket was closed longer ago than it may be reopened: the case goes on in a new one
└── DeliveryError         a destination did not take a case; `reason` decides the `outcome`
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class EnricherError(Exception):
    """The root: catch this for "anything we raise on purpose"."""


class PayloadError(EnricherError):
    """What was sent cannot be read. `code` is a short fixed word such as `not_json`; `detail` says where and why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


class ConfigurationError(EnricherError):
    """Settings or content are wrong. Each problem reads `file:line: what is wrong and what would be right`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StoreUnavailable(EnricherError):
    """The database refuses (disk full, locked, gone). Nothing was stored. `retry_after` is in seconds."""

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.detail, self.retry_after = detail, retry_after


class Outdated(EnricherError):
    """Events of the same computer were stored while this one was investigated. Nothing was stored; investigate again."""


class TriggerPending(EnricherError):
    """A recovery whose alert is still waiting. Nothing was stored; give it back for `retry_after` seconds."""

    def __init__(self, detail: str, *, retry_after: int = 3) -> None:
        super().__init__(detail)
        self.detail, self.retry_after = detail, retry_after


class Outcome(StrEnum):
    """What a failed call to a destination means for the ticket."""

    REJECTED = "rejected"
    """The destination said no: nothing was created, and sending the same again will not help."""
    NOT_SENT = "not_sent"
    """The destination never acted on it, or turned us away at the door: safe to send again."""
    UNKNOWN = "unknown"
    """It may or may not have acted: look the ticket up before anything else."""


class Reason(StrEnum):
    """Why a destination did not take a case; also the metric's label."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    DROPPED = "dropped"
    SERVER_ERROR = "server_error"
    NOT_JSON = "not_json"
    RATE_LIMITED = "rate_limited"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    INVALID = "invalid"
    CONFIGURATION = "configuration"
    CONFLICT = "conflict"
    SETTLING = "settling"
    """A look-up found nothing yet, and the destination's search may lag: look again later."""
    HELD = "held"
    """A look-up found nothing for the whole quiet period, and a person is to decide whether there is a ticket."""
    GONE = "gone"
    """Our ticket is not there any more, or hidden from us."""


OUTCOME_OF = {
    Reason.CONNECT: Outcome.NOT_SENT,
    Reason.RATE_LIMITED: Outcome.NOT_SENT,
    Reason.TIMEOUT: Outcome.UNKNOWN,
    Reason.DROPPED: Outcome.UNKNOWN,
    Reason.SERVER_ERROR: Outcome.UNKNOWN,
    Reason.NOT_JSON: Outcome.UNKNOWN,
    Reason.CONFLICT: Outcome.UNKNOWN,
    Reason.SETTLING: Outcome.UNKNOWN,
    Reason.AUTH: Outcome.NOT_SENT,
    Reason.FORBIDDEN: Outcome.REJECTED,
    Reason.NOT_FOUND: Outcome.REJECTED,
    Reason.INVALID: Outcome.REJECTED,
    Reason.CONFIGURATION: Outcome.REJECTED,
    Reason.HELD: Outcome.REJECTED,
    Reason.GONE: Outcome.REJECTED,
}


class Unsearchable(EnricherError):
    """A value that may not stand in a query to Sumo Logic. `detail` says what it should have been, and never repeats it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


_IN_A_MOMENT = frozenset({Reason.CONNECT, Reason.TIMEOUT, Reason.DROPPED, Reason.SERVER_ERROR, Reason.RATE_LIMITED})
_LATER = _IN_A_MOMENT | {Reason.NOT_JSON, Reason.NOT_FOUND}


class SearchError(EnricherError):
    """Sumo Logic did not answer a call of a search. `retry_after` is in seconds, 0 if it named none; `detail` holds no secret."""

    def __init__(self, reason: Reason, detail: str, *, retry_after: float = 0.0) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.retry_after = reason, detail, retry_after

    @property
    def passing(self) -> bool:
        """The same call may well be answered in a moment."""
        return self.reason in _IN_A_MOMENT

    @property
    def worth_another_search(self) -> bool:
        """A new search may succeed later, with nobody's help."""
        return self.reason in _LATER


class LibraryError(EnricherError):
    """A connection, monitor, search or field could not be put into Sumo Logic. `detail` holds no secret; those before it are there."""

    def __init__(self, kind: str, name: str, reason: Reason, detail: str) -> None:
        super().__init__(f"{kind} {name}: {reason}: {detail}")
        self.kind, self.name, self.reason, self.detail = kind, name, reason, detail


class TicketClosed(EnricherError):
    """A ticket was closed longer ago than it may be reopened. Nothing was told to it; the case goes on in a new ticket."""


class DeliveryError(EnricherError):
    """A destination did not take a case. `retry_after` is in seconds, 0 if it named none; `detail` holds no secret.

    `of_one`: the limit that was met is that of a single ticket, so that others need not wait. `halfway`: it met one of several
    calls, and those before it may have got through.
    """

    def __init__(
        self, destination: str, reason: Reason, *, retry_after: float = 0.0, detail: str = "", of_one: bool = False
    ) -> None:
        super().__init__(f"{destination}: {reason}: {detail}" if detail else f"{destination}: {reason}")
        self.destination, self.reason, self.retry_after, self.detail = destination, reason, retry_after, detail
        self.of_one = of_one
        self.halfway = False

    @property
    def outcome(self) -> Outcome:
        """`rejected`, `not_sent` or `unknown`; only `not_sent` may go out again without a look-up first."""
        return OUTCOME_OF[self.reason]
