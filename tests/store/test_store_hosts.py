from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from enricher.errors import ConfigurationError, StoreUnavailable
from enricher.store import Store, hosts
from enricher.store.sqlite import Sqlite
from tests.store.fakes import Clock, Estate, submission


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "enricher.db"


@pytest.fixture
def here(path: Path, clock: Clock) -> Iterator[Estate]:
    """This host, using the database."""
    opened = Estate(f"sqlite:///{path}", clock)
    opened.open().upgrade()
    opened.stores[0].reader.ready()
    yield opened
    opened.close()


@pytest.fixture
def elsewhere(here: Estate, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """The same database, seen from another host."""
    monkeypatch.setattr("enricher.store.connect.this_host", lambda: "another boot")
    return Estate(here.url, here.clock)


def host_claim(store: Store) -> hosts.HostClaim:
    backend = store.access._here().backend
    assert isinstance(backend, Sqlite)
    return backend._host


def test_a_second_host_is_refused(here: Estate, elsewhere: Estate) -> None:
    with pytest.raises(ConfigurationError, match=r"uses this SQLite database.*PostgreSQL"):
        elsewhere.open()


def test_several_processes_of_one_host_are_fine(here: Estate) -> None:
    second = here.open()

    assert not second.inbox.accept(submission("a")).duplicate
    assert here.stores[0].inbox.accept(submission("a")).duplicate


def test_a_host_that_left_leaves_the_place_free(here: Estate, elsewhere: Estate) -> None:
    here.stores[0].close()

    moved: Store = elsewhere.open()

    moved.reader.ready()
    moved.close()


def test_the_place_is_free_when_the_last_process_leaves(
    here: Estate, elsewhere: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as home:
        home.setattr("enricher.store.connect.this_host", hosts.this_host)
        second = here.open()
        second.reader.ready()
    second.close()

    with pytest.raises(ConfigurationError):
        elsewhere.open()


def test_a_host_that_died_is_followed_after_a_while_and_knows_when_it_comes_back(here: Estate, elsewhere: Estate) -> None:
    sleeper = here.stores[0]
    here.clock.now += hosts.STALE_AFTER + timedelta(seconds=1)

    heir = elsewhere.open()
    heir.reader.ready()
    claim = host_claim(sleeper)
    claim.renew()

    with pytest.raises(StoreUnavailable, match="another host"):
        sleeper.inbox.accept(submission())
    heir.inbox.accept(submission())
    heir.close()


def test_a_claim_that_is_renewed_stays(here: Estate, elsewhere: Estate) -> None:
    claim = host_claim(here.stores[0])
    here.clock.now += hosts.STALE_AFTER - timedelta(seconds=1)
    claim.renew()
    here.clock.now += hosts.STALE_AFTER - timedelta(seconds=1)

    with pytest.raises(ConfigurationError):
        elsewhere.open()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"host": 1}', b'{"host": "h", "name": "n", "at": "soon"}', b"\xff"]
)
def test_an_entry_that_cannot_be_read_is_nobodys(path: Path, clock: Clock, content: bytes) -> None:
    path.parent.mkdir()
    path.with_name("enricher.db.host").write_bytes(content)
    estate = Estate(f"sqlite:///{path}", clock)

    estate.open().upgrade()

    estate.stores[0].reader.ready()
    estate.close()
