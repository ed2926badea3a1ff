"""Settings → who may use the console, as the web half wants to know it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import TypedDict

from enricher.core.people import Account, Proxy
from enricher.settings import Settings


class Visitors(TypedDict):
    """The part of `WebSettings` that is about them."""

    accounts: tuple[Account, ...]
    session_lasts: timedelta
    proxy: Proxy | None
    https: bool
    trust_loopback: bool


def visitors_of(settings: Settings) -> Visitors:
    """Behind a proxy that may be on this machine nobody is let in for being on this machine."""
    proxy = None
    if settings.proxy_peers and settings.proxy_user_header:
        proxy = Proxy(
            peers=settings.proxy_peers,
            user_header=settings.proxy_user_header,
            groups_header=settings.proxy_groups_header,
            roles=settings.proxy_roles or {},
        )
    return Visitors(
        accounts=settings.users,
        session_lasts=timedelta(hours=settings.session_hours),
        proxy=proxy,
        https=(settings.base_url or "").startswith("https://"),
        trust_loopback=proxy is None,
    )


def signing_key(settings: Settings) -> bytes:
    """The same for all processes that share a write token, or accounts; else a fresh one, made before the web workers are forked."""
    token = settings.api_write_token
    known = [token.get_secret_value() if token else "", *(account.hash for account in settings.users)]
    return (
        sha256(b"\n".join([b"console forms", *map(str.encode, known)])).digest() if any(known) else secrets.token_bytes(32)
    )
