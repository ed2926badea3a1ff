"""What a person does about a case. Each change is a line in the audit, a piece of news and the new state, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from enricher.core.document import News
from enricher.core.secrets import mask
from enricher.core.work import CaseWork
from enricher.store.access import Access
from enricher.store.audit import note
from enricher.store.cases import JOINED, LOCKED_CASE, Cases, case_lock, news_item
from enricher.store.database import Transaction, insert_or_replace
from enricher.store.mutes import work_on
from enricher.store.schema_people import case_work
from enricher.store.statements import fetch

Step = Callable[[Transaction, CaseWork], tuple[CaseWork, News] | None]
"""What becomes of the work on a case, and its news; None where it is as it is to be already."""

MINUTE = "%Y-%m-%d %H:%M UTC"
ONCE = timedelta(minutes=5)
"""The same person muting for the same reason within it has clicked twice."""


class Working:
    """The part of `ports.Operator` that is about working on cases."""

    def __init__(self, access: Access, cases: Cases) -> None:
        self._access, self._cases = access, cases

    def acknowledge(self, key: str, by: str, detail: str | None = None) -> bool:
        def step(tx: Transaction, work: CaseWork) -> tuple[CaseWork, News] | None:
            if work.acknowledged_by is not None:
                return None
            seen = replace(work, acknowledged_by=by, acknowledged_at=tx.now)
            return seen, news_item(tx, "acknowledged", f"Acknowledged by {by}")

        return self._do(key, step, by, "acknowledge", detail)

    def assign(self, key: str, to: str | None, by: str, detail: str | None = None) -> bool:
        def step(tx: Transaction, work: CaseWork) -> tuple[CaseWork, News] | None:
            if work.assignee == to:
                return None
            taken = replace(work, assignee=to, assigned_at=tx.now if to else None)
            if to is None:
                return taken, news_item(tx, "assigned", f"Assigned to nobody, by {by}; it was {work.assignee}'s")
            return taken, news_item(tx, "assigned", f"Assigned to {to}" + ("" if to == by else f" by {by}"))

        return self._do(key, step, by, "assign", ", ".join(filter(None, (f"to {to or 'nobody'}", detail))))

    def mute(self, key: str, until: datetime, by: str, why: str, detail: str | None = None) -> bool:
        why = mask(why)

        def step(tx: Transaction, work: CaseWork) -> tuple[CaseWork, News] | None:
            same = (work.muted_by, work.mute_reason) == (by, why)
            if until <= tx.now or (same and work.muted_until is not None and until - work.muted_until < ONCE):
                return None
            muted = replace(work, muted_by=by, muted_until=until, mute_reason=why)
            return muted, news_item(tx, "muted", f"Muted until {until:{MINUTE}} by {by}: {why}")

        return self._do(key, step, by, "mute", ", ".join(filter(None, (f"until {until:{MINUTE}}: {why}", detail))))

    def unmute(self, key: str, by: str, detail: str | None = None) -> bool:
        def step(tx: Transaction, work: CaseWork) -> tuple[CaseWork, News] | None:
            if work.muted_until is None:
                return None
            heard = replace(work, muted_by=None, muted_until=None, mute_reason=None)
            return heard, news_item(tx, "unmuted", f"No longer muted, by {by}")

        return self._do(key, step, by, "unmute", detail)

    def note(self, *, by: str, action: str, item_id: str, detail: str | None = None) -> None:
        self._access.write(lambda tx: note(tx, by=by, action=action, item_id=item_id, detail=detail))

    def _do(self, key: str, step: Step, by: str, action: str, detail: str | None) -> bool:
        """False where there is no such case. One that is part of another is that one's, and gets no work of its own."""

        def do(tx: Transaction) -> bool:
            stored = next(iter(fetch(tx.conn, LOCKED_CASE, {"case": key})), None)
            if stored is None or stored.state == JOINED:
                return False
            stepped = step(tx, work_on(tx, key))
            if stepped is None:
                return True
            work, item = stepped
            row = {name: getattr(work, name) for name in CaseWork.__slots__}
            tx.conn.execute(insert_or_replace(tx.conn.dialect.name, case_work), row | {"case_key": key})
            self._cases.make_due(tx, key, self._cases.tell(tx, key, stored.last_news_seq, [item]))
            note(tx, by=by, action=action, item_id=key, detail=detail or None)
            return True

        return self._access.write(do, [case_lock(key)])
