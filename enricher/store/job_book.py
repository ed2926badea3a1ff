"""The search jobs that run for us at Sumo Logic, so that a process that dies leaves none behind."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete, select

from enricher.ports import LeftJob
from enricher.store.access import Access
from enricher.store.database import Transaction, insert_or_replace
from enricher.store.schema import search_jobs

LONGEST = timedelta(minutes=2)
"""A search ends before that, so what is older has been left, wherever its holder was."""


class JobBook:
    """Implements `ports.JobBook`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def opened(self, job_id: str, cookies: Mapping[str, str]) -> None:
        def write(tx: Transaction) -> None:
            row = {"job_id": job_id, "holder": self._access.holder, "cookies": dict(cookies), "opened_at": tx.now}
            tx.conn.execute(insert_or_replace(tx.conn.dialect.name, search_jobs), row)

        self._access.write(write)

    def closed(self, job_id: str) -> None:
        self._access.write(lambda tx: tx.conn.execute(delete(search_jobs).where(search_jobs.c.job_id == job_id)))

    def left_behind(self) -> list[LeftJob]:
        with self._access.read() as conn:
            long_ago = self._access.now(conn) - LONGEST
            rows = conn.execute(select(search_jobs).order_by(search_jobs.c.opened_at)).all()
        return [
            LeftJob(job_id=row.job_id, cookies=row.cookies)
            for row in rows
            if row.opened_at <= long_ago or _is_dead(row.holder)
        ]


def _is_dead(holder: str) -> bool:
    """Whether the holder was a process of this machine, and does not run any more."""
    node, pid, _ = holder.rsplit(":", 2)
    if node != platform.node():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
