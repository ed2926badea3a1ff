"""Cases back into Sumo Logic: an HTTP Source, told every state of a case as one line of JSON, many cases in one call.

The token in the address is the secret. What is sent twice is one to every search that takes the newest line of a case, so that a call
in doubt is simply sent again. Source: Sumo Logic's documentation, "HTTP Logs and Metrics Source".
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx2

from enricher.core.document import News
from enricher.core.kit.searches import CATEGORY, FIELDS
from enricher.destinations.http import Service
from enricher.destinations.sumo_event import line, lines
from enricher.errors import ConfigurationError, DeliveryError, Reason
from enricher.ports import Delivery, Ticket

MOST_BYTES = 1_000_000
"""Of one call, before it is packed."""
_FOR_ALL = frozenset({Reason.FORBIDDEN, Reason.NOT_FOUND})
"""What is said of the address and not of a case."""


def checked_url(where: str, url: str) -> str:
    """The address of an HTTP Source. Raises ConfigurationError, which does not repeat it."""
    parts = urlsplit(url)
    token = parts.path.rstrip("/").rpartition("/")[2]
    if parts.scheme not in {"http", "https"} or not parts.hostname or not token or parts.username or not url.isprintable():
        raise ConfigurationError([f"{where}: the address must read https://host/receiver/v1/http/TOKEN"])
    return url


class SumoSource:
    """The ports `Destination` and `Batches` for one HTTP Source. `fields`: the header that Sumo Logic keeps as fields is sent."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "sumo",
        category: str = CATEGORY,
        source_name: str | None = None,
        host: str | None = None,
        fields: bool = False,
        base_url: str | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.name, self._fields, self._base_url = name, fields, base_url
        self._headers = {"X-Sumo-Category": category}
        self._headers |= {"X-Sumo-Name": source_name} if source_name else {}
        self._headers |= {"X-Sumo-Host": host} if host else {}
        path = urlsplit(url).path
        secrets = [url, path, path.rstrip("/").rpartition("/")[2]]
        self._service = Service(name, checked_url(name, url), read_s=35.0, secrets=secrets, transport=transport)

    def close(self) -> None:
        self._service.close()

    def find(self, delivery: Delivery) -> Ticket | None:
        """Never anything: a source cannot be asked, and the same line may come again."""
        del delivery
        return None

    def create(self, delivery: Delivery) -> Ticket:
        return self.send_together([delivery])[0]

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        del ticket
        self._post([line(delivery, news, self._base_url)], delivery.case["severity"])

    def check(self) -> Sequence[str]:
        """Whether the token is known: an empty call is no message."""
        self._post([], None)
        return ("warning: only a search can show whether cases arrive: a source over its budget takes them and drops them",)

    def units(self, deliveries: Sequence[Delivery]) -> Sequence[Sequence[Delivery]]:
        """As many as go into one call; where the header is sent, those of one severity."""
        units: list[list[Delivery]] = []
        open_units: dict[str, tuple[list[Delivery], int]] = {}
        for delivery in deliveries:
            alike = delivery.case["severity"] if self._fields else ""
            size = sum(len(one) + 1 for one in lines(delivery, self._base_url))
            unit, held = open_units.get(alike, ([], MOST_BYTES))
            if held + size > MOST_BYTES:
                unit, held = [], 0
                units.append(unit)
            unit.append(delivery)
            open_units[alike] = unit, held + size
        return units

    def send_together(self, deliveries: Sequence[Delivery]) -> Sequence[Ticket]:
        found = [one for delivery in deliveries for one in lines(delivery, self._base_url)]
        if found:
            self._post(found, deliveries[0].case["severity"])
        return [_ticket(delivery) for delivery in deliveries]

    def _post(self, found: Sequence[bytes], severity: str | None) -> None:
        body = gzip.compress(b"".join(one + b"\n" for one in found), mtime=0)
        headers = {**self._headers, "Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
        if self._fields and severity:
            headers["X-Sumo-Fields"] = ",".join(
                f"{name}={value}" for name, value in zip(FIELDS, ("1", severity), strict=True)
            )
        try:
            self._service.call("POST", "", raw=body, headers=headers, lenient=True)
        except DeliveryError as error:
            if error.reason not in _FOR_ALL:
                raise
            raise self._service.error(Reason.AUTH, error.detail, retry_after=error.retry_after) from None


def _ticket(delivery: Delivery) -> Ticket:
    key = delivery.case["key"]
    return Ticket(external_id=key, label=f"event {key}")
