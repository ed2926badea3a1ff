"""Log-ins of local accounts: a password for a session, which the browser holds as a secret and the store as its digest."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_address
from threading import BoundedSemaphore
from typing import Final

import structlog
from werkzeug.security import check_password_hash

from enricher.core.people import ACCOUNT_NAME, Account, Person
from enricher.ports import Sessions
from enricher.web.throttle import Throttle

log = structlog.get_logger()

LONGEST_PASSWORD: Final = 1_024
FREE_TRIES: Final = 5
"""With one name, before the waits begin; whoever shares an address has some more."""
FREE_TRIES_OF_A_PEER: Final = 20
_CHECKS_AT_ONCE = 2
"""Each takes a core for a tenth of a second and 32 MiB; the other threads go on serving."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class Refused(StrEnum):
    """Why nobody was logged in."""

    WRONG = "wrong"
    """The name or the password, which of the two is not told."""
    THROTTLED = "throttled"
    BUSY = "busy"
    """Too many passwords are being checked."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a log-in: the session's secret, or why there is none and after how many seconds to try again."""

    secret: str | None = None
    refused: Refused | None = None
    wait_s: float = 0.0
    account: Account | None = None
    """Whose name it was, where there is such an account."""


class Logins:
    """Begins, knows and ends them. The role is always the account's of today; without accounts nobody is logged in."""

    def __init__(
        self,
        accounts: Sequence[Account],
        sessions: Sessions,
        *,
        monotonic: Callable[[], float],
        lasts: timedelta,
    ) -> None:
        self._accounts = {account.name: account for account in accounts}
        self._by_mark = {_mark(account): account for account in accounts}
        self._sessions, self._lasts = sessions, lasts
        self._throttle = Throttle(monotonic)
        self._checks = BoundedSemaphore(_CHECKS_AT_ONCE)

    def __bool__(self) -> bool:
        return bool(self._accounts)

    def begin(self, name: str, password: str, peer: str) -> Attempt:
        """Check a password and begin a session. Raises StoreUnavailable."""
        account = self._accounts.get(name) if ACCOUNT_NAME.fullmatch(name) else None
        if not self._checks.acquire(blocking=False):
            return self._refused(Attempt(None, Refused.BUSY, 1.0, account), peer)
        try:
            return self._checked(account, name, password, peer)
        finally:
            self._checks.release()

    def _checked(self, account: Account | None, name: str, password: str, peer: str) -> Attempt:
        by_name, by_peer = f"name {sha256(name.encode('utf-8', 'replace')).hexdigest()}", f"peer {_neighbours(peer)}"
        wait = self._throttle.attempt({by_name: FREE_TRIES, by_peer: FREE_TRIES_OF_A_PEER})
        if wait > 0:
            return self._refused(Attempt(None, Refused.THROTTLED, wait, account), peer)
        if not self._fits(account, password) or account is None:
            return self._refused(Attempt(None, Refused.WRONG, 0.0, account), peer)
        self._throttle.forget(by_name)
        self._throttle.take_back(by_peer)
        secret = secrets.token_urlsafe(32)
        self._sessions.begin(digest_of(secret), _mark(account), self._lasts)
        log.info("logged_in", name=account.name, role=account.role.value, peer=peer)
        return Attempt(secret, account=account)

    def _fits(self, account: Account | None, password: str) -> bool:
        """An account that does not exist costs a hash too."""
        against = account or next(iter(self._accounts.values()))
        fits = check_password_hash(against.hash, password[:LONGEST_PASSWORD])
        return fits and account is not None and len(password) <= LONGEST_PASSWORD

    def _refused(self, attempt: Attempt, peer: str) -> Attempt:
        """A name that is nobody's is not logged: people type their password into the wrong field."""
        name = attempt.account.name if attempt.account else None
        log.warning("login_refused", name=name, reason=attempt.refused, peer=peer)
        return attempt

    def of(self, secret: str | None) -> Person | None:
        """Whose session it is; None where it has ended, or its account is gone or has another password. Raises StoreUnavailable."""
        if not self._accounts or secret is None or not _SECRET.fullmatch(secret):
            return None
        mark = self._sessions.name(digest_of(secret))
        account = self._by_mark.get(mark) if mark else None
        return Person(account.name, account.role, "account") if account else None

    def end(self, secret: str, person: Person | None) -> None:
        """The session is over, whoever still holds its secret; `person` logs out, or None where another begins in its place.

        Raises StoreUnavailable.
        """
        if _SECRET.fullmatch(secret):
            self._sessions.end(digest_of(secret))
        if person is not None:
            log.info("logged_out", name=person.name)


def _neighbours(peer: str) -> str:
    """Whoever holds one address of IPv6 holds the 64 bits beside it too."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return peer
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))


def digest_of(secret: str) -> str:
    """What the store keeps of a session's secret."""
    return sha256(secret.encode()).hexdigest()


def _mark(account: Account) -> str:
    """How the store names an account: with its name and a part of the digest of its hash, so that another password ends its
    sessions.
    """
    return f"{account.name}:{sha256(account.hash.encode()).hexdigest()[:16]}"
