"""Who asks for a page: a log-in of ours, else what a trusted proxy says, else a token, else whoever is on this machine."""

from __future__ import annotations

from ipaddress import ip_address

from flask import Request

from enricher.core.people import Person, Proxy, passed_name
from enricher.web.access import is_foreign
from enricher.web.answers import Refusal
from enricher.web.doors import Doors
from enricher.web.logins import Logins, digest_of
from enricher.web.people import remember
from enricher.web.services import WebSettings

_COOKIE = "enricher_session"


class Askers:
    """Tells them apart."""

    def __init__(self, settings: WebSettings, doors: Doors, logins: Logins) -> None:
        self._doors, self._logins = doors, logins
        self._proxy, self._https = settings.proxy, settings.https

    def meet(self, request: Request) -> None:
        """Remember who asks for this page, or sends this form.

        Raises Refusal: 401 for anybody who may not even read, 403 where another site drives the browser, or the proxy names
        somebody without a role. Raises StoreUnavailable.
        """
        posts = request.method == "POST"
        if posts and is_foreign(request.environ, own_page=True):
            raise Refusal(403, "cross_site", "This was sent on behalf of another site.")
        secret = self.secret(request)
        if secret is not None and (person := self._logins.of(secret)) is not None:
            remember(person, digest_of(secret))
        else:
            person = self._passed_on(request) if self._proxy else None
            remember(person or self._doors.person(request.environ, writes=posts))

    def cookie(self, request: Request) -> str:
        """The name of the cookie of a session. Over https one that no other host can set."""
        return f"__Host-{_COOKIE}" if self.is_secure(request) else _COOKIE

    def secret(self, request: Request) -> str | None:
        """What the browser holds of a session, whether or not it is worth something."""
        return request.cookies.get(self.cookie(request))

    def is_secure(self, request: Request) -> bool:
        """Whether the browser came by https."""
        return self._https or request.is_secure

    def peer(self, request: Request) -> str:
        """The address that passwords come from: behind the proxy the one it says, else the socket's."""
        address = request.remote_addr or ""
        if self._proxy is not None and self._proxy.is_peer(address):
            said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            return said if _is_address(said) else address
        return address

    def _passed_on(self, request: Request) -> Person | None:
        """Whom the proxy names; the header of anybody else is not even looked at."""
        proxy = self._proxy
        if proxy is None or not proxy.is_peer(request.environ.get("REMOTE_ADDR", "")):
            return None
        value = request.headers.get(proxy.user_header)
        if value is None:
            return None
        if (name := passed_name(_as_utf8(value))) is None:
            raise Refusal(403, "unreadable_user", f"{proxy.user_header} does not name one user.")
        role = proxy.role_of(name, _groups(request, proxy))
        if role is None:
            raise Refusal(403, "no_role", "You have no role here; ENRICHER_PROXY_ROLES says who has.")
        return Person(name, role, "proxy")


def _groups(request: Request, proxy: Proxy) -> str:
    return _as_utf8(request.headers.get(proxy.groups_header, "")) if proxy.groups_header else ""


def _as_utf8(value: str) -> str:
    """A header as it was sent; WSGI reads it as Latin-1. What is no UTF-8 comes out unreadable."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace").replace("\ufffd", "\0")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
