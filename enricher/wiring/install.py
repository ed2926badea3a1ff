"""Putting the kit into Sumo Logic: with which keys, with which token, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2

from enricher.core.kit.rest import Body
from enricher.errors import ConfigurationError
from enricher.settings import Settings
from enricher.sumo.library import Change, Library, LibraryApi
from enricher.sumo.pace import Pace, Patience

PORTS = frozenset({443, 80, None})
"""Where Sumo Logic's monitors and scheduled searches send to; None is the scheme's own."""


def token_of(settings: Settings, source: str | None) -> str:
    """The secret of a source of ENRICHER_WEBHOOK_TOKENS: the one named, else the only one, else the first whose name begins `sumo`.

    Raises ConfigurationError where that is none.
    """
    known = {one.source: one.secret.get_secret_value() for one in settings.webhook_tokens}
    likely = [name for name in known if name.startswith("sumo")] or (list(known) if len(known) == 1 else [])
    name = source or next(iter(likely), None)
    if not known:
        raise ConfigurationError(["ENRICHER_WEBHOOK_TOKENS is not set: Sumo Logic could not show who it is"])
    if name not in known:
        raise ConfigurationError([f"name a source of ENRICHER_WEBHOOK_TOKENS with --source: {', '.join(known)}"])
    return known[name]


def problems_of(url: str | None) -> list[str]:
    """What keeps Sumo Logic from reaching a webhook; nothing where it may."""
    if url is None:
        return ["where Sumo Logic reaches this service is not known: set ENRICHER_BASE_URL, or say --url"]
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ["--url is no address"]
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.query:
        return ["--url is no address of the form https://host"]
    return [] if port in PORTS else [f"Sumo Logic sends to the ports 443 and 80 only, not to {port}"]


@contextmanager
def library(
    settings: Settings, *, dry: bool, secrets: Sequence[str] = (), transport: httpx2.BaseTransport | None = None
) -> Iterator[Library]:
    """The account of the settings. Raises ConfigurationError without an address and keys."""
    url, access_id, access_key = settings.sumo_api_url, settings.sumo_access_id, settings.sumo_access_key
    if not url or not access_id or not access_key:
        raise ConfigurationError(
            ["ENRICHER_SUMO_API_URL, ENRICHER_SUMO_ACCESS_ID and ENRICHER_SUMO_ACCESS_KEY must be set"]
        )
    patience = Patience()
    api = LibraryApi(url, access_id.get_secret_value(), access_key.get_secret_value(), Pace(patience), transport=transport)
    api.hide(*secrets)
    try:
        yield Library(api, patience, dry=dry)
    finally:
        api.close()


def put(settings: Settings, wanted: Sequence[Body], *, dry: bool, token: str) -> Iterator[Change]:
    """Bring it about, or say what that would take. Raises ConfigurationError, LibraryError."""
    with library(settings, dry=dry, secrets=(token,)) as account:
        yield from account.apply(wanted)
