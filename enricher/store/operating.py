"""What a person may do to stored work; each leaves a line in the audit table."""

from __future__ import annotations

from datetime import UTC, datetime

from enricher.core.document import CaseDocument
from enricher.core.feedback import Feedback, Said
from enricher.ports import Reopened
from enricher.store import dead_letters
from enricher.store.audit import note
from enricher.store.cases import JOINED, LOCKED_CASE, case_lock, news_item
from enricher.store.database import Transaction
from enricher.store.feedback import note_feedback
from enricher.store.statements import fetch
from enricher.store.work import Working

SOMEBODY = "operator"


class Operator(Working):
    """Implements `ports.Operator`. `by` is who asked, where that is known."""

    def retry_dead(self, item_id: str, by: str = SOMEBODY) -> bool:
        return self._access.write(lambda tx: dead_letters.reopen(tx, item_id, by))

    def retry_all(
        self, reason: str, *, destination: str | None = None, kind: str | None = None, by: str = SOMEBODY
    ) -> Reopened:
        def reopen(tx: Transaction) -> Reopened:
            return dead_letters.reopen_all(tx, reason, destination=destination, kind=kind, by=by)

        return self._access.write(reopen)

    def discard_dead(self, item_id: str, by: str, why: str = "") -> bool:
        return self._access.write(lambda tx: dead_letters.discard(tx, item_id, by, why))

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
            note(tx, by=by, action="reopen", item_id=key)
            return True

        return self._access.write(reopen, [case_lock(key)])

    def note_feedback(
        self, case_key: str, said: Said, by: str, source: str, note: str = "", *, at: datetime | None = None
    ) -> bool:
        word = Feedback(said=said, by=by, at=at or datetime.max.replace(tzinfo=UTC), source=source, note=note)
        return note_feedback(self._access, case_key, word)
