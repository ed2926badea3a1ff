"""How often tuning rules match: counted in the transaction of the case, read for everybody who asks what a rule still does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from enricher.core.document import CaseDocument
from enricher.core.uses import RuleDay, RuleUse
from enricher.store.access import Access
from enricher.store.database import Transaction, add_new
from enricher.store.judgement import known_rules, rule_days
from enricher.store.schema import NAME
from enricher.store.tallies import add_of_process


class RuleBook:
    """Implements `ports.RuleBook`. What this process has noted it does not note again."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._noted: set[str] = set()

    def loaded(self, rules: Iterable[str]) -> None:
        new = sorted({NAME.storable(rule) or "" for rule in rules} - self._noted)
        if new:
            self._access.write(lambda tx: _note(tx, new))
            self._noted.update(new)


def _note(tx: Transaction, rules: list[str]) -> None:
    add_new(tx.conn, known_rules, [{"rule": rule, "first_at": tx.now} for rule in rules])


def count_uses(
    tx: Transaction, new: CaseDocument, stored: CaseDocument | None, merged: CaseDocument, *, has_contacts: bool
) -> None:
    """Count the rules that matched `new`, if it brings contacts never seen before; else those that matched the case for the
    first time, because more is known of it.
    """
    matched = _matched(new) if has_contacts else set()
    matched |= _matched(merged) - (_matched(stored) if stored else set())
    for rule, mode in sorted(matched):
        keys = {"rule": NAME.storable(rule), "mode": mode, "day": day_of(tx.now)}
        add_of_process(tx, rule_days, keys, {"matches": 1}, tx.now)


def _matched(document: CaseDocument) -> set[tuple[str, str]]:
    return {(exception["rule"], exception["mode"]) for exception in document["exceptions"]}


def day_of(at: datetime) -> datetime:
    """The beginning of a day, UTC."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def uses_of(conn: Connection) -> dict[str, RuleUse]:
    """Every rule that was ever loaded or matched, by its id."""
    counted = {row.rule: row for row in conn.execute(_USES)}
    first = {row.rule: row.first_at for row in conn.execute(select(known_rules))}
    return {
        rule: RuleUse(
            rule=rule,
            matches=int(row.matches) if row else 0,
            last_at=row.last_at if row else None,
            first_seen_at=min(at for at in (first.get(rule), row.first_at if row else None) if at is not None),
        )
        for rule in sorted({*counted, *first})
        for row in [counted.get(rule)]
    }


def days_of(conn: Connection, since: datetime) -> list[RuleDay]:
    """How often each rule matched on each day from that of `since`, the oldest day first."""
    matches = func.sum(rule_days.c.matches).label("matches")
    found = (
        select(rule_days.c.rule, rule_days.c.day, rule_days.c.mode, matches)
        .where(rule_days.c.day >= day_of(since))
        .group_by(rule_days.c.rule, rule_days.c.day, rule_days.c.mode)
        .order_by(rule_days.c.day, rule_days.c.rule, rule_days.c.mode)
    )
    return [
        RuleDay(rule=row.rule, day=row.day.astimezone(UTC).date(), mode=row.mode, matches=int(row.matches))
        for row in conn.execute(found)
    ]


_USES = select(
    rule_days.c.rule,
    func.sum(rule_days.c.matches).label("matches"),
    func.max(rule_days.c.last_at).label("last_at"),
    func.min(rule_days.c.last_at).label("first_at"),
).group_by(rule_days.c.rule)
