"""What the HTTP stand-ins share: one lock, a record of requests, faults, and the pages for a judge and for a person.

`GET /_store` returns everything it holds, `GET /_count` how many writes succeeded by method and path. `POST /_faults` sets the plan, `{"seed": 0, "faults": [{"kind": "drop", "method":
"POST", "path": "*", "calls": [1]}]}` (keys as in `faults.Fault`; an empty list ends it). `POST /_faults/release` lets go
what hangs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from threading import RLock
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from enricher.standins.faults import Fault, FaultPlan, Front
from enricher.standins.server import HttpServer
from enricher.standins.shelf import Json

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY = "stand-in"
"""What every stand-in takes as token or password: it guards nothing."""
GATEWAY = frozenset({502, 503, 504})
DONE = range(200, 300)
Clock = Callable[[], float]
Handler = Callable[..., Response]


class Refusal(Exception):
    """The service says no, or rather something else than usual; carries its whole answer."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status, self.body, self.headers = status, body, headers


def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; an empty one where there is no body."""
    response = Response(b"" if body is None else orjson.dumps(body), status, content_type="application/json;charset=UTF-8")
    response.headers.update(headers or {})
    return response


class Service(ABC):
    """One stand-in over HTTP. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = RLock()
        self.app = Flask("enricher.standins", static_folder=None)
        self.front = Front(self.app, self, clock)
        self._server: HttpServer | None = None
        self.app.register_error_handler(Refusal, lambda no: answer(no.status, no.body, no.headers))
        self.app.register_error_handler(HTTPException, lambda no: self.error(no.code or 500, no.name))
        self.app.add_url_rule("/_store", view_func=self._get_store)
        self.app.add_url_rule("/_count", view_func=self._get_count)
        self.app.add_url_rule("/_faults", view_func=self._post_faults, methods=["POST"])
        self.app.add_url_rule("/_faults/release", view_func=self._post_release, methods=["POST"])

    # --- for whoever runs it ---------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Its address while it runs, without a slash at the end."""
        if self._server is None:
            raise RuntimeError(f"{type(self).__name__} is not running")
        return self._server.url

    @property
    def runs(self) -> bool:
        return self._server is not None

    def start(self, port: int = 0) -> None:
        self._server = HttpServer(self.front, port)

    def stop(self) -> None:
        if self._server:
            self.front.release()
            self._server.close()
            self._server = None

    def fail(self, *faults: Fault, seed: int = 0) -> None:
        """Fail like this from now on; with no faults, work."""
        self.front.plan = FaultPlan(faults, seed)

    def release(self) -> None:
        """Let go what hangs."""
        self.front.release()

    def store(self) -> Json:
        """Everything it holds, and every request with its time and outcome."""
        with self.lock:
            return {**self.holdings(), "requests": [asdict(exchange) for exchange in list(self.front.exchanges)]}

    # --- for the service itself ------------------------------------------------------------------------------------

    @abstractmethod
    def holdings(self) -> Json:
        """Its records, as JSON."""

    @abstractmethod
    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        """Check who asks and how often, before anything else. Raises Refusal."""

    @abstractmethod
    def error(self, status: int, text: str) -> Response:
        """An error in this service's words."""

    @abstractmethod
    def limited(self, retry_after: float) -> Response:
        """429 in this service's words."""

    def broken(self, status: int) -> Response:
        """A failure that the service words itself, or one of the gateway before it."""
        if status not in GATEWAY:
            return self.error(status, HTTPStatus(status).phrase)
        return Response(f"<html><body><h1>{status}</h1><p>gateway</p></body></html>", status, content_type="text/html")

    def deny(self, status: int, field: str) -> Response:
        """400 (because of `field`), 401, 403 or 404 in this service's words."""
        return self.error(
            status,
            f"{HTTPStatus(status).phrase}: {field}" if status == HTTPStatus.BAD_REQUEST else HTTPStatus(status).phrase,
        )

    def says_no(self) -> Response:
        """200 with an error inside."""
        said = self.error(500, "Internal error")
        return Response(said.get_data(), 200, content_type=said.content_type)

    def widen(self, environ: WSGIEnvironment) -> None:
        """Make a question one that more records answer; nothing to do where there is none."""
        del environ

    def spoilt(self, body: bytes) -> bytes:
        """JSON that does not parse."""
        return body[: max(1, len(body) * 2 // 3)]

    def api(self, method: str, rule: str, handler: Handler) -> None:
        """Add a route that asks `admit` first; one request at a time, as if in one transaction."""

        def view(**values: str) -> Response:
            with self.lock:
                self.admit(rule, values)
                return handler(**values)

        self.app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])

    def page(self, rule: str, handler: Callable[..., str]) -> None:
        """Add a page for a person, open to all."""

        def view(**values: str) -> str:
            with self.lock:
                return handler(**values)

        self.app.add_url_rule(rule, f"page {rule}", view)

    def body(self) -> Json:
        """The request's JSON object. Raises Refusal."""
        try:
            document = orjson.loads(request.get_data())
        except orjson.JSONDecodeError as unreadable:
            raise self._unreadable(str(unreadable)) from unreadable
        if not isinstance(document, dict):
            raise self._unreadable("not an object")
        return document

    def _unreadable(self, why: str) -> Refusal:
        said = self.error(400, f"Invalid request payload: {why}")
        return Refusal(400, orjson.loads(said.get_data()))

    def _get_store(self) -> Response:
        return answer(200, self.store())

    def _get_count(self) -> Response:
        with self.lock:
            done = Counter(f"{e.method} {e.path}" for e in self.front.exchanges if e.method != "GET" and e.status in DONE)
        return answer(200, dict(done))

    def _post_faults(self) -> Response:
        try:
            plan = orjson.loads(request.get_data())
            self.fail(*_faults(plan.get("faults", [])), seed=int(plan.get("seed", 0)))
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            return answer(400, {"error": f"not a plan: {wrong}"})
        return answer(200, {"faults": len(self.front.plan.faults)})

    def _post_release(self) -> Response:
        self.release()
        return answer(204)


def _faults(documents: Iterable[Json]) -> list[Fault]:
    return [Fault.from_json(document) for document in documents]
