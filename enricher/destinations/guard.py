"""Addresses that no destination has, refused in a URL and again once its name is resolved.

The connection goes to the very address that was checked: a name cannot mean one host to the check and another to the socket.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from enricher.destinations.text import safe_url
from enricher.errors import ConfigurationError

Resolve = Callable[[str, int], Sequence[str]]
"""A name and a port to addresses, the preferred one first. Raises OSError."""

_METADATA = frozenset({"100.100.100.200", "169.254.169.254", "169.254.170.2", "fd00:ec2::254"})
_METADATA_NAME = "metadata.google.internal"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def check_url(name: str, url: str) -> None:
    """Raise ConfigurationError unless `url` is http(s) and not one of the addresses that no destination has.

    Private and loopback addresses are allowed: the operator's own services live there.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if not safe_url(url) or parts.query or parts.fragment:
        raise ConfigurationError([f"{name}: the address must read https://host[:port][/path]"])
    if host == _METADATA_NAME or is_refused(host):
        raise ConfigurationError([f"{name}: {host} is a metadata, link-local, multicast or unspecified address"])


def is_refused(host: str) -> bool:
    """Whether it is an address that no destination has; a name is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = _inside(address) or address
    special = address.is_link_local or address.is_multicast or address.is_unspecified
    return special or str(address) in {*_METADATA, "255.255.255.255"}


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def resolve(host: str, port: int) -> list[str]:
    """What the system says, each address once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guarded(httpcore2.NetworkBackend):
    """Resolves a name once, refuses it for any address that no destination has, and connects to one of those it has checked."""

    def __init__(self, resolve: Resolve = resolve, backend: httpcore2.NetworkBackend | None = None) -> None:
        self._resolve, self._backend = resolve, backend or httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """The first address that answers. Raises UnsupportedProtocol, which nobody tries again, for a refused one."""
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(str(error)) from error
        if refused := next((address for address in addresses if is_refused(address)), None):
            raise httpcore2.UnsupportedProtocol(f"{host} is {refused}, an address that no destination has")
        failed: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed


class GuardedTransport(httpx2.HTTPTransport):
    """httpx2's own transport, whose connections are made by `backend`. It retries nothing."""

    def __init__(self, limits: httpx2.Limits, backend: httpcore2.NetworkBackend | None = None) -> None:
        # Not the base class's: that one can only be given a backend of its own choice.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=backend or Guarded(),
        )


def transport_to(url: str, limits: httpx2.Limits) -> httpx2.BaseTransport | None:
    """How to reach `url`. None: through the proxy of the environment, which is the one that resolves names then."""
    parts, proxies = urlsplit(url), getproxies()
    proxied = (parts.scheme in proxies or "all" in proxies) and not proxy_bypass(parts.hostname or "")
    return None if proxied else GuardedTransport(limits)
