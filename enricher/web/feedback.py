"""`POST /webhooks/jira` and `/webhooks/servicenow`: what people say of a case in its ticket. Marks the case, and does no more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from math import ceil

from flask import Flask, Response, request

from enricher.core.feedback import READERS, TicketWord
from enricher.core.json_text import loads
from enricher.errors import PayloadError, StoreUnavailable
from enricher.web.access import Gate, is_foreign
from enricher.web.answers import Refusal, json_answer
from enricher.web.bodies import read_body
from enricher.web.rate import Rate
from enricher.web.services import Services, TicketSource

SIGNATURE = "HTTP_X_HUB_SIGNATURE"
_METHOD = "sha256="


def add_feedback(app: Flask, services: Services) -> None:
    """Route both; one without a secret answers 404."""
    sources = {source.name: source for source in services.settings.ticket_sources}
    for name in READERS:
        receive = _Receiver(services, sources[name]).receive if name in sources else _not_there
        view = partial(_counted, services, name, receive)
        app.add_url_rule(f"/webhooks/{name}", f"{name}_webhook", view, methods=["POST"])


def _not_there() -> tuple[str, Response]:
    raise Refusal(404, "not_found", "No secret is set for this webhook.")


def _counted(services: Services, name: str, receive: Callable[[], tuple[str, Response]]) -> Response:
    """Count the word that was answered, also when it was a refusal."""
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
        services.count(name, word)
    return answer


class _Receiver:
    """The way of one word from a ticket to its case."""

    def __init__(self, services: Services, source: TicketSource) -> None:
        self._services, self._source = services, source
        self._gate = Gate([(source.name, source.secret)], loopback=False)
        self._rate = Rate(services.settings.rate_per_minute, services.monotonic)

    def receive(self) -> tuple[str, Response]:
        """Who, how often, what; the word counted, and the answer."""
        body = self._body()
        try:
            word = READERS[self._source.name](loads(body), self._source.words)
        except PayloadError as error:
            raise Refusal(400, error.code, error.detail) from error
        return self._kept(word) if word is not None else _ignored("nothing_said")

    def _body(self) -> bytes:
        """The body of a sender who proved to know the secret: a stranger's is read only to check the signature it claims."""
        environ, limit = request.environ, self._services.settings.max_body
        signed = str(environ.get(SIGNATURE, "")).strip()
        known = not is_foreign(environ) and self._gate.admit(environ) is not None
        if is_foreign(environ) or not (known or signed.startswith(_METHOD)):
            raise _unauthorized()
        body = None if known else read_body(environ, limit)
        if body is not None and not self._is_signed(body, signed):
            raise _unauthorized()
        if wait := self._rate.wait(self._source.name):
            raise Refusal(429, "too_many_requests", "More than the set rate.", Retry_After=str(ceil(wait)))
        return read_body(environ, limit) if body is None else body

    def _is_signed(self, body: bytes, signed: str) -> bool:
        """Jira Cloud and Data Center sign the body with the webhook's secret, as WebSub does."""
        expected = hmac_digest(self._source.secret.encode(), body, sha256).hex()
        return compare_digest(expected.encode(), signed.removeprefix(_METHOD).lower().encode("latin-1", "replace"))

    def _kept(self, word: TicketWord) -> tuple[str, Response]:
        name = self._source.name
        key = self._services.reader.case_of_ticket(name, word.tickets, word.keys)
        if key is None:
            return _ignored("unknown_case")
        new = self._services.operator.note_feedback(key, word.said, word.by, name, word.note, at=word.at)
        status = "marked" if new else "unchanged"
        return status, json_answer({"status": status, "case": key}, 202)


def _ignored(reason: str) -> tuple[str, Response]:
    """202 all the same: sending it again would not help, and a webhook that fails is switched off."""
    return reason, json_answer({"status": "ignored", "reason": reason}, 202)


def _unauthorized() -> Refusal:
    return Refusal(401, "unauthorized", "A valid token or signature is needed.", WWW_Authenticate='Bearer realm="Enricher"')
