"""A database that is full, read-only or gone: an answer that says so, nothing half stored, and work again when it is back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from enricher.errors import ConfigurationError, StoreUnavailable
from enricher.store import Store, open_store, schema
from tests.store.fakes import Clock, Estate, counting_merge, document, settlement, submission, to_all_if_open


def assert_unavailable(store: Store) -> None:
    """Whatever wants to write is refused, in our words."""
    for refused in (lambda: store.inbox.accept(submission("refused")), store.reader.ready):
        with pytest.raises(StoreUnavailable) as caught:
            refused()
        assert caught.value.detail
        assert caught.value.retry_after > 0


def assert_works(estate: Estate, store: Store) -> None:
    """It takes alerts again, and what it refused is not there."""
    store.reader.ready()
    assert not store.inbox.accept(submission("accepted")).duplicate
    assert not store.inbox.accept(submission("refused")).duplicate
    assert estate.count(schema.alerts) == 3


@contextmanager
def writing_under(store: Store, pragma: str) -> Iterator[None]:
    """Set something on the connection that a store writes with, for a while."""
    backend: Any = store.access._here().backend
    writing = backend._writing

    def apply(raw: Any, *_: object) -> None:
        raw.execute(pragma)

    backend._let_go()
    event.listen(writing, "checkout", apply)
    yield
    event.remove(writing, "checkout", apply)
    backend._let_go()
    writing.dispose()  # the setting ends with the connection


@pytest.fixture
def sqlite_estate(tmp_path: Path, clock: Clock) -> Iterator[Estate]:
    opened = Estate(f"sqlite:///{tmp_path}/enricher.db", clock)
    opened.open().upgrade()
    opened.stores[0].inbox.accept(submission("before"))
    yield opened
    opened.close()


@pytest.fixture
def postgres_estate(postgres_server: str, clock: Clock) -> Iterator[Estate]:
    with closing(psycopg.connect(postgres_server, autocommit=True)) as admin:
        admin.execute("CREATE DATABASE trouble TEMPLATE template1 STRATEGY file_copy")
    opened = Estate(postgres_server.replace("/postgres?", "/trouble?"), clock)
    opened.open().upgrade()
    opened.stores[0].inbox.accept(submission("before"))
    yield opened
    opened.close()
    with closing(psycopg.connect(postgres_server, autocommit=True)) as admin:
        admin.execute("DROP DATABASE trouble WITH (FORCE)")


def test_sqlite_full(sqlite_estate: Estate) -> None:
    store = sqlite_estate.stores[0]
    [(pages,)] = sqlite_estate.rows("PRAGMA page_count")

    with writing_under(store, f"PRAGMA max_page_count={pages}"), pytest.raises(StoreUnavailable, match="full"):
        store.inbox.accept(submission("refused", body=b"x" * 100_000))

    assert_works(sqlite_estate, store)


def test_sqlite_read_only(sqlite_estate: Estate) -> None:
    store = sqlite_estate.stores[0]

    with writing_under(store, "PRAGMA query_only=ON"):
        assert_unavailable(store)

    assert_works(sqlite_estate, store)


def test_sqlite_vanished(sqlite_estate: Estate, tmp_path: Path) -> None:
    store = sqlite_estate.stores[0]
    [claim] = store.inbox.claim(1)
    path, away = tmp_path / "enricher.db", tmp_path / "away.db"
    path.rename(away)

    assert_unavailable(store)
    with pytest.raises(StoreUnavailable):
        store.inbox.claim(1)
    with pytest.raises(StoreUnavailable):
        store.inbox.settle(claim, settlement(document()))
    assert not path.exists()

    away.rename(path)
    assert store.inbox.settle(claim, settlement(document()))
    store.reader.ready()


def test_sqlite_held_by_another_writer(sqlite_estate: Estate) -> None:
    """What waits too long is told so, and is not written behind its caller's back."""
    store = sqlite_estate.stores[0]
    release, entered = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        entered.set()
        assert release.wait(10)

    holder = threading.Thread(target=lambda: sqlite_estate.open().access.write(hold))
    holder.start()
    assert entered.wait(10)
    store.access._here().writer._patience_s = 0.05
    assert_unavailable(store)
    release.set()
    holder.join(10)
    store.access._here().writer._patience_s = 10

    store.reader.ready()


def test_tables_that_are_not_there(url: str, clock: Clock) -> None:
    store = open_store(url, clock=clock, merge=counting_merge, deliver_to=to_all_if_open)

    assert_unavailable(store)
    store.upgrade()
    store.reader.ready()
    store.close()


@pytest.mark.slow
def test_postgres_that_refuses_and_drops_everybody(postgres_estate: Estate, postgres_server: str) -> None:
    store = postgres_estate.stores[0]
    with closing(psycopg.connect(postgres_server, autocommit=True)) as admin:
        admin.execute("ALTER DATABASE trouble ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'trouble'")

        assert_unavailable(store)
        with pytest.raises(StoreUnavailable):
            store.inbox.claim(1)
        store.wait_for_work(0.01)

        admin.execute("ALTER DATABASE trouble ALLOW_CONNECTIONS true")

    assert_works(postgres_estate, store)


@pytest.mark.slow
def test_postgres_that_only_dropped_a_connection_is_not_noticed(postgres_estate: Estate, postgres_server: str) -> None:
    store = postgres_estate.stores[0]
    with closing(psycopg.connect(postgres_server, autocommit=True)) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'trouble'")

    assert_works(postgres_estate, store)


@pytest.mark.slow
def test_postgres_read_only(postgres_estate: Estate, postgres_server: str) -> None:
    store = postgres_estate.stores[0]
    with closing(psycopg.connect(postgres_server, autocommit=True)) as admin:
        admin.execute("ALTER DATABASE trouble SET default_transaction_read_only = on")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'trouble'")

        assert_unavailable(store)

        admin.execute("ALTER DATABASE trouble SET default_transaction_read_only = off")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'trouble'")

    assert_works(postgres_estate, store)


@pytest.mark.slow
def test_postgres_that_is_not_there(clock: Clock) -> None:
    store = open_store(
        "postgresql://nobody:hidden-secret@127.0.0.1:9/none", clock=clock, merge=counting_merge, deliver_to=to_all_if_open
    )

    with pytest.raises(StoreUnavailable) as caught:
        store.inbox.accept(submission())

    assert "hidden-secret" not in caught.value.detail
    store.close()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d", "nonsense", "nonsense://u:secret@h/d"]
)
def test_other_databases_are_refused(url: str, clock: Clock) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url, clock=clock, merge=counting_merge, deliver_to=to_all_if_open)

    assert "ENRICHER_DATABASE_URL" in caught.value.problems[0]
    assert "secret" not in caught.value.problems[0]


def test_a_closed_store_stays_closed(sqlite_estate: Estate) -> None:
    store = sqlite_estate.stores[0]
    store.close()
    store.close()

    assert_unavailable(store)
    with pytest.raises(StoreUnavailable):
        store.reader.cases(limit=1)
