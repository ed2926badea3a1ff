"""Which of two tickets a delivery goes on with, once both are known."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case as sql_case
from sqlalchemy import null, select, update

from enricher.ports import Ticket
from enricher.store.audit import note
from enricher.store.database import Transaction
from enricher.store.schema import deliveries


def go_on_with_the_kept(tx: Transaction, case_key: str, destination: str, tickets: Sequence[Ticket]) -> None:
    """Let a delivery that knows one of the closed tickets know the kept one, which comes first, instead.

    The kept ticket was told nothing but how the case began. So all news after that is due again, and in doubt: each is looked
    for before it is told. Whoever is at it meanwhile holds a claim that is over.
    """
    kept, *closed = tickets
    of_it = (deliveries.c.case_key == case_key, deliveries.c.destination == destination)
    known = [ticket.external_id for ticket in closed if ticket.external_id != kept.external_id]
    wrong = tx.conn.execute(
        select(deliveries.c.id, deliveries.c.label).where(*of_it, deliveries.c.external_id.in_(known)).with_for_update()
    ).all()
    for row in wrong:
        detail = f"{row.label} is closed; goes on with {kept.label}"
        note(tx, by="enricher", action="kept ticket", item_id=row.id, detail=detail)
        tx.conn.execute(
            update(deliveries)
            .where(deliveries.c.id == row.id)
            .values(
                external_id=kept.external_id,
                label=kept.label,
                url=kept.url,
                sent_seq=sql_case((deliveries.c.sent_seq > 1, 1), else_=deliveries.c.sent_seq),
                state=sql_case((_STAYS_SHUT, deliveries.c.state), else_="unknown"),
                claims=deliveries.c.claims + 1,
                doubt_since=tx.now,
                holder=null(),
                due_at=tx.now,
                updated_at=tx.now,
            )
        )
        tx.wakes.add(destination)


_STAYS_SHUT = deliveries.c.state.in_(("dead", "discarded"))
