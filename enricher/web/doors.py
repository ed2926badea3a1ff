"""The two doors of the API and the console: one to read, one to change something."""

from __future__ import annotations

from enricher.web.access import Environ, Gate, is_foreign
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

    def _pass(self, gate: Gate, environ: Environ, door: str) -> None:
        if gate.admit(environ) is None:
            challenge = f'Basic realm="Enricher, {door} token as password", charset="UTF-8"'
            raise Refusal(401, "unauthorized", f"The {door} token is needed.", WWW_Authenticate=challenge)
