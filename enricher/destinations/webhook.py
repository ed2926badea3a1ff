"""A webhook of our own, by Standard Webhooks: whoever receives it checks the signature and keeps one message of each id.

The id is the event's, the same however often it is sent, so that a call in doubt is simply sent again.
Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

from __future__ import annotations

import binascii
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256

import httpx2
import orjson

from enricher.core.document import News
from enricher.destinations.http import Service
from enricher.destinations.machine import UNTOLD, message
from enricher.errors import ConfigurationError, DeliveryError, Outcome, Reason
from enricher.ports import Delivery, Ticket

MOST_BYTES = 20_000
_LENGTHS = range(24, 65)
"""Bytes that a secret may have."""


def signing_key(name: str, secret: str) -> bytes:
    """The bytes of a secret written `whsec_…`. Raises ConfigurationError."""
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in _LENGTHS:
        raise ConfigurationError([f"{name}: a secret is whsec_ and base64 of {_LENGTHS[0]} to {_LENGTHS[-1]} bytes"])
    return key


def signature(keys: Sequence[bytes], event: str, at: int, body: bytes) -> str:
    """`v1,…` for each key; `at` is in Unix seconds."""
    signed = b"%s.%d.%s" % (event.encode(), at, body)
    return " ".join(f"v1,{b64encode(hmac.digest(key, signed, sha256)).decode()}" for key in keys)


class Webhook:
    """The port `Destination` for one receiver. With several secrets each message carries a signature by each."""

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        name: str = "webhook",
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self._clock = name, clock
        self._keys = [signing_key(name, secret) for secret in secrets]
        self._service = Service(name, url, read_s=20.0, secrets=secrets, transport=transport)

    def close(self) -> None:
        self._service.close()

    def find(self, delivery: Delivery) -> Ticket | None:
        """Never anything: a receiver cannot be asked, and a message in doubt may be sent again under its id."""
        del delivery
        return None

    def create(self, delivery: Delivery) -> Ticket:
        self._send(delivery, None)
        key = delivery.case["key"]
        return Ticket(external_id=key, label=f"message {key}")

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        del ticket
        if news["kind"] not in UNTOLD:
            self._send(delivery, news)

    def check(self) -> Sequence[str]:
        """Whether anything answers there: a message that is no news would be none of the receiver's business."""
        try:
            self._service.call("HEAD", "", lenient=True)
        except DeliveryError as error:
            if error.outcome is not Outcome.REJECTED or error.reason is Reason.CONFIGURATION:
                raise
        return ("warning: only a case can show whether the receiver takes our signature",)

    def _send(self, delivery: Delivery, news: News | None) -> None:
        content = message(delivery, news, most=MOST_BYTES)
        body, event, at = orjson.dumps(content), content["event"], int(self._clock())
        signed = {
            "webhook-id": event,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(self._keys, event, at, body),
        }
        self._service.call("POST", "", raw=body, headers=signed, lenient=True)
