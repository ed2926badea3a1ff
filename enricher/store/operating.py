"""What a person may do to stored work; each leaves a line in the audit table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import case, select, update

from enricher.core.document import CaseDocument
from enricher.core.feedback import Feedback, Said
from enricher.store.access import Access
from enricher.store.audit import note
from enricher.store.cases import JOINED, LOCKED_CASE, Cases, case_lock, news_item
from enricher.store.database import ALERTS, Transaction
from enricher.store.feedback import note_feedback
from enricher.store.schema import alerts, deliveries
from enricher.store.statements import fetch

SOMEBODY = "operator"


class Operator:
    """Implements `ports.Operator`. `by` is who asked, where that is known."""

    def __init__(self, access: Access, cases: Cases) -> None:
        self._access, self._cases = access, cases

    def retry_dead(self, item_id: str, by: str = SOMEBODY) -> bool:
        def reopen(tx: Transaction) -> bool:
            done = _retry_alert(tx, item_id) or _retry_delivery(tx, item_id)
            return _noted(tx, done, by=by, action="retry", item_id=item_id)

        return self._access.write(reopen)

    def discard_dead(self, item_id: str, by: str) -> bool:
        """As the port says: it is no dead letter any more, and names who said so. A delivery then stays `discarded`."""

        def discard(tx: Transaction) -> bool:
            reason = f"discarded by {by}"
            done = _change_dead(tx, alerts, item_id, state="done", settled_at=tx.now, reason=reason) or _change_dead(
                tx, deliveries, item_id, state="discarded", reason=reason, updated_at=tx.now
            )
            return _noted(tx, done, by=by, action="discard", item_id=item_id)

        return self._access.write(discard)

    def reopen_case(self, key: str, by: str = SOMEBODY) -> bool:
        """Open a recovered or suppressed case: it gets its deliveries, and those that exist learn of it."""

        def reopen(tx: Transaction) -> bool:
            stored = next(iter(fetch(tx.conn, LOCKED_CASE, {"case": key})), None)
            if stored is None or stored.state in {"open", JOINED}:
                return False
            document: CaseDocument = stored.document
            document["disposition"] = "open"
            item = news_item(tx, "reopened", f"Reopened by {by}; it was {stored.state}")
            seq = self._cases.tell(tx, key, stored.last_news_seq, [item], state="open", document=document)
            self._cases.open_deliveries(tx, key, document, seq)
            self._cases.make_due(tx, key, seq)
            return _noted(tx, True, by=by, action="reopen", item_id=key)

        return self._access.write(reopen, [case_lock(key)])

    def note_feedback(
        self, case_key: str, said: Said, by: str, source: str, note: str = "", *, at: datetime | None = None
    ) -> bool:
        word = Feedback(said=said, by=by, at=at or datetime.max.replace(tzinfo=UTC), source=source, note=note)
        return note_feedback(self._access, case_key, word)


def _retry_alert(tx: Transaction, item_id: str) -> bool:
    done = _change_dead(tx, alerts, item_id, state="stored", attempts=0, due_at=tx.now, reason=None)
    if done:
        tx.wakes.add(ALERTS)
    return done


def _retry_delivery(tx: Transaction, item_id: str) -> bool:
    doubtful = deliveries.c.claims > deliveries.c.settled_claims
    state = case((doubtful, "unknown"), else_="pending")
    fresh = {"attempts": 0, "due_at": tx.now, "reason": None, "detail": None, "updated_at": tx.now}
    done = _change_dead(tx, deliveries, item_id, state=state, **fresh)
    if done:
        destination = select(deliveries.c.destination).where(deliveries.c.id == item_id)
        tx.wakes.add(tx.conn.execute(destination).scalar_one())
    return done


def _change_dead(tx: Transaction, table: Any, item_id: str, **values: Any) -> bool:
    dead = (table.c.id == item_id, table.c.state == "dead")
    return tx.conn.execute(update(table).where(*dead).values(**values)).rowcount == 1


def _noted(tx: Transaction, done: bool, *, by: str, action: str, item_id: str) -> bool:  # noqa: FBT001 - passed through
    if done:
        note(tx, by=by, action=action, item_id=item_id)
    return done
