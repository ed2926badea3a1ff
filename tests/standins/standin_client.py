"""A client for stand-ins, and a clock for them.

Plain HTTP to loopback: no certificates are loaded, which is most of what a new client costs.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpx2

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def connect(url: str, **settings: Any) -> httpx2.Client:
    return httpx2.Client(base_url=url, verify=NO_CERTIFICATES, trust_env=False, **settings)


def transport() -> httpx2.HTTPTransport:
    """For a destination that speaks to stand-ins."""
    return httpx2.HTTPTransport(verify=NO_CERTIFICATES)


class Clock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_795_500_000.0

    def __call__(self) -> float:
        return self.now
