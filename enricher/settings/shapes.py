"""How single settings are written: addresses, lists, switches, numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, SecretStr
from pydantic_settings import NoDecode

from enricher.core import canary, requery
from enricher.core.issue_fields import Option, custom_fields, option_of
from enricher.core.written import as_names, as_switch
from enricher.model import Severity

_LAST_PORT = 65_535
_OWN = {
    requery.SOURCE: "what the service searches by itself",
    canary.SOURCE: "what the service sends to prove that it works",
}


@dataclass(frozen=True, slots=True)
class WebhookToken:
    """Who may post to the webhook. Two tokens of one source are both good, so that one can replace the other."""

    source: str
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port."""

    host: str
    port: int


def _address(text: str, port: int | None) -> Address:
    host, colon, digits = text.strip().rpartition(":")
    if text.strip().endswith("]") or not colon or (":" in host and not host.startswith("[")):
        host, digits = text.strip(), ""
    number = int(digits) if digits.isdecimal() else port if not digits else None
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or number is None or number > _LAST_PORT or re.search(r"[\s/@,]", bare):
        raise ValueError(f"{text!r} is no address; write host:port, an IPv6 host in brackets")
    return Address(bare, number)


def address_of(value: object) -> object:
    """`host:port` → Address. Raises ValueError, as do those below: pydantic makes it a problem of that setting."""
    return _address(value, None) if isinstance(value, str) else value


def servers_of(value: object) -> object:
    """`host[:port],…` → addresses; port 53 where none is named."""
    return tuple(_address(part, 53) for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def tokens_of(value: object) -> object:
    """Secrets never stand in a message: what is wrong is told by the entry's place."""
    if not isinstance(value, str):
        return value
    tokens: list[WebhookToken] = []
    for i, entry in enumerate(re.split(r"[,\n]", value), start=1):
        source, colon, secret = entry.strip().partition(":")
        if not source and not colon:
            continue
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", source) or not secret:
            raise ValueError(f"entry {i} should be source:secret, the source of letters, digits, '.', '_' and '-'")
        if source in _OWN:
            raise ValueError(f"entry {i} is called {source}, as is {_OWN[source]}; give it another name")
        if any(token.secret.get_secret_value() == secret and token.source != source for token in tokens):
            raise ValueError(f"entry {i} has the secret of another source; each source needs its own")
        tokens.append(WebhookToken(source, SecretStr(secret)))
    return tuple(tokens)


def _http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("should be an http:// or https:// address without user, query or fragment")
    return url.rstrip("/")


def database_of(url: SecretStr) -> SecretStr:
    """The address of a database that we can use."""
    if not re.match(r"(?:sqlite|postgresql(?:\+psycopg)?)://", url.get_secret_value()):
        raise ValueError("should begin with 'sqlite:///' or 'postgresql://'")
    return url


def of_each_severity(value: dict[Severity, dict[str, int]] | None) -> dict[Severity, dict[str, int]] | None:
    """Weights for every severity, none left out."""
    if value is not None and (missing := [severity.value for severity in Severity if not value.get(severity)]):
        raise ValueError(f"should weigh each severity; {', '.join(missing)} is missing")
    return value


Url = Annotated[str, AfterValidator(_http)]
JiraOption = Annotated[Option, BeforeValidator(option_of)]
CustomFields = Annotated[dict[str, JsonValue], AfterValidator(custom_fields)]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
QueryText = Annotated[str, Field(pattern=r"^[^\^\x00-\x1f\x7f]{1,100}$")]
"""What may stand in a query of ServiceNow, where `^` would begin another condition."""
Weight = Annotated[int, Field(ge=1, le=5)]
Switch = Annotated[bool, NoDecode, BeforeValidator(as_switch)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(as_names)]
Count = Annotated[int, Field(ge=1, le=256)]
LookupSource = Literal["forward", "ptr", "asn", "rdap"]
Rate = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
"""A second; 0 is without limit."""
Days = Annotated[float, Field(ge=0, le=3_650, allow_inf_nan=False)]
PerSecond = Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)]
