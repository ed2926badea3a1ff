"""The columns of the fault matrix: what may befall a call, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from enricher.standins import Fault, FaultKind
from tests.faults.target import Call

HOUR_S = 3_600.0
EVERY = 10_000
"""More calls than there are in an hour."""
LAG_S = 60.0
"""How far the search is behind in its column: less than the quiet period."""
AFTER_S = 120.0
"""What a `Retry-After` asks for."""
ONCE, FIVE, HOUR = DURATIONS = ("once", "five times", "for an hour")


@dataclass(frozen=True, slots=True)
class Column:
    """One way to fail. `only` are the destinations, and calls, that can fail so; `short` heads the printed table."""

    short: str
    kind: FaultKind | None
    how: dict[str, Any] = field(default_factory=dict)
    only: dict[str, tuple[str, ...]] | None = None

    def fits(self, destination: str, call: Call) -> bool:
        """Whether the service can fail so at this call."""
        if self.only is None:
            return True
        calls = self.only.get(destination)
        return calls is not None and (not calls or call.name in calls)

    def fault(self, call: Call, duration: str, now: float) -> Fault:
        """It, at this call."""
        how_often = {ONCE: 1, FIVE: 5, HOUR: EVERY}[duration]
        calls = tuple(range(1 + call.skip, 1 + call.skip + how_often))
        made = Fault(kind=self.kind or FaultKind.DROP, method=call.method, path=call.path, calls=calls, **self.how)
        return replace(made, until=now + HOUR_S) if duration == HOUR else made

    @property
    def waits(self) -> bool:
        """Whether the client must give up waiting."""
        return self.kind in {FaultKind.HANG, FaultKind.TRICKLE}


REFUSED = "refused"
LAG = "search lag"
COLUMNS = {
    REFUSED: Column("ref", None),
    "reset before": Column("rs-", FaultKind.RESET, {"commits": False}),
    "reset after commit": Column("rs+", FaultKind.RESET, {"commits": True}),
    "time-out before": Column("to-", FaultKind.HANG, {"commits": False}),
    "time-out after commit": Column("to+", FaultKind.HANG, {"commits": True}),
    "500 before": Column("5-", FaultKind.ERROR, {"commits": False}),
    "500 after commit": Column("5+", FaultKind.ERROR, {"commits": True}),
    "502": Column("502", FaultKind.ERROR, {"status": 502, "commits": True}),
    "503": Column("503", FaultKind.ERROR, {"status": 503, "commits": False}),
    "503 with Retry-After": Column("503r", FaultKind.ERROR, {"status": 503, "commits": False, "retry_after": AFTER_S}),
    "429": Column("429", FaultKind.LIMIT, {"retry_after": AFTER_S}),
    "401": Column("401", FaultKind.DENY, {"status": 401}),
    "403": Column("403", FaultKind.DENY, {"status": 403}),
    "404": Column("404", FaultKind.DENY, {"status": 404}),
    "400 on one field": Column("400", FaultKind.DENY, {"status": 400}),
    "200 with error": Column(
        "2e", FaultKind.SAYS_NO, only={"servicenow": (), "servicenow without our ids": (), "slack": ()}
    ),
    "slow body": Column("slow", FaultKind.TRICKLE),
    "garbage body": Column("junk", FaultKind.TRUNCATE),
    LAG: Column("lag", FaultKind.DROP, only={"jira": ("create",)}),
    "unrelated records": Column(
        "unr",
        FaultKind.UNRELATED,
        only={"jira": ("search",), "servicenow": ("query",), "servicenow without our ids": ("query",)},
    ),
    "redirect": Column("302", FaultKind.REDIRECT),
}
