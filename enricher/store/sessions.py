"""Who is logged in to the console."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, insert, or_, select

from enricher.store.access import Access
from enricher.store.database import Transaction
from enricher.store.schema_people import sessions


class Sessions:
    """Implements `ports.Sessions`. One that has ended is nobody's from that moment on; its row goes when the next begins."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def begin(self, digest: str, name: str, lasts: timedelta) -> None:
        def write(tx: Transaction) -> None:
            tx.conn.execute(delete(sessions).where(sessions.c.ends_at <= tx.now))
            row = {"digest": digest, "name": name, "began_at": tx.now, "ends_at": tx.now + lasts}
            tx.conn.execute(insert(sessions), row)

        self._access.write(write)

    def name(self, digest: str) -> str | None:
        with self._access.read() as conn:
            now = self._access.now(conn)
            mine = (sessions.c.digest == digest, sessions.c.ends_at > now)
            return conn.execute(select(sessions.c.name).where(*mine)).scalar_one_or_none()

    def end(self, digest: str) -> None:
        self._access.write(lambda tx: tx.conn.execute(delete(sessions).where(sessions.c.digest == digest)))

    def end_all(self, name: str) -> int:
        of_account = or_(sessions.c.name == name, sessions.c.name.startswith(f"{name}:", autoescape=True))
        return self._access.write(lambda tx: tx.conn.execute(delete(sessions).where(of_account)).rowcount)
