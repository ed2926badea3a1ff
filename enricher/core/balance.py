"""The balance: everything that was accepted against everything that came of it, from records kept apart from each other.

Bodies: the running count of what was answered 202 or kept as unreadable, against the alerts that are there. Rows: what the
stored bytes hold when they are read now, against the rows named by the cases and by `dropped`, and both against the account
that was written when the alert was settled. So a body, a link or a row that goes missing shows, and so does one counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from enricher.core.accounts import RowAccount
from enricher.core.document import Json

DISCARDED = "discarded by "
"""How the reason of an alert begins that a person gave up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBodies:
    """The bodies of one source. `accepted` was counted as they came, `forgotten` as `purge` deleted them; the rest is there."""

    source: str
    accepted: int
    forgotten: int
    done: int
    open: int
    dead: int

    @property
    def missing(self) -> int:
        """Those that are nowhere; less than 0 where there are more than were ever accepted."""
        return self.accepted - self.forgotten - self.done - self.open - self.dead


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One stored alert, as its records show it. `account` is None where none was written."""

    alert_id: str
    state: str
    kind: str
    reason: str | None
    held: frozenset[int] | None
    """The rows that its bytes hold, read now; None where they cannot be read."""
    in_cases: frozenset[int]
    """The rows that the links to its cases name."""
    dropped: tuple[Json, ...]
    account: RowAccount | None
    counted: bool = True
    """False for an alert that was settled before rows were counted."""


@dataclass(slots=True)
class Balance:
    """The sums, and what does not add up. Add every source and every alert, then read `document`."""

    bodies: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)
    problems: list[Json] = field(default_factory=list)

    def add_source(self, bodies: SourceBodies) -> None:
        """Hold one source's running count to the alerts that are there."""
        for name in ("accepted", "done", "open", "dead", "forgotten"):
            self.bodies[name] += getattr(bodies, name)
        self.bodies["unaccounted"] += abs(bodies.missing)
        if bodies.missing > 0:
            self._problem("source", bodies.source, f"{bodies.missing} accepted bodies are not in the store")
        if bodies.missing < 0:
            self._problem("source", bodies.source, f"{-bodies.missing} bodies more are in the store than were accepted")

    def add_alert(self, alert: Audited) -> None:
        """Find each row of one alert in what came of it."""
        if alert.state == "dead":
            self.quarantined[reason_word(alert.reason)] += 1
        held = alert.held or frozenset()
        self.rows["received"] += len(held)
        if alert.state != "done":
            self.rows["open" if alert.state in {"stored", "working"} else "dead"] += len(held)
        elif not alert.counted:
            self.rows["not_counted"] += len(held)
        elif (alert.reason or "").startswith(DISCARDED):
            self.rows["discarded"] += len(held)
        elif alert.account is None:
            self._unaccounted(alert, held, "it is done, and no account of its rows was written")
        else:
            self._settled(alert, held, alert.account)

    def document(self) -> Json:
        """The balance as `--json` prints it."""
        rows = ("received", "in_cases", "repeats", "open", "dead", "discarded", "not_counted", "unaccounted")
        bodies = ("accepted", "done", "open", "dead", "forgotten", "unaccounted")
        return {
            "balanced": not self.problems,
            "bodies": {**_counts(bodies, self.bodies), "quarantined": _sorted(self.quarantined)},
            "rows": {
                **_counts(rows, self.rows),
                "dropped": _sorted(self.dropped),
                "set_aside": _sorted(self.set_aside),
            },
            "problems": list(self.problems),
        }

    def _settled(self, alert: Audited, held: frozenset[int], account: RowAccount) -> None:
        if account.set_aside:
            self.set_aside[alert.kind] += len(held)
            kept, dropped = frozenset[int](), dict[int, str]()
        else:
            kept, dropped = alert.in_cases & held, {row["row"]: str(row["reason"]) for row in alert.dropped}
            self.rows["in_cases"] += len(kept) - min(account.repeats, len(kept))
            self.rows["repeats"] += min(account.repeats, len(kept))
            self.dropped.update(reason_word(reason) for row, reason in dropped.items() if row in held - kept)
            if lost := held - kept - dropped.keys():
                self._unaccounted(alert, lost, f"{_named(lost)} in no case, and not dropped")
        for wrong in _contradictions(alert, held, account, dropped):
            self._problem("alert", alert.alert_id, wrong)

    def _unaccounted(self, alert: Audited, rows: frozenset[int], problem: str) -> None:
        self.rows["unaccounted"] += len(rows)
        self._problem("alert", alert.alert_id, problem)

    def _problem(self, what: str, name: str, problem: str) -> None:
        self.problems.append({what: name, "problem": problem})


def reason_word(reason: str | None) -> str:
    """The fixed word that a reason begins with."""
    return (reason or "").partition(":")[0] or "unknown"


def _contradictions(alert: Audited, held: frozenset[int], account: RowAccount, dropped: Mapping[int, str]) -> Iterable[str]:
    """Where the account says something else than the other records."""
    if alert.held is None:
        yield "it is done, and its bytes cannot be read"
    elif account.received != len(held):
        yield f"its bytes hold {len(held)} rows, and {account.received} were settled"
    if account.set_aside:
        return
    if account.in_cases + account.repeats != len(alert.in_cases):
        yield f"{account.in_cases + account.repeats} rows were put into cases, and its cases name {len(alert.in_cases)}"
    if account.dropped != len(dropped):
        yield f"{account.dropped} rows were dropped, and {len(dropped)} are named"
    if both := alert.in_cases & dropped.keys():
        yield f"{_named(both)} both in a case and dropped"


def _named(rows: Iterable[int]) -> str:
    numbers = sorted(rows)
    shown = ", ".join(map(str, numbers[:10])) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")  # noqa: PLR2004 - a line
    return f"row {shown} is" if len(numbers) == 1 else f"rows {shown} are"


def _counts(names: Iterable[str], counted: Counter[str]) -> dict[str, int]:
    return {name: counted[name] for name in names}


def _sorted(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items()))
