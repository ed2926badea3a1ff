"""Who is let in: Basic, and OAuth tokens that end. `POST /oauth_token.do` hands them out, as an instance does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from werkzeug.datastructures import Authorization

from enricher.standins.service import KEY, Clock, Refusal
from enricher.standins.shelf import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The one account of an instance, and its OAuth client. `basic`, `grants`: the ways in that are open."""

    user: str = "enricher"
    password: str = KEY
    client_id: str = "enricher-client"
    client_secret: str = KEY
    basic: bool = True
    grants: tuple[str, ...] = ("client_credentials", "password")
    token_seconds: int = 1_800
    roles: tuple[str, ...] = ("itil", "sn_si.basic")


class Door:
    """Checks who asks, and hands out tokens."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self.account, self._clock = account, clock
        self._tokens: dict[str, float] = {}
        self._of_password: str | None = None

    def check(self, sent: Authorization | None) -> None:
        """Raises Refusal."""
        if sent is not None and sent.type == "basic" and self.account.basic:
            if (sent.username, sent.password) == (self.account.user, self.account.password):
                return
        elif sent is not None and sent.type == "bearer" and self._is_good(sent.token):
            return
        no = {"error": {"message": "User Not Authenticated", "detail": "Required to provide Auth information"}}
        raise Refusal(401, {**no, "status": "failure"}, {"WWW-Authenticate": 'Basic realm="Service-now"'})

    def grant(self, form: Mapping[str, str]) -> Json:
        """A token. The password grant gives the present one again until it ends. Raises Refusal."""
        account, kind = self.account, form.get("grant_type", "")
        client = (form.get("client_id"), form.get("client_secret")) == (account.client_id, account.client_secret)
        user = (form.get("username"), form.get("password")) == (account.user, account.password)
        if kind not in account.grants or not client or (kind == "password" and not user):
            raise Refusal(401, {"error": "server_error", "error_description": "access_denied"})
        token = self._of_password if kind == "password" and self._is_good(self._of_password) else None
        token = token or self._made(kind)
        left = round(self._tokens[token] - self._clock())
        return {"access_token": token, "scope": "useraccount", "token_type": "Bearer", "expires_in": left}

    def revoke(self) -> None:
        """No token that was handed out is taken any longer."""
        self._tokens.clear()

    def _made(self, kind: str) -> str:
        token = uuid4().hex
        self._tokens[token] = self._clock() + self.account.token_seconds
        if kind == "password":
            self._of_password = token
        return token

    def _is_good(self, token: str | None) -> bool:
        return token is not None and self._tokens.get(token, 0.0) > self._clock()
