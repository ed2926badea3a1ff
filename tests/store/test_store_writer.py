"""The committer alone, over transactions that only take notes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from enricher.errors import StoreUnavailable
from enricher.store import Store, schema
from enricher.store.database import Transaction
from enricher.store.writer import MAX_BATCH, Writer
from tests.store.fakes import Clock, Estate, submission

PATIENCE_S = 10.0


class Database:
    """Commits lists. `door` holds every transaction up before it begins, `gate` before it commits; `refuse` is raised then."""

    def __init__(self) -> None:
        self.door, self.arrived = threading.Event(), threading.Semaphore(0)
        self.gate, self.begun = threading.Event(), threading.Semaphore(0)
        self.door.set()
        self.gate.set()
        self.refuse: Exception | None = None
        self.commits: list[list[str]] = []
        self.locks: list[list[str]] = []
        self.rings: list[set[str]] = []

    @contextmanager
    def begin(self, locks: Sequence[str]) -> Iterator[Transaction]:
        self.arrived.release()
        assert self.door.wait(PATIENCE_S)
        written: list[str] = []
        yield Transaction(cast("Any", written), cast("Any", None), wakes=set(locks) & {"wake"})
        self.begun.release()
        assert self.gate.wait(PATIENCE_S)
        if self.refuse:
            raise self.refuse
        self.locks.append(list(locks))
        self.commits.append(written)

    def ring(self, topics: Collection[str]) -> None:
        self.rings.append(set(topics))

    def writer(self, **more: Any) -> Writer:
        return Writer(self.begin, self.ring, patience_s=more.pop("patience_s", PATIENCE_S), **more)


def put(text: str) -> Callable[[Transaction], str]:
    def write(tx: Transaction) -> str:
        cast("list[str]", tx.conn).append(text)
        return text.upper()

    return write


def put_all(tx: Transaction, texts: list[str]) -> list[int]:
    cast("list[str]", tx.conn).append("+".join(sorted(texts)))
    return [len(texts)] * len(texts)


def fail(tx: Transaction) -> None:
    raise ZeroDivisionError


def in_threads(*calls: Callable[[], object]) -> tuple[list[threading.Thread], list[object]]:
    """Start each call; what each returned or raised, in the order in which they ended."""
    answers: list[object] = []

    def run(call: Callable[[], object]) -> None:
        try:
            answers.append(call())
        except (StoreUnavailable, ZeroDivisionError) as error:
            answers.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    return threads, answers


def all_waiting(writer: Writer, number: int) -> None:
    """Return once `number` writes wait behind the one under way."""
    with writer._wanted:
        assert writer._wanted.wait_for(lambda: len(writer._waiting) == number, PATIENCE_S)


def behind_one(database: Database, writer: Writer, *calls: Callable[[], object]) -> list[object]:
    """Let `calls` pile up behind a commit under way; what they returned or raised."""
    database.gate.clear()
    first, _ = in_threads(lambda: writer.write(put("first")))
    assert database.begun.acquire(timeout=PATIENCE_S)
    threads, answers = in_threads(*calls)
    all_waiting(writer, len(calls))
    database.gate.set()
    for thread in (*first, *threads):
        thread.join(PATIENCE_S)
    writer.close()
    return answers


def test_what_waits_during_a_commit_shares_the_next() -> None:
    database = Database()
    writer = database.writer()

    answers = behind_one(
        database,
        writer,
        lambda: writer.write(put("a"), ["x"]),
        lambda: writer.write(put("b"), ["b", "wake"]),
        lambda: writer.write_together(put_all, "c"),
        lambda: writer.write_together(put_all, "d"),
    )

    assert [sorted(commit) for commit in database.commits] == [["first"], ["a", "b", "c+d"]]
    assert sorted(map(str, answers)) == ["2", "2", "A", "B"]
    assert database.locks == [[], ["b", "wake", "x"]]
    assert database.rings == [{"wake"}]


def test_what_comes_before_a_transaction_begins_joins_it_unless_it_needs_another_lock() -> None:
    database = Database()
    writer = database.writer()
    database.door.clear()
    calls: list[Callable[[], object]] = [
        lambda: writer.write(put("first"), ["x"]),
        lambda: writer.write(put("a"), ["x"]),
        lambda: writer.write_together(put_all, "b"),
        lambda: writer.write(put("c"), ["y"]),
        lambda: writer.write(put("d")),
    ]

    threads, _ = in_threads(calls[0])
    assert database.arrived.acquire(timeout=PATIENCE_S)
    for number, call in enumerate(calls[1:], 1):
        threads += in_threads(call)[0]
        all_waiting(writer, number)
    database.door.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    writer.close()

    assert database.commits == [["first", "a", "b"], ["c", "d"]]
    assert database.locks == [["x"], ["y"]]


def test_what_joined_a_bad_batch_is_written_alone() -> None:
    database = Database()
    writer = database.writer()
    database.door.clear()

    threads, _ = in_threads(lambda: writer.write(put("first")))
    assert database.arrived.acquire(timeout=PATIENCE_S)
    more, answers = in_threads(lambda: writer.write(put("a")), lambda: writer.write(fail))
    all_waiting(writer, 2)
    database.door.set()
    for thread in (*threads, *more):
        thread.join(PATIENCE_S)
    writer.close()

    assert database.commits == [["first"], ["a"]]
    assert sorted(type(answer).__name__ for answer in answers) == ["ZeroDivisionError", "str"]


def test_one_bad_write_fails_alone() -> None:
    database = Database()
    writer = database.writer()

    answers = behind_one(
        database,
        writer,
        lambda: writer.write(put("a")),
        lambda: writer.write(fail),
        lambda: writer.write_together(put_all, "c"),
    )

    assert sorted(map(str, database.commits)) == ["['a']", "['c']", "['first']"]
    assert sorted(type(answer).__name__ for answer in answers) == ["ZeroDivisionError", "int", "str"]


def test_a_database_that_refuses_refuses_all_at_once() -> None:
    database = Database()
    writer = database.writer()
    database.refuse = StoreUnavailable("gone", retry_after=7)

    answers = behind_one(database, writer, *[lambda: writer.write(put("a"))] * 3)

    assert [(type(answer), getattr(answer, "retry_after", None)) for answer in answers] == [(StoreUnavailable, 7)] * 3
    assert database.begun._value == 1  # the batch behind the first was tried once


def test_it_goes_on_after_trouble() -> None:
    database = Database()
    writer = database.writer()
    database.refuse = StoreUnavailable("gone")
    with pytest.raises(StoreUnavailable, match="gone"):
        writer.write(put("a"))
    database.refuse = None

    assert writer.write(put("b")) == "B"
    writer.close()


def test_more_than_a_batch_goes_in_several() -> None:
    database = Database()
    writer = database.writer()

    behind_one(database, writer, *[lambda: writer.write_together(put_all, "x")] * (MAX_BATCH + 2))

    assert [commit[0].count("x") for commit in database.commits[1:]] == [MAX_BATCH, 2]


def test_a_full_queue_says_so_at_once() -> None:
    database = Database()
    writer = database.writer(max_waiting=2)
    refused: list[str] = []

    def one_too_many() -> None:
        with pytest.raises(StoreUnavailable) as caught:
            writer.write(put("c"))
        refused.append(caught.value.detail)

    database.gate.clear()
    threads, _ = in_threads(lambda: writer.write(put("first")))
    assert database.begun.acquire(timeout=PATIENCE_S)
    more, _ = in_threads(lambda: writer.write(put("a")), lambda: writer.write(put("b")))
    all_waiting(writer, 2)
    one_too_many()
    database.gate.set()
    for thread in (*threads, *more):
        thread.join(PATIENCE_S)
    writer.close()

    assert refused == ["too many writes are waiting"]
    assert sum(len(commit) for commit in database.commits) == 3


def test_a_caller_does_not_wait_for_ever_and_what_it_gave_up_is_not_written() -> None:
    database = Database()
    writer = database.writer(patience_s=0.05)
    database.gate.clear()

    threads, answers = in_threads(lambda: writer.write(put("first")))
    assert database.begun.acquire(timeout=PATIENCE_S)
    with pytest.raises(StoreUnavailable, match="no commit within"):
        writer.write(put("given up"))
    for thread in threads:
        thread.join(PATIENCE_S)
    database.gate.set()
    writer.close()
    writer._thread.join(PATIENCE_S)

    assert [type(answer) for answer in answers] == [StoreUnavailable]
    assert database.commits == [["first"]]


def test_closing_finishes_what_waits_and_refuses_the_rest() -> None:
    database = Database()
    writer = database.writer()
    writer.write(put("a"))
    writer.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        writer.write(put("b"))
    assert database.commits == [["a"]]


def test_many_acceptances_share_few_commits(estate: Estate, store: Store, clock: Clock) -> None:
    access = store.access
    store.reader.ready()
    release, entered = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        entered.set()
        assert release.wait(PATIENCE_S)

    holder = threading.Thread(target=lambda: access.write(hold))
    holder.start()
    assert entered.wait(PATIENCE_S)
    commits: list[int] = []
    process = access._here()
    inner = process.writer._begin

    @contextmanager
    def counted(locks: Sequence[str]) -> Iterator[Transaction]:
        with inner(locks) as tx:
            yield tx
        commits.append(1)

    process.writer._begin = counted
    threads = [threading.Thread(target=store.inbox.accept, args=(submission(f"a{number}"),)) for number in range(40)]
    for thread in threads:
        thread.start()
    all_waiting(process.writer, 40)
    release.set()
    for thread in (holder, *threads):
        thread.join(PATIENCE_S)

    assert len(commits) == 1
    assert estate.count(schema.alerts) == 40
