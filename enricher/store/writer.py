"""The committer: one thread per process through which every write goes, many writes in one transaction.

A durable commit costs a disk flush whatever it holds, so whoever waits while one is under way shares the next; so does
whoever comes while a transaction waits for its turn among the processes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from enricher.errors import StoreUnavailable
from enricher.store.database import Transaction, is_contention

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_BATCH = 256
MAX_WAITING = 2048
PATIENCE_S = 15.0
"""How long a caller waits for its commit before it is told to come again."""
TRIES_WHEN_CONTENDED = 3

Handler = Callable[[Transaction, list[Any]], Sequence[Any]]


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class _Write:
    """A write and its outcome. Its caller waits for `settled`, a bare lock: a future costs five times as much."""

    handler: Handler
    item: Any
    locks: Sequence[str]
    result: Any = None
    error: BaseException | None = None
    settled: threading.Lock = field(default_factory=_locked)

    def succeed(self, result: Any) -> None:
        self.result = result
        self.settled.release()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.settled.release()


class Writer:
    """Hands writes to the committer thread and their results back. Made in the process that uses it; never before a fork."""

    def __init__(
        self,
        begin: Callable[[Sequence[str]], AbstractContextManager[Transaction]],
        committed: Callable[[Collection[str]], None],
        *,
        patience_s: float = PATIENCE_S,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._begin, self._committed = begin, committed
        self._patience_s, self._max_waiting = patience_s, max_waiting
        self._waiting: deque[_Write] = deque()
        self._wanted = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def write(self, do: Callable[[Transaction], Result], locks: Sequence[str] = ()) -> Result:
        """Run `do` inside a transaction, and return its result once that is committed.

        `do` must do nothing but write: it may run again if the transaction is rolled back because of somebody else.
        Raises what `do` raises (nothing of it is stored then), or StoreUnavailable.
        """
        return cast("Result", self._hand_over(_Write(_one_by_one, do, locks)))

    def write_together(self, handler: Callable[[Transaction, list[Item]], Sequence[Result]], item: Item) -> Result:
        """Like `write`, but `handler` gets all items waiting for it at once, and returns a result for each."""
        return cast("Result", self._hand_over(_Write(handler, item, ())))

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        with self._wanted:
            self._closed = True
            self._wanted.notify()
        self._thread.join(self._patience_s)

    def _hand_over(self, write: _Write) -> Any:
        with self._wanted:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if len(self._waiting) >= self._max_waiting:
                raise StoreUnavailable("too many writes are waiting")
            self._waiting.append(write)
            self._wanted.notify()
        if not write.settled.acquire(timeout=self._patience_s):
            self._give_up(write)
            raise StoreUnavailable(f"no commit within {self._patience_s:.0f} s")
        if write.error is not None:
            raise write.error
        return write.result

    def _give_up(self, write: _Write) -> None:
        with self._wanted, suppress(ValueError):  # under way already: whatever comes of it, nobody hears
            self._waiting.remove(write)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._settle(batch)

    def _next_batch(self) -> list[_Write]:
        """Everything that waits, up to a batch; empty only when closed."""
        with self._wanted:
            while not self._waiting and not self._closed:
                self._wanted.wait()
            return [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]

    def _settle(self, batch: list[_Write]) -> None:
        error = self._attempt(batch, more=True)
        if error is None:
            return
        if isinstance(error, StoreUnavailable):  # nobody's fault: trying one by one would only take as many time-outs
            for write in batch:
                write.fail(StoreUnavailable(error.detail, retry_after=error.retry_after))
            return
        for write in batch:
            self._settle_alone(write)

    def _take_along(self, batch: list[_Write], locks: set[str]) -> None:
        """Add what has come while this transaction waited to begin, as far as it needs no other locks."""
        with self._wanted:
            while self._waiting and len(batch) < MAX_BATCH and locks >= set(self._waiting[0].locks):
                batch.append(self._waiting.popleft())

    def _settle_alone(self, write: _Write) -> None:
        for _ in range(TRIES_WHEN_CONTENDED):
            error = self._attempt([write])
            if error is None:
                return
            if not is_contention(error):
                write.fail(error)
                return
        write.fail(StoreUnavailable("other transactions kept getting in the way"))

    def _attempt(self, batch: list[_Write], *, more: bool = False) -> BaseException | None:
        """Commit the batch and answer its callers; or roll all of it back and return why. `more` may join meanwhile."""
        try:
            self._commit(batch, more=more)
        except BaseException as error:  # noqa: BLE001 - it belongs to the callers, who raise it; the thread must live on
            return error
        return None

    def _commit(self, batch: list[_Write], *, more: bool) -> None:
        locks = {lock for write in batch for lock in write.locks}
        results: list[tuple[_Write, Any]] = []
        with self._begin(sorted(locks)) as transaction:
            if more:
                self._take_along(batch, locks)
            for handler, writes in _by_handler(batch).items():
                done = handler(transaction, [write.item for write in writes])
                results.extend(zip(writes, done, strict=True))
        for write, result in results:
            write.succeed(result)
        if transaction.wakes:
            self._committed(transaction.wakes)


def _one_by_one(transaction: Transaction, items: list[Callable[[Transaction], Any]]) -> list[Any]:
    return [do(transaction) for do in items]


def _by_handler(batch: Sequence[_Write]) -> dict[Handler, list[_Write]]:
    groups: dict[Handler, list[_Write]] = {}
    for write in batch:
        groups.setdefault(write.handler, []).append(write)
    return groups
