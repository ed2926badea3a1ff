"""Canaries on their way out: a marked alert, sent to the service's own webhook."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import httpx2
import orjson

from enricher.core.canary import SOURCE, WEBHOOK, Canary, Proof, alert_of
from enricher.destinations.http import Service
from enricher.errors import DeliveryError, Reason
from enricher.ports import Canaries, Inbox
from enricher.settings import Settings
from enricher.wiring.flow import submission

READ_S = 10.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound to


class Sender:
    """Sends canaries to `url`, the address under which this service takes webhooks; by default its own."""

    def __init__(
        self, settings: Settings, canaries: Canaries, url: str | None = None, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._canaries = canaries
        given = url or settings.canary_url
        tokens = [token.secret.get_secret_value() for token in settings.webhook_tokens]
        self._service = Service(
            WEBHOOK,
            (given or own_address(settings)).removesuffix("/webhooks/sumo"),
            read_s=READ_S,
            secrets=tokens,
            headers={"Authorization": f"Bearer {tokens[0]}"} if tokens else {},
            # A transport of one's own: a proxy that the environment names is no way to this machine.
            transport=transport or (None if given else httpx2.HTTPTransport()),
        )

    def send(self) -> str:
        """Send one; its id. How that went is the proof named `webhook`. Raises StoreUnavailable."""
        canary = self._canaries.sent()
        try:
            answer = self._service.call("POST", "/webhooks/sumo", json=alert_of(canary))
            if self._service.word(answer.data, "status") not in {"accepted", "duplicate"}:
                raise self._service.error(Reason.NOT_JSON, "it was not taken for a canary")
        except DeliveryError as error:
            self._canaries.noted(canary, WEBHOOK, Proof.FAILED, f"{error.reason.value}: {error.detail}")
        else:
            self._canaries.noted(canary, WEBHOOK, Proof.PROVED, "")
        return canary

    def close(self) -> None:
        self._service.close()


def send_past_the_webhook(canaries: Canaries, inbox: Inbox) -> str:
    """Put one straight into the inbox; its id."""
    canary = canaries.sent()
    found = submission(orjson.dumps(alert_of(canary)), SOURCE)
    if found is not None:
        inbox.accept(found)
    return canary


def own_address(settings: Settings) -> str:
    """Where the web half of this machine listens."""
    host = _ANYWHERE.get(settings.bind.host, settings.bind.host)
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{bracketed}:{settings.bind.port}"


def await_canary(
    canaries: Canaries, canary: str, names: set[str], timeout_s: float, pause: Callable[[], object]
) -> Canary | None:
    """Look until every one of `names` has a proof, the webhook has refused it, or the time is over; how it stands then."""
    ends_at = monotonic() + timeout_s
    while True:
        found = canaries.get(canary)
        if found is None or (found.settled_at is not None and names <= found.proofs.keys()):
            return found
        if monotonic() >= ends_at or (WEBHOOK in found.proofs and found.proofs[WEBHOOK].state is Proof.FAILED):
            return found
        pause()
