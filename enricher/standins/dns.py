"""A stand-in for a resolver: A, AAAA, PTR, CNAME and TXT from a table, Team Cymru's zones from prefixes, faults by name.

UDP and TCP on one port. The answers of Team Cymru are made from a table of prefixes, so that any address in them has one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from time import time
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from enricher.standins.dns_server import TcpServer, UdpServer, pair
from enricher.standins.server import LOOPBACK
from enricher.standins.service import Clock

CYMRU = "asn.cymru.com"
TTL = 300
PLAIN_UDP = 512
RECORDED = 20_000
PRINTABLE = range(32, 127)
TXT_STRING = 255


class Answer(StrEnum):
    """How a name is answered that has no good answer."""

    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    """Nothing comes."""
    GARBAGE = "garbage"
    """Bytes that are no DNS message."""
    TRUNCATED = "truncated"
    """An empty, truncated answer over UDP, the whole one over TCP."""


RCODES = {
    Answer.NXDOMAIN: dns.rcode.NXDOMAIN,
    Answer.SERVFAIL: dns.rcode.SERVFAIL,
    Answer.REFUSED: dns.rcode.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, when, and over which transport (`udp`, `tcp`)."""

    at: float
    name: str
    type: str
    transport: str


class Dns:
    """`records` are name → type → values; a name that begins `*.` answers for every name below it.

    `origins` are prefix → Team Cymru's text after the AS numbers and with them, as `"13335 | 104.16.0.0/13 | US | arin |
    2014-03-28"`; `as_names` AS number → `"13335 | US | arin | 2010-07-14 | CLOUDFLARENET, US"`. `answers` overrules all for its
    names, which are matched like those of `records`.
    """

    def __init__(
        self,
        records: Mapping[str, Mapping[str, Iterable[str]]] | None = None,
        *,
        origins: Mapping[str, str] | None = None,
        as_names: Mapping[int, str] | None = None,
        answers: Mapping[str, Answer] | None = None,
        clock: Clock = time,
    ) -> None:
        self.records = {
            _key(name): {kind: list(values) for kind, values in types.items()} for name, types in (records or {}).items()
        }
        self.origins = {ip_network(prefix): text for prefix, text in (origins or {}).items()}
        self.as_names = dict(as_names or {})
        self.answers = {_key(name): answer for name, answer in (answers or {}).items()}
        self.questions: deque[Question] = deque(maxlen=RECORDED)
        self._clock = clock
        self._servers: tuple[UdpServer, TcpServer] | None = None

    # --- for whoever runs it ---------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """`host:port` while it runs."""
        if self._servers is None:
            raise RuntimeError("Dns is not running")
        return f"{LOOPBACK}:{self._servers[0].server_address[1]}"

    def start(self, port: int = 0) -> None:
        tcp, udp = pair(port)
        self._servers = (UdpServer(self.respond, udp), TcpServer(self.respond, tcp))

    def stop(self) -> None:
        for server in self._servers or ():
            server.close()
        self._servers = None

    @staticmethod
    def ptr(records: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
        """PTR records for a table of address → name."""
        return {str(dns.reversename.from_address(address)): {"PTR": [name]} for address, name in records.items()}

    # --- answering -------------------------------------------------------------------------------------------------

    def respond(self, wire: bytes, transport: str) -> bytes | None:
        """The answer to one message; None where there is none."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if not query.question:
            return None
        asked = query.question[0]
        name, kind = _key(asked.name.to_text()), dns.rdatatype.to_text(asked.rdtype)
        self.questions.append(Question(self._clock(), name, kind, transport))
        behaviour = _lookup(self.answers, name)
        if behaviour is Answer.TIMEOUT:
            return None
        if behaviour is Answer.GARBAGE:
            return wire[:2] + b"\xff" * 40
        response = self._response(query, name, kind, behaviour)
        if transport == "tcp":
            return response.to_wire()
        if behaviour is Answer.TRUNCATED:
            response.answer.clear()
            response.flags |= dns.flags.TC
        return response.to_wire(max_size=query.payload or PLAIN_UDP, prefer_truncation=True)

    def _response(self, query: dns.message.Message, name: str, kind: str, behaviour: Answer | None) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        types = self._types(name)
        if behaviour in RCODES:
            response.set_rcode(RCODES[behaviour])
        elif types is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            response.answer.extend(self._chain(query.question[0].name, types, kind))
        return response

    def _chain(self, owner: dns.name.Name, types: Mapping[str, list[str]], kind: str) -> list[dns.rrset.RRset]:
        """The records of that type; behind an alias, the alias and then the records of its target."""
        if kind in types:
            return [_rrset(owner, kind, types[kind])]
        if "CNAME" not in types:
            return []
        target = dns.name.from_text(types["CNAME"][0])
        behind = self._types(_key(target.to_text())) or {}
        return [_rrset(owner, "CNAME", types["CNAME"]), *self._chain(target, behind, kind)]

    def _types(self, name: str) -> Mapping[str, list[str]] | None:
        """What the name has, by type; None for a name that does not exist."""
        if name == CYMRU or name.endswith(f".{CYMRU}"):
            text = self._cymru(name.removesuffix(f".{CYMRU}"))
            return None if text is None else {"TXT": [text]}
        found: Mapping[str, list[str]] | None = _lookup(self.records, name)
        return found

    def _cymru(self, name: str) -> str | None:
        if name.startswith("as") and name[2:].isdigit():
            return self.as_names.get(int(name[2:]))
        labels, _, zone = name.rpartition(".")
        digits = labels.split(".")[::-1]
        with suppress(ValueError):
            if zone == "origin":
                return self._origin(".".join(digits))
            if zone == "origin6":
                nibbles = "".join(digits).ljust(32, "0")
                return self._origin(":".join(nibbles[n : n + 4] for n in range(0, 32, 4)))
        return None

    def _origin(self, text: str) -> str | None:
        """Raises ValueError where the text is no address."""
        address = ip_address(text)
        holding: list[IPv4Network | IPv6Network] = [prefix for prefix in self.origins if address in prefix]
        return self.origins[max(holding, key=lambda prefix: prefix.prefixlen)] if holding else None


def _key(name: str) -> str:
    return name.rstrip(".").lower()


def _lookup(table: Mapping[str, Any], name: str) -> Any:
    """The entry of the name, else that of the nearest `*.` above it."""
    if name in table:
        return table[name]
    while "." in name:
        name = name.partition(".")[2]
        if f"*.{name}" in table:
            return table[f"*.{name}"]
    return None


def _rrset(owner: dns.name.Name, kind: str, values: Iterable[str]) -> dns.rrset.RRset:
    texts = [_quoted(value) for value in values] if kind == "TXT" else list(values)
    return dns.rrset.from_text_list(owner, TTL, dns.rdataclass.IN, kind, texts)


def _quoted(value: str) -> str:
    """A TXT value as the zone file writes it, in strings of at most 255 bytes."""
    escaped = [f"\\{byte:03d}" if byte not in PRINTABLE or byte in b'"\\' else chr(byte) for byte in value.encode()]
    return " ".join(f'"{"".join(escaped[n : n + TXT_STRING])}"' for n in range(0, max(1, len(escaped)), TXT_STRING))
