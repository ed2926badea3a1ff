"""How we are let into a ServiceNow instance: Basic, or OAuth with the grant that the credentials given are for.

A token is fetched once for all threads, kept until shortly before its end, and renewed once when the instance no longer takes
it. A request for a token that was refused is not repeated for a while, so that wrong credentials do not become a storm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from time import monotonic

import httpx2

from enricher.core.document import Json
from enricher.destinations.http import Reply, Service, part
from enricher.errors import ConfigurationError, DeliveryError, Outcome, Reason

EARLY_S = 60.0
"""How long before its end a token is renewed, where it lives twice as long as that."""
LIFETIME_S = 1800.0
"""What a token is given where the instance does not say: the default of its OAuth clients."""
REFUSED_S = 60.0
"""How long credentials that were refused are not tried again."""
UNANSWERED_S = 2.0
"""The same where the instance could not be asked."""
MOST_KEPT = 8
"""Tokens that are still masked in errors after they were replaced."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """`user` and `password` alone: Basic. `client_id` and `client_secret` alone: the client credentials grant. All four: the
    password grant.
    """

    user: str = ""
    password: str = ""
    client_id: str = ""
    client_secret: str = ""

    def __post_init__(self) -> None:
        pairs = ((self.user, self.password), (self.client_id, self.client_secret))
        if not any(map(all, pairs)) or any(any(pair) and not all(pair) for pair in pairs):
            raise ConfigurationError(["servicenow: give user and password, or client id and client secret, or all four"])

    def secrets(self) -> list[str]:
        return [secret for secret in (self.password, self.client_secret) if secret]

    def grant(self) -> dict[str, str]:
        """The form that asks for a token."""
        client = {"client_id": self.client_id, "client_secret": self.client_secret}
        if not self.user:
            return {"grant_type": "client_credentials", **client}
        return {"grant_type": "password", **client, "username": self.user, "password": self.password}


class Session:
    """One instance and our way in. Made for many threads."""

    def __init__(
        self,
        name: str,
        url: str,
        credentials: Credentials,
        *,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        basic = None if credentials.client_id else (credentials.user, credentials.password)
        # The instance itself gives up after 60 s: wait longer, so that it speaks first.
        self.service = Service(name, url, read_s=65.0, secrets=credentials.secrets(), auth=basic, transport=transport)
        self._tokens = None if basic else Tokens(self.service, credentials.grant(), clock)

    def close(self) -> None:
        self.service.close()

    def call(self, method: str, path: str, *, json: Json | None = None, params: Mapping[str, str] | None = None) -> Reply:
        """Send one request, once; once more where a token was no longer taken, for then nothing was done."""
        if self._tokens is None:
            return self.service.call(method, path, json=json, params=params)
        token = self._tokens.current()
        try:
            return self.service.call(method, path, json=json, params=params, headers=_bearer(token))
        except DeliveryError as error:
            if error.reason is not Reason.AUTH or (fresh := self._tokens.instead_of(token)) == token:
                raise
        return self.service.call(method, path, json=json, params=params, headers=_bearer(fresh))

    def record(self, reply: Reply) -> Json:
        """The record that an answer to a question about one, or a change of one, must hold: a 200 may hold an error instead."""
        record = part(reply.data, "result")
        self.service.word(record, "sys_id")
        return record


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at: float


class Tokens:
    """The current access token. One thread asks for a new one, the others wait for its answer."""

    def __init__(self, service: Service, grant: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._service, self._grant, self._clock = service, grant, clock
        self._lock = Lock()
        self._token: _Token | None = None
        self._failure: tuple[DeliveryError, float] | None = None

    def current(self) -> str:
        """A token that should be good for a while. Raises DeliveryError."""
        with self._lock:
            if self._token and self._clock() < self._token.renew_at:
                return self._token.text
            return self._fetch()

    def instead_of(self, spent: str) -> str:
        """Another token than the one that was refused; the same where the instance still hands that out."""
        with self._lock:
            if self._token and self._token.text != spent:
                return self._token.text
            self._token = None
            return self._fetch()

    def _fetch(self) -> str:
        if self._failure and self._clock() < self._failure[1]:
            raise self._again(self._failure[0])
        try:
            answer = self._service.call("POST", "/oauth_token.do", form=self._grant)
            text = self._service.word(answer.data, "access_token")
        except DeliveryError as error:
            failure = self._typed(error)
            refused = failure.reason is Reason.AUTH or failure.outcome is Outcome.REJECTED
            wait = REFUSED_S if refused else failure.retry_after
            self._failure = (failure, self._clock() + wait)
            raise failure from None
        self._service.keep_secret(text, most=MOST_KEPT)
        # The password grant hands out the present token until its end: halving what is left asks for it a few times, not always.
        life = _seconds(answer.data.get("expires_in"))
        self._token, self._failure = _Token(text, self._clock() + max(life - EARLY_S, life / 2)), None
        return text

    def _typed(self, error: DeliveryError) -> DeliveryError:
        """No ticket was sent, so none is in doubt; and what the instance says against a grant is about our credentials."""
        reason = error.reason
        if error.outcome is Outcome.UNKNOWN:
            reason = Reason.CONNECT
        elif reason in {Reason.INVALID, Reason.FORBIDDEN}:
            reason = Reason.AUTH
        wait = max(error.retry_after, UNANSWERED_S)
        return self._service.error(reason, f"no OAuth token: {error.detail}", retry_after=wait)

    def _again(self, failure: DeliveryError) -> DeliveryError:
        return DeliveryError(failure.destination, failure.reason, retry_after=failure.retry_after, detail=failure.detail)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _seconds(given: object) -> float:
    """A lifetime as instances write it: a number, or a number as text."""
    text = str(given)
    return float(text) if text.isascii() and text.isdigit() and int(text) > 0 else LIFETIME_S
