"""Checks the signature and the time of each message by Standard Webhooks, and keeps one message of each id."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from math import ceil
from time import time

from flask import Response, request

from enricher.standins.service import Clock, Refusal, Service, answer
from enricher.standins.shelf import Json

SECRET = "whsec_" + b64encode(b"stand-in stand-in stand-in").decode()
TOLERANCE_S = 300.0
LARGEST = 20 * 1024


class Receiver(Service):
    """Takes `POST /hook`. `gone`: it wants no more, and says 410."""

    def __init__(self, *, secret: str = SECRET, clock: Clock = time) -> None:
        super().__init__(clock)
        self.secret, self.gone = secret, False
        self.messages: dict[str, Json] = {}
        self.repeats = 0
        self.api("POST", "/hook", self._receive)

    def holdings(self) -> Json:
        return {"messages": list(self.messages.values()), "repeats": self.repeats}

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        """Raises Refusal for a message that is not signed with our secret, or not now."""
        del rule, values
        if self.gone:
            raise Refusal(410, {"error": "this endpoint is disabled"})
        sent = request.headers
        event, at, signatures = (sent.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        if not event or not at.isdecimal() or abs(self.clock() - int(at)) > TOLERANCE_S:
            raise Refusal(400, {"error": "webhook-id or webhook-timestamp is missing or too old"})
        key = b64decode(self.secret.removeprefix("whsec_"))
        made = hmac.digest(key, f"{event}.{at}.".encode() + request.get_data(), sha256)
        wanted = f"v1,{b64encode(made).decode()}"
        if not any(hmac.compare_digest(wanted, one) for one in signatures.split()):
            raise Refusal(401, {"error": "no signature of ours"})
        if len(request.get_data()) > LARGEST:
            raise Refusal(413, {"error": "more than 20 KB"})

    def error(self, status: int, text: str) -> Response:
        return answer(status, {"error": text or HTTPStatus(status).phrase})

    def limited(self, retry_after: float) -> Response:
        return answer(429, {"error": "too many"}, {"Retry-After": str(max(1, ceil(retry_after)))})

    def _receive(self) -> Response:
        event = request.headers["webhook-id"]
        if event in self.messages:
            self.repeats += 1
        else:
            self.messages[event] = self.body()
        return Response(b"", HTTPStatus.NO_CONTENT)
