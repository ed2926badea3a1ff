"""One SQL database that holds everything: alerts on their way in, cases, and deliveries on their way out.

SQLite by default, PostgreSQL when one machine is outgrown; by SQLAlchemy Core, from one code path. What belongs together
(a case, its news, its deliveries, and "this alert is done") is committed together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import URL, make_url, update
from sqlalchemy.exc import ArgumentError

from enricher.errors import ConfigurationError
from enricher.ports import Merge
from enricher.store.access import Access
from enricher.store.cache import LookupCache
from enricher.store.cases import Cases, DeliverTo
from enricher.store.database import Clock, Transaction
from enricher.store.history import History
from enricher.store.inbox import Inbox
from enricher.store.operating import Operator
from enricher.store.outbox import Outbox
from enricher.store.purge import purge
from enricher.store.reading import Reader

__all__ = ["Store", "open_store"]
