"""Who may come in: tokens compared in constant time, loopback peers by socket address, no drive-by from another site."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from enricher.errors import ConfigurationError

LOOPBACK: Final = "loopback"
_OWN_SITE = frozenset({"same-origin", "none"})

Environ = Mapping[str, Any]


class Gate:
    """One door. `tokens` are (name, secret) pairs; `loopback` also lets peers on this machine in without one."""

    def __init__(self, tokens: Iterable[tuple[str, str]], *, loopback: bool) -> None:
        tokens = tuple(tokens)
        blank = [name for name, secret in tokens if not secret.strip()]
        if blank:
            raise ConfigurationError([f"token of {name}: empty; a token needs at least one character" for name in blank])
        self._digests = tuple((name, sha256(secret.encode()).digest()) for name, secret in tokens)
        self._loopback = loopback

    def admit(self, environ: Environ) -> str | None:
        """The name of the token presented, `loopback` for a trusted peer, None for anybody else.

        Every presented secret is compared with every token, also after one has matched: how long the answer takes says
        nothing about which is nearly right.
        """
        presented = [sha256(secret).digest() for secret in _presented(environ)]
        found = None
        for name, digest in self._digests:
            for candidate in presented:
                if compare_digest(candidate, digest):
                    found = name
        if found is None and self._loopback and is_loopback(environ):
            return LOOPBACK
        return found


def _presented(environ: Environ) -> Iterable[bytes]:
    """The secrets a request brings, as the bytes that were sent (a WSGI header is those bytes read as Latin-1)."""
    scheme, _, rest = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        yield rest.strip().encode("latin-1")
    elif scheme.lower() == "basic":
        with suppress(ValueError):
            yield b64decode(rest.strip(), validate=True).partition(b":")[2]
    if own := environ.get("HTTP_X_ENRICHER_TOKEN", "").strip():
        yield own.encode("latin-1")


def is_loopback(environ: Environ) -> bool:
    """Does the request come from this machine, and was it meant for it?

    The peer is the socket's, whatever a header claims. The host asked for must be loopback too: a browser on this
    machine that was led here by another site's name (DNS rebinding) brings that name.
    """
    return _is_loopback_address(environ.get("REMOTE_ADDR", "")) and _is_loopback_name(environ.get("HTTP_HOST", ""))


@lru_cache(maxsize=64)
def _is_loopback_address(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


@lru_cache(maxsize=64)
def _is_loopback_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or name.endswith(".localhost") or _is_loopback_address(name)


def is_foreign(environ: Environ, *, own_page: bool = False) -> bool:
    """Did a browser send this on behalf of another site? Programs send neither header and are not foreign.

    Browsers say so in Sec-Fetch-Site; over plain HTTP only Origin is left. There `null` may be our own page, which sends
    no referrer, or any page that hides: `own_page` lets it pass, for forms that carry a signed token besides.
    """
    if (site := environ.get("HTTP_SEC_FETCH_SITE")) is not None:
        return site not in _OWN_SITE
    origin = environ.get("HTTP_ORIGIN")
    if origin is None:
        return False
    if origin == "null":
        return not own_page
    return str(origin).partition("://")[2] != environ.get("HTTP_HOST")
