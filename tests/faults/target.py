"""What a service of the fault matrix is: a stand-in, the adapter that talks to it, each call that a delivery makes, and what of a
case the service holds in the end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2

from enricher.core.document import Json
from enricher.ports import Destination
from enricher.standins import Fault, FaultKind
from enricher.standins.service import Clock, Service
from tests.standins.standin_client import NO_CERTIFICATES

BASE = "https://enricher.corp.example"
OPENED, RAISED, RECOVERED, REOPENED = STEPS = ("opened", "raised", "recovered", "reopened")
BELIEVED = frozenset({"403", "400 on one field"})
LOST = FaultKind.DROP
"""The answer is lost: what puts a delivery in doubt, so that it looks."""


class Impatient(httpx2.HTTPTransport):
    """Real sockets, but nobody waits longer than `read_s` for an answer."""

    def __init__(self, read_s: float) -> None:
        super().__init__(verify=NO_CERTIFICATES)
        self._read_s = read_s

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions["timeout"]["read"] = self._read_s
        return super().handle_request(request)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a delivery: in which step of the case it is made, and for a look-up what makes it necessary."""

    name: str
    step: str
    method: str
    path: str
    because: Fault | None = None
    skip: int = 0
    """How many calls of that method and path come before it in its step."""
    believed: frozenset[str] = frozenset()
    follows: frozenset[str] = frozenset()
    """The columns in which a ticket that cannot be opened again may be followed by a new one."""
    """The columns in which its refusal is believed: the ticket is told the news all the same, and keeps the state that it had."""

    @property
    def looks(self) -> bool:
        """Whether it only reads: then nothing is committed, before or after."""
        return self.method == "GET" or self.path.endswith(("search/jql", "history", "replies", "auth.test"))


class Target(ABC):
    """One destination of the matrix, with a stand-in of its own."""

    name: ClassVar[str]
    calls: ClassVar[tuple[Call, ...]]
    tells: ClassVar[frozenset[str]] = frozenset({"severity", "evidence", "recovery", "reopened"})
    """The kinds of news that it is told one by one."""

    def __init__(self, clock: Clock) -> None:
        self.service: Service = self.make(clock)

    @abstractmethod
    def make(self, clock: Clock) -> Any:
        """The stand-in."""

    @abstractmethod
    def adapter(self, transport: httpx2.BaseTransport, clock: Clock) -> Destination: ...

    def more(self, key: str) -> Json:
        """What the case's document holds besides, where the service is only told of such."""
        del key
        return {}

    def lag(self, seconds: float) -> None:
        """How far the service's search is behind, where it can be."""
        del seconds

    @abstractmethod
    def tickets(self, key: str) -> list[Json]:
        """What the service holds of a case."""

    @abstractmethod
    def told(self, ticket: Json) -> list[str]:
        """The comments, notes or replies of a ticket, in the order in which they came."""

    @abstractmethod
    def state(self, ticket: Json) -> Json:
        """What must be the same in the end, whatever has happened."""


def lost(path: str) -> Fault:
    """What loses the answer to the first POST there."""
    return Fault(kind=LOST, method="POST", path=path, calls=(1,))
