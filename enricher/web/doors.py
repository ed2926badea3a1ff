"""The two doors of the API, which those of the console's visitors use who have no name: one to read, one to change something."""

from __future__ import annotations

from enricher.core.people import Person, Role, Via
from enricher.web.access import LOOPBACK, Environ, Gate, is_foreign
from enricher.web.answers import Refusal
from enricher.web.services import WebSettings

_READ, _WRITE = "read", "write"


class Doors:
    """Who may read, who may write. The write token opens the reading door too."""

    def __init__(self, settings: WebSettings) -> None:
        write = [(_WRITE, token) for token in settings.write_tokens]
        read = [(_READ, token) for token in settings.read_tokens]
        self._write = Gate(write, loopback=settings.trust_loopback and not write)
        self._read = Gate([*read, *write], loopback=settings.trust_loopback and not read)
        nobody = settings.trust_loopback and not settings.accounts and settings.proxy is None
        self._console_write = Gate(write, loopback=nobody and not write)
        self._console_read = Gate([*read, *write], loopback=nobody and not read)

    def read(self, environ: Environ) -> None:
        """Raises Refusal(401) for anybody who may not read."""
        self._pass(self._read, environ, _READ)

    def write(self, environ: Environ, *, own_page: bool = False) -> None:
        """Raises Refusal(401) for anybody who may not write, 403 where another site drives the browser of one who may.

        `own_page`: the request carries a form token of ours, which the caller checks.
        """
        if is_foreign(environ, own_page=own_page):
            raise Refusal(403, "cross_site", "This was sent on behalf of another site.")
        self._pass(self._write, environ, _WRITE)

    def person(self, environ: Environ, *, writes: bool) -> Person:
        """Who asks for a page by a token, or from this machine; the write token's holder is an engineer, any other a viewer.

        Raises Refusal(401) for anybody else. Where people have names, this machine alone is nobody.
        """
        here, reads = self._console_write.admit(environ), self._console_read.admit(environ)
        if here is not None and (writes or reads is not None):
            return _nameless(here, Role.ENGINEER)
        if reads is not None:
            return _nameless(reads, Role.VIEWER)
        gate, door = (self._console_write, _WRITE) if writes else (self._console_read, _READ)
        self._pass(gate, environ, door)
        raise AssertionError

    def _pass(self, gate: Gate, environ: Environ, door: str) -> None:
        if gate.admit(environ) is None:
            challenge = f'Basic realm="Enricher, {door} token as password", charset="UTF-8"'
            raise Refusal(401, "unauthorized", f"The {door} token is needed.", WWW_Authenticate=challenge)


def _nameless(token: str, role: Role) -> Person:
    via: Via = LOOPBACK if token == LOOPBACK else "token"
    return Person(via, role, via)
