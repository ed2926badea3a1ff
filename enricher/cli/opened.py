"""The store that the settings name, open for as long as a command needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from enricher.store import Store
from enricher.wiring import application

BY = "command line"
"""Who the audit says it was."""


@contextmanager
def opened_store() -> Iterator[Store]:
    """Closed again, whatever comes. Raises ConfigurationError, StoreUnavailable."""
    app = application()
    try:
        yield app.store
    finally:
        app.store.close()
