"""Who uses the console, and what they may do there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal, get_args

Network = IPv4Network | IPv6Network
Via = Literal["account", "proxy", "token", "loopback", "slack"]


class Role(StrEnum):
    """What a person may do, each all that those before it may: read; work on cases and dead letters; write tuning rules."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ENGINEER = "engineer"

    def may(self, needed: Role) -> bool:
        """Whether this is enough where `needed` is asked for."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks for something. `via` is how they proved who they are."""

    name: str
    role: Role
    via: Via

    @property
    def signed(self) -> str:
        """As the audit names them: `m.alvarez (account)`; a token or this machine has no other name."""
        return self.name if self.name == self.via else f"{self.name} ({self.via})"

    @property
    def nameless(self) -> bool:
        """Whether nobody knows who it is: a token, or whoever sits at this machine."""
        return self.name == self.via


ACCOUNT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""What a local account may be called."""
NOT_A_NAME: Final = frozenset(get_args(Via))
"""How those sign who have no name; nobody may be called so."""


@dataclass(frozen=True, slots=True)
class Account:
    """A local account. `hash` is its password's, as werkzeug writes it: `scrypt:n:r:p$salt$hex`."""

    name: str
    role: Role
    hash: str = field(repr=False)


_PASSED_NAME = re.compile(r"[^\x00-\x20\x7f-\xa0,;\"<>]([^\x00-\x1f\x7f-\xa0,;\"<>]{0,98}[^\x00-\x20\x7f-\xa0,;\"<>])?")
_MOST_GROUPS = 4_096
ANYBODY: Final = "*"
GROUP: Final = "group:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A reverse proxy that knows who people are, and says so in a header.

    `roles`: for each the users, the groups as `group:soc`, or `*` for everybody. Who is in several has the highest.
    """

    peers: tuple[Network, ...]
    user_header: str
    groups_header: str | None = None
    roles: Mapping[Role, Collection[str]]

    def is_peer(self, address: str) -> bool:
        """Whether a connection from this address is the proxy's. One of IPv4 wrapped in IPv6 counts as itself."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        found = (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found
        return any(found.version == network.version and found in network for network in self.peers)

    def role_of(self, user: str, groups: str) -> Role | None:
        """The role of a user with these groups, separated by comma; None for one who has none."""
        named = {f"{GROUP}{name.strip()}" for name in groups[:_MOST_GROUPS].split(",") if name.strip()}
        his = named | {ANYBODY} | ({user} if not user.startswith(GROUP) else set())
        return next((role for role in reversed(Role) if his & set(self.roles.get(role, ()))), None)


def passed_name(value: str) -> str | None:
    """The name in a proxy's header. None for what no proxy would call a single person: a list, quotes, control characters,
    more than 100 characters, or a name that those sign with who have none.
    """
    value = value.strip(" \t")
    return value if _PASSED_NAME.fullmatch(value) and value.isprintable() and value not in NOT_A_NAME else None
