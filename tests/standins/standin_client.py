"""A client for stand-ins: plain HTTP to loopback, so no certificates are loaded, which is most of what a new client costs."""

from __future__ import annotations

import ssl
from typing import Any

import httpx2

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def connect(url: str, **settings: Any) -> httpx2.Client:
    return httpx2.Client(base_url=url, verify=NO_CERTIFICATES, trust_env=False, **settings)
