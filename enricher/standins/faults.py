"""Faults on purpose: which request fails how, decided by count or by seed, and the record of what became of each request.

A fault says whether the service *commits* before it goes wrong. That is the whole difference between a request that may be
sent again and one that must be looked up first.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

RECORDED = 20_000
"""How many requests a stand-in remembers."""
ELSEWHERE = "https://login.example.com/"
PAGE = "<!doctype html><html><head><title>One moment</title></head><body><h1>Your instance is waking up</h1></body></html>"


class FaultKind(StrEnum):
    """How a request fails; in brackets whether it commits first, unless the fault says otherwise."""

    REFUSE = "refuse"
    """The connection ends without an answer (no)."""
    DROP = "drop"
    """The connection ends without an answer (yes)."""
    RESET = "reset"
    """The connection is reset, as by a machine that has lost it (no)."""
    HANG = "hang"
    """No answer until released or until `seconds` have passed, then the connection ends (yes)."""
    ERROR = "error"
    """`status` instead of the answer: 500, 502, 503, also 409; with `retry_after` where that was given (yes)."""
    DENY = "deny"
    """`status` 400, 401, 403 or 404 as the service words it, a 400 because of `field` (no)."""
    SAYS_NO = "says_no"
    """200, and an error inside (no)."""
    REDIRECT = "redirect"
    """302 to another host (no)."""
    UNRELATED = "unrelated"
    """The answer to a wider question than was asked: records that have nothing to do with it (yes)."""
    LIMIT = "limit"
    """429 with `retry_after`, worded as the service words it (no)."""
    TRICKLE = "trickle"
    """The right answer, spread over `seconds` (yes)."""
    TRUNCATE = "truncate"
    """The answer's status, but its JSON is cut or spoilt (yes)."""
    HTML = "html"
    """200 and a web page (no)."""


NEED_AN_ANSWER = frozenset({FaultKind.TRICKLE, FaultKind.TRUNCATE, FaultKind.UNRELATED})
COMMITS = NEED_AN_ANSWER | {FaultKind.DROP, FaultKind.HANG, FaultKind.ERROR}
FINAL = frozenset({FaultKind.DENY, FaultKind.REDIRECT})
"""After these nobody tries again by himself."""
PASSING = tuple(kind for kind in FaultKind if kind not in FINAL | {FaultKind.SAYS_NO, FaultKind.UNRELATED})
DROPS = 64
"""How many pieces a trickle has at most: byte by byte, a long answer would cost more than all it is to slow down."""
WRITES = ("POST", "PUT", "PATCH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail. `method` and `path` are globs; `calls` are the matching calls that fail, counted from 1.

    Without `calls` every matching call fails with probability `rate`. `commits` overrides what the kind says. Once the service's
    clock shows `until` (seconds since the epoch), nothing fails any more.
    """

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    calls: tuple[int, ...] = ()
    rate: float = 1.0
    status: int = 500
    retry_after: float | None = None
    field: str = "summary"
    seconds: float = 30.0
    until: float | None = None
    commits: bool | None = None

    def __post_init__(self) -> None:
        if self.kind in NEED_AN_ANSWER and self.commits is False:
            raise ValueError(f"{self.kind} spoils the service's answer, so the service must have given one")

    @property
    def reaches(self) -> bool:
        """Whether the service acts on the request."""
        return self.kind in COMMITS if self.commits is None else self.commits

    def matches(self, method: str, path: str) -> bool:
        return fnmatchcase(method, self.method) and fnmatchcase(path, self.path)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Fault:
        """Raises KeyError, TypeError or ValueError where it is not one."""
        known = dict(document, kind=FaultKind(document["kind"]))
        if "calls" in known:
            known["calls"] = tuple(int(call) for call in known["calls"])
        return cls(**known)


def random_faults(rate: float, kinds: Iterable[FaultKind] = PASSING, methods: Sequence[str] = WRITES) -> list[Fault]:
    """Faults that together hit each write with probability `rate`, each kind about as often."""
    wanted = list(kinds)
    left = 1.0
    faults: list[Fault] = []
    for kind in wanted:
        share = rate / len(wanted)
        faults += [Fault(kind=kind, method=method, rate=share / left, seconds=2.0) for method in methods]
        left -= share
    return faults


class FaultPlan:
    """Decides, request by request. The same seed and the same order of requests give the same faults."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self.faults = tuple(faults)
        self.seed = seed
        self._calls: Counter[int] = Counter()
        self._guard = Lock()

    def next(self, method: str, path: str, now: float = 0.0) -> Fault | None:
        """The fault of this request: that of the first entry that matches and is due."""
        if not self.faults:
            return None
        with self._guard:
            return next((fault for n, fault in enumerate(self.faults) if self._due(n, fault, method, path, now)), None)

    def _due(self, n: int, fault: Fault, method: str, path: str, now: float) -> bool:
        if not fault.matches(method, path) or (fault.until is not None and now >= fault.until):
            return False
        self._calls[n] += 1
        if fault.calls:
            return self._calls[n] in fault.calls
        return fault.rate >= 1 or Random(f"{self.seed}/{n}/{self._calls[n]}").random() < fault.rate


class Face(Protocol):
    """How one service words what any service may answer."""

    def limited(self, retry_after: float) -> Response: ...

    def broken(self, status: int) -> Response: ...

    def deny(self, status: int, field: str) -> Response: ...

    def says_no(self) -> Response: ...

    def widen(self, environ: WSGIEnvironment) -> None: ...

    def spoilt(self, body: bytes) -> bytes: ...


@dataclass(slots=True)
class Exchange:
    """One request as it went. `answer` is what the service said, `status` what the client got; None: nothing."""

    at: float
    method: str
    path: str
    fault: FaultKind | None = None
    answer: int | None = None
    status: int | None = None


@dataclass(slots=True)
class Front:
    """Stands before a service's application, applies the plan and keeps the record. Paths that begin `/_` pass by it."""

    app: WSGIApplication
    face: Face
    clock: Callable[[], float]
    plan: FaultPlan = field(default_factory=FaultPlan)
    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=RECORDED))
    _gate: Event = field(default_factory=Event)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path.startswith("/_"):
            return self.app(environ, start_response)
        exchange = Exchange(self.clock(), method, path)
        self.exchanges.append(exchange)
        response = self._answer(self.plan.next(method, path, self.clock()), environ, exchange)
        exchange.status = response.status_code
        return response(environ, start_response)

    def release(self) -> None:
        """Let every request that hangs or trickles now go on."""
        gate, self._gate = self._gate, Event()
        gate.set()

    def _answer(self, fault: Fault | None, environ: WSGIEnvironment, exchange: Exchange) -> Response:
        answer = None
        if fault is not None and fault.kind is FaultKind.UNRELATED:
            self.face.widen(environ)
        if fault is None or fault.reaches:
            answer = Response.from_app(self.app, environ, buffered=True)
            exchange.answer = answer.status_code
        if fault is not None:
            exchange.fault = fault.kind
            answer = self._fail(fault, answer)
        if answer is None:
            raise ConnectionResetError if exchange.fault is FaultKind.RESET else ConnectionAbortedError
        return answer

    def _fail(self, fault: Fault, answer: Response | None) -> Response | None:
        """What the client gets instead of `answer`; None: the connection ends."""
        match fault.kind:
            case FaultKind.HANG:
                self._gate.wait(fault.seconds)
            case FaultKind.TRUNCATE if answer is not None:
                answer.set_data(self.face.spoilt(answer.get_data()))
                return answer
            case FaultKind.TRICKLE if answer is not None:
                return self._slowly(answer, fault.seconds)
            case FaultKind.UNRELATED:
                return answer
            case _:
                return self._instead(fault)
        return None

    def _instead(self, fault: Fault) -> Response | None:
        """What is said in place of an answer."""
        match fault.kind:
            case FaultKind.ERROR:
                broken = self.face.broken(fault.status)
                if fault.retry_after is not None:
                    broken.headers["Retry-After"] = str(round(fault.retry_after))
                return broken
            case FaultKind.DENY:
                return self.face.deny(fault.status, fault.field)
            case FaultKind.SAYS_NO:
                return self.face.says_no()
            case FaultKind.LIMIT:
                return self.face.limited(1.0 if fault.retry_after is None else fault.retry_after)
            case FaultKind.REDIRECT:
                return Response(b"", 302, {"Location": ELSEWHERE})
            case FaultKind.HTML:
                return Response(PAGE, 200, content_type="text/html;charset=UTF-8")
        return None

    def _slowly(self, answer: Response, seconds: float) -> Response:
        body, gate = answer.get_data(), self._gate
        slow = Response(_drops(body, seconds, gate), answer.status_code, answer.headers)
        slow.headers["Content-Length"] = str(len(body))
        return slow


def _drops(body: bytes, seconds: float, gate: Event) -> Iterator[bytes]:
    """The body in `DROPS` pieces over `seconds`, at once from when the gate opens."""
    ends_at = monotonic() + seconds
    size = max(1, -(-len(body) // DROPS))
    for start in range(0, len(body), size):
        gate.wait(max(0.0, ends_at - monotonic()) * size / (len(body) - start))
        yield body[start : start + size]
