"""`POST /webhooks/sumo`: check the sender, store the bytes, answer. Everything else happens later, in a worker."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from math import ceil

from flask import Flask, Response, request

from enricher.errors import PayloadError, StoreUnavailable
from enricher.ports import Submission
from enricher.web.access import Gate, is_foreign
from enricher.web.answers import Refusal, json_answer
from enricher.web.bodies import UndecodableBody, read_body
from enricher.web.rate import Rate
from enricher.web.services import Services

UNREADABLE = "unreadable"
COME_AGAIN_S = 10
"""When a sender that was turned away by backpressure may come again."""
_BUSY = {
    "inbox": "Too many alerts wait to be investigated; nothing was stored.",
    "disk": "The disk of the database is nearly full; nothing was stored.",
}


def add_webhook(app: Flask, services: Services) -> None:
    """Route Sumo's webhook."""
    app.add_url_rule("/webhooks/sumo", "sumo_webhook", _counted(services, _Intake(services).receive), methods=["POST"])


def _counted(services: Services, receive: Callable[[], tuple[str, Response]]) -> Callable[[], Response]:
    """`receive` as a view that counts the word it answered with, also when that was a refusal."""

    def view() -> Response:
        word = "internal"
        try:
            word, answer = receive()
        except Refusal as refusal:
            word = refusal.error
            raise
        except StoreUnavailable:
            word = "unavailable"
            raise
        finally:
            services.count("webhook", word)
        return answer

    return view


class _Intake:
    """The way of one body into the inbox."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._services = services
        self._gate = Gate(settings.webhook_tokens, loopback=settings.trust_loopback and not settings.webhook_tokens)
        self._rate = Rate(settings.rate_per_minute, services.monotonic)
        self._limit = settings.max_body

    def receive(self) -> tuple[str, Response]:
        """Who, how often, is there room, what; in this order, so that a stranger's body is never read."""
        environ = request.environ
        source = None if is_foreign(environ) else self._gate.admit(environ)
        if source is None:
            raise Refusal(401, "unauthorized", "A valid token is needed.", WWW_Authenticate='Bearer realm="Enricher"')
        if wait := self._rate.wait(source):
            raise Refusal(429, "too_many_requests", "More than the set rate.", Retry_After=str(ceil(wait)))
        if mark := self._services.pressure.mark():
            raise Refusal(503, "busy", _BUSY[mark], Retry_After=str(COME_AGAIN_S))
        try:
            body = read_body(environ, self._limit)
        except UndecodableBody as error:
            raise self._kept(error.raw, source, error) from error
        try:
            submission = self._services.submission(body, source)
        except PayloadError as error:
            raise self._kept(body, source, error) from error
        if submission is None:
            return "test", json_answer({"status": "test"})
        return self._stored(submission)

    def _stored(self, submission: Submission) -> tuple[str, Response]:
        receipt = self._services.inbox.accept(submission)
        word, status = ("duplicate", 200) if receipt.duplicate else ("accepted", 202)
        if not receipt.duplicate:
            self._services.pressure.accepted()
        return word, json_answer({"status": word, "alert_id": receipt.alert_id}, status)

    def _kept(self, body: bytes, source: str, error: PayloadError) -> Refusal:
        """Store what cannot be read as a dead letter; the sender hears 400, because sending it again will not help."""
        dead = Submission(
            body=body,
            source=source,
            kind=UNREADABLE,
            identity=f"{UNREADABLE}:{sha256(body).hexdigest()}",
            row_digests=frozenset(),
            dead_reason=str(error),
        )
        self._services.inbox.accept(dead)
        return Refusal(400, error.code, error.detail)
