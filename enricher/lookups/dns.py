"""DNS: forward (A, AAAA) and reverse (PTR). Tells "there is none" from "could not be found out", and always ends in time."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address

import dns.exception
import dns.name
import dns.nameserver
import dns.rdata
import dns.resolver
import dns.reversename
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from enricher.core.addresses import unmap
from enricher.lookups.source import MAX_REASON, Answer, Keep, one_line
from enricher.model import ObservableKind, Status

TIMEOUT_S = 4.0
PAYLOAD = 1232
"""The largest answer asked for over UDP; anything larger comes by TCP and is not lost as fragments."""
MAX_NAMES = 8
MAX_ADDRESSES = 16

Server = tuple[str, int]
Records = tuple[dns.rdata.Rdata, ...]

_PLAIN_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)


class Dns:
    """Asks DNS servers: those given as (host, port), else the system's. Opens nothing before the first question."""

    def __init__(self, servers: Sequence[Server] = (), *, timeout_s: float = TIMEOUT_S) -> None:
        self._servers, self.timeout_s = tuple(servers), timeout_s
        self._lock = threading.Lock()
        self._made: dns.resolver.Resolver | None = None

    def query(self, name: str, kind: str, *, within_s: float | None = None) -> Records | Answer:
        """The records of `kind` under the absolute `name` (CNAMEs followed), or why there are none."""
        limit_s = self.timeout_s if within_s is None else within_s
        try:
            found = self._resolver().resolve(name, kind, search=False, lifetime=limit_s)
        except dns.resolver.NXDOMAIN:
            return Answer(status=Status.NEGATIVE, reason="NXDOMAIN")
        except dns.resolver.NoAnswer:
            return Answer(status=Status.NEGATIVE, reason=f"no {kind} record")
        except dns.resolver.LifetimeTimeout:
            return Answer(status=Status.TIMEOUT, reason=f"no answer from DNS in {limit_s:g} s")
        except dns.resolver.NoNameservers as trouble:
            return _gave_up(trouble)
        except (dns.exception.DNSException, OSError) as trouble:
            return Answer(status=Status.ERROR, reason=one_line(f"DNS: {trouble}", MAX_REASON), source_down=True)
        return tuple(found.rrset or ())

    def _resolver(self) -> dns.resolver.Resolver:
        """The one resolver; made anew until that works, as a server's name may not resolve at first."""
        with self._lock:
            if self._made is None:
                resolver = dns.resolver.Resolver(configure=not self._servers)
                if self._servers:
                    resolver.nameservers = [found for server in self._servers for found in _nameservers(server)]
                resolver.timeout = self.timeout_s / 2  # a lost packet is asked for again within the limit
                resolver.use_edns(0, 0, PAYLOAD)
                self._made = resolver
            return self._made


class Ptr:
    """The names an address says it has. Whoever holds the block sets them: no evidence about a tenant."""

    name = "ptr"
    kind = ObservableKind.ADDRESS
    keep = Keep(ok=timedelta(hours=6), negative=timedelta(hours=1), stale=timedelta(days=7))
    at_once = 8

    def __init__(self, resolver: Dns) -> None:
        self._dns = resolver

    def ask(self, about: str) -> Answer:
        records = self._dns.query(dns.reversename.from_address(about).to_text(), "PTR")
        if isinstance(records, Answer):
            return records
        names = sorted({safe_name(record.target) for record in records if isinstance(record, PTR)} - {""})
        if not names:
            return Answer(status=Status.NEGATIVE, reason="the PTR record names nothing")
        return Answer(status=Status.OK, detail={"names": names[:MAX_NAMES]})


class Forward:
    """The addresses of a host name. Asking tells the name's owner that someone asks: only for events without an address."""

    name = "forward"
    kind = ObservableKind.HOSTNAME
    keep = Keep(ok=timedelta(minutes=5), negative=timedelta(minutes=5), stale=timedelta(hours=1))
    at_once = 8

    def __init__(self, resolver: Dns) -> None:
        self._dns = resolver

    def ask(self, about: str) -> Answer:
        replies = [self._dns.query(f"{about}.", kind, within_s=self._dns.timeout_s / 2) for kind in ("A", "AAAA")]
        records = [record for reply in replies if not isinstance(reply, Answer) for record in reply]
        found = {record.address for record in records if isinstance(record, A | AAAA)}
        addresses = sorted({unmap(address) or address for address in found}, key=_address_order)
        if addresses:
            return Answer(status=Status.OK, detail={"addresses": addresses[:MAX_ADDRESSES]})
        failures = [reply for reply in replies if isinstance(reply, Answer)]
        failures.sort(key=lambda reply: reply.status is Status.NEGATIVE)  # "there is none" needs both to say so
        return failures[0] if failures else Answer(status=Status.NEGATIVE, reason="no address in the answer")


def safe_name(name: dns.name.Name) -> str:
    """Write a DNS name so that it can be shown: a host name as it is, odd bytes in anything else as backslash and number."""
    text = name.to_text(omit_final_dot=True).lower()
    if _PLAIN_NAME.fullmatch(text):
        return text
    return ".".join(_escaped(label) for label in name.labels if label)


def _nameservers(server: Server) -> list[dns.nameserver.Nameserver]:
    host, port = server
    addresses = (
        [host] if unmap(host) else [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)]
    )
    return [dns.nameserver.Do53Nameserver(address, port) for address in addresses]


def _gave_up(trouble: dns.resolver.NoNameservers) -> Answer:
    """Say what each server did. A SERVFAIL is about the name; everything else would meet the next question too."""
    words = sorted({_word(error) for _, _, _, error, _ in trouble.kwargs.get("errors", ())})
    return Answer(status=Status.ERROR, reason=", ".join(words) or "no DNS server", source_down="SERVFAIL" not in words)


def _word(error: object) -> str:
    if isinstance(error, str):
        return error  # a response code
    return "unreachable" if isinstance(error, OSError) else "unreadable answer"


def _escaped(label: bytes) -> str:
    return "".join(chr(byte) if _PLAIN_NAME.fullmatch(chr(byte)) else f"\\{byte:03d}" for byte in label.lower())


def _address_order(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)
