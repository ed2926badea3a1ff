"""Who uses the console, as the settings write it: accounts with the hashes of their passwords, and the proxy that knows people."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from enricher.core.people import ACCOUNT_NAME, GROUP, NOT_A_NAME, Account, Network, Role
from enricher.core.written import as_json

_PARTS = 3
_HASH = re.compile(r"scrypt:(\d{1,7}):(\d{1,3}):(\d{1,2})\$[A-Za-z0-9]{8,64}\$[0-9a-f]{128}")
LEAST_N: Final = 2**15
"""scrypt's cost below which a stolen hash is soon a password; the cost of `enricher user hash`."""
_LEAST_R = 8
_MOST_MEMORY = 256 * 2**20
"""Bytes that checking one password may take."""


def accounts_of(value: object) -> object:
    """`name:role:hash` by comma or line → accounts. A hash never stands in a message: what is wrong is told by the entry's place."""
    if not isinstance(value, str):
        return value
    accounts: dict[str, Account] = {}
    for i, entry in enumerate(re.split(r"[,\n]", value), start=1):
        if entry.strip():
            account = _account(f"entry {i}", entry.strip().split(":", _PARTS - 1))
            if accounts.setdefault(account.name.casefold(), account) is not account:
                raise ValueError(f"entry {i} has the name of an earlier one")
    return tuple(accounts.values())


def _account(where: str, parts: list[str]) -> Account:
    if len(parts) != _PARTS:
        raise ValueError(f"{where} should be name:role:hash, as `enricher user hash` prints it")
    name, role, digest = parts
    if not ACCOUNT_NAME.fullmatch(name) or name in NOT_A_NAME:
        raise ValueError(f"{where} needs a name of at most 64 letters, digits, '.', '_', '@' and '-', none of ours")
    if role not in set(Role):
        raise ValueError(f"{where} needs one of the roles {', '.join(Role)}")
    found = _HASH.fullmatch(digest)
    if found is None:
        raise ValueError(
            f"{where} needs a hash scrypt:…$…$… as `enricher user hash` prints it (in a shell and in Compose, $ is special)"
        )
    n, r, p = map(int, found.groups())
    if n < LEAST_N or n & (n - 1) or r < _LEAST_R or not p:
        raise ValueError(f"{where} has a hash that is too weak; make another with `enricher user hash`")
    if 132 * n * r * p > _MOST_MEMORY:
        raise ValueError(f"{where} has a hash that takes more than 256 MiB to check")
    return Account(name, Role(role), digest)


def networks_of(value: object) -> object:
    """Addresses and networks by comma. Raises ValueError."""
    if not isinstance(value, str):
        return value
    found: list[Network] = []
    for part in filter(None, map(str.strip, re.split(r"[,\n]", value))):
        try:
            network = ip_network(part)
        except ValueError:
            raise ValueError(f"{part[:60]!r} is no address and no network such as 10.0.0.0/24") from None
        if not network.prefixlen:
            raise ValueError(f"{part!r} is every address there is; name those of the proxy")
        found.append(network)
    return tuple(found)


def each_named(value: dict[Role, tuple[str, ...]] | None) -> dict[Role, tuple[str, ...]] | None:
    """Somebody in each list, nobody without a name."""
    for role, who in (value or {}).items():
        if not who or any(not name.removeprefix(GROUP).strip() for name in who):
            raise ValueError(f'should name users, "group:…" or "*" for {role.value}')
    return value


Accounts = Annotated[tuple[Account, ...], NoDecode, BeforeValidator(accounts_of)]
Peers = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(networks_of)]
Header = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
ProxyRoles = Annotated[dict[Role, tuple[str, ...]] | None, NoDecode, BeforeValidator(as_json), AfterValidator(each_named)]
Hours = Annotated[float, Field(ge=0.1, le=720, allow_inf_nan=False)]
