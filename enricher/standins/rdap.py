"""A stand-in for an RDAP server: whose network an address is in, and whom to tell about abuse.

How it fails is a matter of faults: `Fault(kind=FaultKind.LIMIT, path="/ip/203.0.113.9")`, `FaultKind.HANG`, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import time
from typing import Any

from flask import Response, request

from enricher.standins.service import Clock, Service, answer
from enricher.standins.shelf import Json

RDAP_JSON = "application/rdap+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One registration."""

    prefix: str
    handle: str
    name: str
    holder: str
    abuse: str | None = None
    country: str = "US"


class Rdap(Service):
    """Answers `GET /ip/{address}` with the narrowest network that holds the address, 404 where none does."""

    def __init__(self, networks: Iterable[Network] = (), *, clock: Clock = time) -> None:
        super().__init__(clock)
        self._networks = [(ip_network(one.prefix), one) for one in networks]
        self.app.add_url_rule("/ip/<path:address>", "ip", self._ip)

    def holdings(self) -> Json:
        return {"networks": [network.handle for _, network in self._networks]}

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        """Open to all."""

    def error(self, status: int, text: str) -> Response:
        return _rdap(status, {"errorCode": status, "title": text, "description": [text]})

    def limited(self, retry_after: float) -> Response:
        response = self.error(429, "Too many requests")
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response

    def _ip(self, address: str) -> Response:
        try:
            wanted = ip_address(address.partition("/")[0])
        except ValueError:
            return self.error(400, "Bad request")
        network = self._narrowest(wanted)
        if network is None:
            return self.error(404, "Not found")
        return _rdap(200, _document(network, request.base_url))

    def _narrowest(self, address: IPv4Address | IPv6Address) -> Network | None:
        found = [(prefix.prefixlen, network) for prefix, network in self._networks if address in prefix]
        return max(found, key=lambda one: one[0])[1] if found else None


def _rdap(status: int, body: Json) -> Response:
    response = answer(status, body)
    response.content_type = RDAP_JSON
    return response


def _document(network: Network, url: str) -> Json:
    prefix = ip_network(network.prefix)
    entities = [_entity(f"{network.handle}-ORG", ["registrant"], network.holder, None)]
    if network.abuse:
        entities.append(_entity(f"{network.handle}-ABUSE", ["abuse"], "Abuse", network.abuse))
    return {
        "rdapConformance": ["rdap_level_0"],
        "objectClassName": "ip network",
        "handle": network.handle,
        "startAddress": str(prefix.network_address),
        "endAddress": str(prefix.broadcast_address),
        "ipVersion": f"v{prefix.version}",
        "name": network.name,
        "type": "DIRECT ALLOCATION",
        "country": network.country,
        "status": ["active"],
        "entities": entities,
        "events": [{"eventAction": "last changed", "eventDate": "2026-01-05T00:00:00Z"}],
        "links": [{"rel": "self", "type": RDAP_JSON, "href": url, "value": url}],
    }


def _entity(handle: str, roles: list[str], name: str, mail: str | None) -> Json:
    card: list[Any] = [["version", {}, "text", "4.0"], ["fn", {}, "text", name], ["kind", {}, "text", "org"]]
    if mail:
        card.append(["email", {}, "text", mail])
    return {"objectClassName": "entity", "handle": handle, "roles": roles, "vcardArray": ["vcard", card], "entities": []}
