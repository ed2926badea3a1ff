"""A storm: many senders that insist, a service that is killed under them, and the reckoning afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Self

import httpx2

from enricher.core.document import Json
from tests.e2e import alerts
from tests.e2e.harness import LOOK_EVERY_S, PATIENCE_S, Service, until

SLOW = {"kind": "trickle", "method": "POST", "seconds": 0.2}
"""A far-away destination: it has acted on a request for a while before its answer is here. That is when a kill hurts."""
OPEN = ("pending", "sending", "unknown")


class Senders:
    """Threads that send alerts of hosts h0, h1, … until told to finish, each again and again until it has been taken.

    Every third alert is followed by its recovery, every fifth by news of a second process. `pause_s` is between two alerts.
    """

    def __init__(self, url: str, *, threads: int = 4, pause_s: float = 0.0) -> None:
        self.accepted: dict[str, str] = {}
        """Alert id by what was sent."""
        self._url, self._pause_s = url, pause_s
        self._numbers = count()
        self._stop, self._given_up = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._send_all, name=f"sender-{n}") for n in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give up what has not been taken yet."""
        self._given_up.set()
        self.finish()

    def finish(self) -> None:
        """Begin no more, and insist on those begun."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send_all(self) -> None:
        with httpx2.Client(base_url=self._url, timeout=PATIENCE_S) as client:
            while not self._stop.is_set():
                number = next(self._numbers)
                for what, body in _messages(number):
                    self._insist(client, what, body)
                self._stop.wait(self._pause_s)

    def _insist(self, client: httpx2.Client, what: str, body: bytes) -> None:
        while not self._given_up.is_set():
            try:
                answer = client.post("/webhooks/sumo", content=body, headers={"Content-Type": "application/json"})
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code in {httpx2.codes.OK, httpx2.codes.ACCEPTED}:
                self.accepted[what] = answer.json()["alert_id"]
                return
            self._given_up.wait(LOOK_EVERY_S)


def _messages(number: int) -> Iterator[tuple[str, bytes]]:
    name = f"h{number}"
    yield name, alerts.trigger(name)
    if number % 5 == 0:
        yield (
            f"{name} again",
            alerts.trigger(name, [alerts.query(name, image=alerts.POWERSHELL.replace("v1.0", "v2"), guid=2)]),
        )
    if number % 3 == 0:
        yield f"{name} recovers", alerts.recovery(name)


def rage(
    service: Service, *, kills: int, chance: Random, deliveries: tuple[int, int], after_each: Callable[[], object]
) -> None:
    """Kill the service so many times in mid-load, each time after a few deliveries, and start it again; it is up afterwards."""
    for _ in range(kills):
        service.start()
        service.program.await_logged("case_delivered", more=chance.randint(*deliveries))
        service.kill()
        after_each()
    service.start()
    service.await_ready()


def settle(service: Service, senders: Senders, timeout_s: float = PATIENCE_S) -> list[Json]:
    """Wait until nothing is left to do; every case."""
    for alert_id in senders.accepted.values():
        service.settled(alert_id, timeout_s)
    try:
        until(lambda: not any(_waiting(service)), "the end of all deliveries", timeout_s)
    except TimeoutError as late:
        late.add_note("\n".join(map(str, _waiting(service))))
        raise
    return service.listed("cases", "cases")


def _waiting(service: Service) -> Iterator[Json]:
    for state in OPEN:
        yield from service.get("deliveries", state=state, limit="10")["deliveries"]


def lost(service: Service, senders: Senders) -> list[str]:
    """What was taken, and is in no case."""
    return [what for what, alert_id in senders.accepted.items() if not service.get(f"alerts/{alert_id}")["cases"]]
