"""What people say of cases in their tickets: every word is kept, and the last one counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, case, exists, or_, select

from enricher.core.feedback import Feedback, Said
from enricher.store.access import Access
from enricher.store.audit import note as note_in_audit
from enricher.store.cases import JOINED, case_lock
from enricher.store.database import Transaction
from enricher.store.ids import new_id
from enricher.store.judgement import feedback
from enricher.store.schema import case_aliases, cases, deliveries

MOST_OF_A_CASE = 20
_ORDER = (feedback.c.said_at.desc(), feedback.c.id.desc())


def note_feedback(access: Access, case_key: str, word: Feedback) -> bool:
    """As `ports.Operator.note_feedback` says; what claims to be said later than now was said now."""

    def keep(tx: Transaction) -> bool:
        if tx.conn.execute(select(cases.c.state).where(cases.c.key == case_key)).scalar_one_or_none() is None:
            return False
        said_at = min(word.at, tx.now)
        ours = feedback.c.case_key == case_key
        from_there = select(feedback).where(ours, feedback.c.source == word.source).order_by(*_ORDER).limit(1)
        before = tx.conn.execute(from_there).one_or_none()
        if not _is_news(word.said, said_at, before.said if before else Said.NONE, before.said_at if before else None):
            return False
        row = {"said": word.said.value, "by": word.by, "source": word.source, "note": word.note}
        tx.conn.execute(
            feedback.insert(), row | {"id": new_id(tx.now), "case_key": case_key, "said_at": said_at, "at": tx.now}
        )
        note_in_audit(tx, by=f"{word.source}: {word.by}", action="feedback", item_id=case_key, detail=word.said.value)
        return True

    return access.write(keep, [case_lock(case_key)])


def _is_news(said: Said, at: datetime, before: str, before_at: datetime | None) -> bool:
    """A webhook comes with each change of a ticket, may come twice, and may be overtaken by a later one."""
    return said.value != before and (before_at is None or at >= before_at)


def feedback_of(conn: Connection, keys: Collection[str]) -> dict[str, tuple[Feedback, ...]]:
    """What was said of each of these cases, and of cases that are part of them by now: the last word first."""
    part_of = {
        row.alias: row.case_key for row in conn.execute(select(case_aliases).where(case_aliases.c.case_key.in_(keys)))
    }
    found: dict[str, list[Feedback]] = {key: [] for key in keys}
    concerned = {*keys, *part_of}
    for row in conn.execute(select(feedback).where(feedback.c.case_key.in_(concerned)).order_by(*_ORDER)):
        found[part_of.get(row.case_key, row.case_key)].append(
            Feedback(said=Said(row.said), by=row.by, at=row.said_at, source=row.source, note=row.note)
        )
    return {key: tuple(words[:MOST_OF_A_CASE]) for key, words in found.items()}


def protected_tenants(conn: Connection) -> frozenset[str]:
    """The tenants of the cases of which the last word is `true_positive`."""
    later = feedback.alias("later")
    overruled = exists().where(
        later.c.case_key == feedback.c.case_key,
        or_(
            later.c.said_at > feedback.c.said_at,
            and_(later.c.said_at == feedback.c.said_at, later.c.id > feedback.c.id),
        ),
    )
    query = (
        select(cases.c.tenant)
        .join(feedback, feedback.c.case_key == cases.c.key)
        .where(feedback.c.said == Said.TRUE_POSITIVE.value, cases.c.tenant.is_not(None), ~overruled)
        .distinct()
    )
    return frozenset(conn.execute(query).scalars())


def case_of_ticket(conn: Connection, destination: str, tickets: Sequence[str], keys: Sequence[str]) -> str | None:
    """As `ports.Reader.case_of_ticket` says; a case that is part of another leads to that."""
    by_ticket = select(deliveries.c.case_key).where(
        deliveries.c.destination == destination, deliveries.c.external_id.in_(tickets)
    )
    found = conn.execute(by_ticket.limit(1)).scalar_one_or_none() if tickets else None
    for key in [found] if found else keys:
        leads_to = select(case_aliases.c.case_key).where(case_aliases.c.alias == key).scalar_subquery()
        real = case((cases.c.state == JOINED, leads_to), else_=cases.c.key)
        if found := conn.execute(select(real).where(cases.c.key == key)).scalar_one_or_none():
            return str(found)
    return None
