"""One cell of the matrix: a case that lives through its news while one call fails, and the verdict on what the service holds."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from itertools import count

from enricher.core.document import Json
from enricher.destinations.wording import ticket_key
from enricher.ports import Destination
from enricher.standins.faults import FINAL
from tests.faults.columns import COLUMNS, FIVE, HOUR, HOUR_S, LAG, LAG_S, REFUSED
from tests.faults.services import TARGETS
from tests.faults.target import OPENED, Call, Impatient
from tests.faults.world import START, World, world
from tests.store.fakes import Clock

PATIENCE_S = 5.0
IMPATIENCE_S = 0.025
"""Long for an answer on loopback; one that is late all the same is one fault more."""
MOST_IN_AN_HOUR = 200
"""Requests of one case in an hour in which every one of a kind fails."""
DECOY = "enricher-dddddddddddddddd"
_UNDISTURBED: dict[str, tuple[int, Json]] = {}
"""How much a ticket is told, and its state in the end, where nothing fails: by destination, found once in each process."""


def whole(destination: Destination) -> Destination:
    """A destination with nothing taken away."""
    return destination


@contextmanager
def served(
    destination: str, column: str, url: str, change: Callable[[Destination], Destination] = whole
) -> Iterator[World]:
    """A world with this destination in it, and a stand-in that runs."""
    clock = Clock(START)
    seconds = partial(_seconds, clock)
    target = TARGETS[destination](seconds)
    target.service.start()
    adapter = target.adapter(Impatient(IMPATIENCE_S if COLUMNS[column].waits else PATIENCE_S), seconds)
    try:
        with world(url, target, change(adapter), clock, f"{destination} {column}") as made:
            yield made
    finally:
        target.service.stop()
        adapter.close()


def begin(w: World) -> None:
    """Let there be another case, to which nothing happens: the first of each destination shows what is to come of one."""
    name = w.target.name
    if name in _UNDISTURBED:
        w.step(DECOY, OPENED)
        w.drain()
        return
    w.live(DECOY)
    (ticket,) = w.target.tickets(DECOY)
    _UNDISTURBED[name] = len(w.target.told(ticket)), w.target.state(ticket)


def run(w: World, call: Call, column: str, duration: str) -> None:
    """One cell. Raises AssertionError where the promise is not kept."""
    key = key_of(w.target.name, call.name, column, duration)
    w.live(key, call.step, lambda: suffer(w, call, column, duration))
    judge(w, key, call, column)


def _seconds(clock: Clock) -> float:
    return clock.now.timestamp()


def suffer(w: World, call: Call, column: str, duration: str) -> None:
    """Deliver while the call fails, with a person's help afterwards where that is needed."""
    over = w.now + (HOUR_S if duration == HOUR else 0.0)
    front = w.target.service.front
    front.exchanges.clear()
    if column == REFUSED:
        with away(w, call, duration, over):
            assert not w.finish(over)
        return
    fault = COLUMNS[column].fault(call, duration, w.now)
    w.target.service.fail(*([call.because] if call.because else []), fault)
    w.target.lag(LAG_S if column == LAG else 0.0)
    helped = w.finish(over)
    w.target.service.fail()
    w.target.service.release()
    assert not helped or (fault.kind in FINAL and fault.status != HTTPStatus.UNAUTHORIZED)
    assert fault.kind in {exchange.fault for exchange in front.exchanges}
    assert sum(exchange.at < over for exchange in front.exchanges) <= MOST_IN_AN_HOUR


@contextmanager
def away(w: World, call: Call, duration: str, over: float) -> Iterator[None]:
    """Nobody listens at the service's port: for some attempts, or until the hour is over. Who is to look must be in doubt first."""
    service, attempts = w.target.service, count()
    port = int(service.url.rpartition(":")[2])
    gone = range(1 if call.because else 0, (1 if call.because else 0) + (5 if duration == FIVE else 1))

    def attempt() -> None:
        number = next(attempts)
        is_gone = number >= gone.start and (w.now < over if duration == HOUR else number in gone)
        if is_gone and service.runs:
            service.stop()
            reserved.bind(("127.0.0.1", port))
        elif not is_gone and not service.runs:
            service.start(port)

    if call.because:
        service.fail(call.because)
    with socket.socket() as reserved:  # so that nobody else takes the port meanwhile
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        w.before_attempt = attempt
        yield
    w.before_attempt = lambda: None
    service.fail()


def key_of(*names: str) -> str:
    return f"enricher-{sha256(' '.join(names).encode()).hexdigest()[:16]}"


def judge(w: World, key: str, call: Call, column: str) -> None:
    """What the service holds of the case, beside what it holds of one that nothing ever happened to."""
    tickets = w.target.tickets(key)
    assert len(tickets) == 1
    (ticket,) = tickets
    second = w.target.tickets(ticket_key(key, 2))
    assert len(second) <= (column in call.follows)
    assert [number for one in (ticket, *second) for number in numbers(w, key, one)] == w.to_tell(key)
    if column not in call.believed | call.follows:
        assert (len(w.target.told(ticket)), w.target.state(ticket)) == _UNDISTURBED[w.target.name]


def numbers(w: World, key: str, ticket: Json) -> list[int]:
    """The news that a ticket tells, in the order in which they were told."""
    told, to_tell = w.target.told(ticket), w.to_tell(key)
    return [number for text in told for number in to_tell if f"{key}-{number:02d}" in text]
