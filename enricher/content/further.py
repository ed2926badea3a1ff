"""`further` and `routes` of `destinations.yml`: more destinations, by name, and which cases go where.

A secret never stands in the file: `…_env` names the variable that holds it, `…_file` the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from enricher.content.documents import Document, Problems
from enricher.content.further_sumo import FurtherInsight, FurtherSumo
from enricher.content.models import HttpUrl, JiraEntry, ServiceNowEntry, SlackEntry, Strict, Text
from enricher.core.catalog import Catalog
from enricher.core.estate import ROLES, Estate
from enricher.core.route import OPEN, Route, unreachable
from enricher.model import Severity

OWN = ("jira", "servicenow", "slack")
"""The destinations that have settings of their own."""
LONGEST_NAME = 40
_PLACES = ("_env", "_file")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is: in a variable of the environment, or in a file. `source` is `file:line`, `key` what names it."""

    key: str
    variable: str | None = None
    file: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """One more destination. `values` are its settings, `secrets` say where each of its secrets is, by what it is for."""

    name: str
    kind: str
    values: Mapping[str, Any]
    secrets: Mapping[str, tuple[Reference, ...]]
    source: str


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """What `destinations.yml` says beyond the settings."""

    further: tuple[Further, ...] = ()
    routes: tuple[Route, ...] = ()


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("should be the name of a variable, in capitals; a secret itself never stands here")
    return name


Variable = Annotated[Text, AfterValidator(_variable)]

_ONE_ONLY = frozenset({"false_positives", "true_positives"})
"""What a ticket's resolution means is asked of the tickets that send it to us."""


class _Named(Strict):
    @model_validator(mode="before")
    @classmethod
    def _of_one_only(cls, entry: Any) -> Any:
        for key in entry if isinstance(entry, dict) else ():
            if key in _ONE_ONLY:
                raise ValueError(f"{key!r} is read of jira and servicenow themselves alone")
        return entry


def _one_of(entry: Strict, name: str, *, needed: bool) -> None:
    given = [key for key in (f"{name}_env", f"{name}_file") if getattr(entry, key)]
    if len(given) > 1 or (needed and not given):
        raise ValueError(f"should have {name}_env or {name}_file" + (", not both" if given else ""))


class FurtherJira(JiraEntry, _Named):
    """Another project, or another Jira. What it does not say is as in the settings of `jira`."""

    kind: Literal["jira"]
    token_env: Variable | None = None
    token_file: Text | None = None

    @model_validator(mode="after")
    def _own_token(self) -> FurtherJira:
        """The token of one site is never shown to another."""
        _one_of(self, "token", needed=self.url is not None)
        return self


class FurtherServiceNow(ServiceNowEntry, _Named):
    """Another table, or another instance. What it does not say is as in the settings of `servicenow`."""

    kind: Literal["servicenow"]
    password_env: Variable | None = None
    password_file: Text | None = None
    client_secret_env: Variable | None = None
    client_secret_file: Text | None = None

    @model_validator(mode="after")
    def _own_secrets(self) -> FurtherServiceNow:
        for name in ("password", "client_secret"):
            _one_of(self, name, needed=False)
        if self.url is not None and not any(getattr(self, key) for key in type(self).model_fields if key.endswith(_PLACES)):
            raise ValueError("should have password_env, password_file, client_secret_env or client_secret_file")
        return self


class FurtherSlack(SlackEntry, _Named):
    """Another channel, or another workspace. What it does not say is as in the settings of `slack`."""

    kind: Literal["slack"]
    channel: Text
    token_env: Variable | None = None
    token_file: Text | None = None

    @model_validator(mode="after")
    def _own_token(self) -> FurtherSlack:
        _one_of(self, "token", needed=self.url is not None)
        return self


class FurtherPagerDuty(_Named):
    """A service of PagerDuty."""

    kind: Literal["pagerduty"]
    url: HttpUrl = "https://events.pagerduty.com"
    routing_key_env: Variable | None = None
    routing_key_file: Text | None = None

    @model_validator(mode="after")
    def _key(self) -> FurtherPagerDuty:
        _one_of(self, "routing_key", needed=True)
        return self


class FurtherWebhook(_Named):
    """A receiver of Standard Webhooks. Several secrets sign side by side while one replaces the other."""

    kind: Literal["webhook"]
    url: HttpUrl
    secret_env: list[Variable] = Field(default_factory=list)
    secret_file: list[Text] = Field(default_factory=list)

    @model_validator(mode="after")
    def _some(self) -> FurtherWebhook:
        if not self.secret_env and not self.secret_file:
            raise ValueError("should have secret_env or secret_file, a list of names")
        return self


class FurtherFile(_Named):
    """A file of JSON lines, of which new ones are appended."""

    kind: Literal["file"]
    path: Text


class FurtherStdout(_Named):
    """JSON lines to standard output."""

    kind: Literal["stdout"]


FurtherEntry = Annotated[
    FurtherJira
    | FurtherServiceNow
    | FurtherSlack
    | FurtherPagerDuty
    | FurtherWebhook
    | FurtherFile
    | FurtherStdout
    | FurtherSumo
    | FurtherInsight,
    Field(discriminator="kind"),
]


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or len(name) > LONGEST_NAME or name in OWN:
        raise ValueError(f"should be small letters, digits and '-', at most {LONGEST_NAME}, and none of {', '.join(OWN)}")
    return name


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Words = Annotated[list[Text], BeforeValidator(_listed, json_schema_input_type=Text | list[Text]), Field(min_length=1)]
Severities = Annotated[
    list[Severity], BeforeValidator(_listed, json_schema_input_type=Severity | list[Severity]), Field(min_length=1)
]
Disposition = Literal["open", "suppressed", "informational"]
Dispositions = Annotated[
    list[Disposition], BeforeValidator(_listed, json_schema_input_type=Disposition | list[Disposition]), Field(min_length=1)
]


class WhenEntry(Strict):
    """Conditions, all of which must hold; of each list, one value."""

    severity: Severities | None = None
    host_group: Words | None = None
    role: Words | None = None
    platform: Words | None = None
    category: Words | None = None
    disposition: Dispositions | None = None


class RouteEntry(Strict):
    """The cases that fit `when` and no route before go to the destinations of `to`; an empty `to` keeps them here."""

    when: WhenEntry = WhenEntry()
    to: Annotated[list[Text], BeforeValidator(_listed, json_schema_input_type=Text | list[Text])]


FurtherEntries = dict[Annotated[str, AfterValidator(_name)], FurtherEntry]


class DestinationsFile(Strict):
    """Where tickets go. The environment wins over the first three parts, and secrets stand only there, or in files of their own."""

    jira: JiraEntry = JiraEntry()
    servicenow: ServiceNowEntry = ServiceNowEntry()
    slack: SlackEntry = SlackEntry()
    further: FurtherEntries = Field(default_factory=dict)
    routes: list[RouteEntry] = Field(default_factory=list)


def plan_of(
    file: DestinationsFile,
    document: Document,
    *,
    catalog: Catalog | None,
    estate: Estate | None,
    problems: Problems,
) -> DeliveryPlan:
    """What the entries say; names that nothing has are problems. Without catalog and estate, those of theirs go unchecked."""
    shown = document.file.shown
    entries = tuple(
        _further(name, entry, f"{shown}:{document.line(('further', name))}") for name, entry in file.further.items()
    )
    known = {*OWN, *file.further}
    made: list[Route] = []
    for i, entry in enumerate(file.routes):
        line = document.line(("routes", i))
        for place, problem in _strange(entry, known, catalog, estate):
            problems.add(shown, document.line(("routes", i, *place)), f"routes.{i}.{'.'.join(place)}: {problem}")
        route = _route(entry, f"{shown}:{line}")
        if _never(route):
            problems.add(
                shown, line, f"routes.{i}: no case is both {Severity.INFORMATIONAL} and open; name the disposition"
            )
        made.append(route)
    for route, earlier in unreachable(made):
        line = int(route.source.rpartition(":")[2])
        problems.add(shown, line, f"no case comes here: the route in {earlier.source} takes all of them")
    return DeliveryPlan(entries, tuple(made))


def _never(route: Route) -> bool:
    return route.severity == {Severity.INFORMATIONAL} and route.disposition == OPEN


def _further(name: str, entry: Any, source: str) -> Further:
    values = entry.model_dump(exclude_none=True, exclude={"kind"})
    secrets: dict[str, list[Reference]] = {}
    for key in [key for key in values if key.endswith(_PLACES)]:
        given, what = values.pop(key), key.removesuffix("_env").removesuffix("_file")
        for one in given if isinstance(given, list) else [given]:
            place = {"variable": one} if key.endswith("_env") else {"file": one}
            secrets.setdefault(what, []).append(Reference(f"further.{name}.{key}", source=source, **place))
    found = {what: tuple(places) for what, places in secrets.items()}
    return Further(name=name, kind=entry.kind, values=values, secrets=found, source=source)


def _route(entry: RouteEntry, source: str) -> Route:
    given = {name: frozenset(map(str, values)) for name, values in entry.when.model_dump(exclude_none=True).items()}
    return Route(to=tuple(entry.to), source=source, **given)


def _strange(
    entry: RouteEntry, names: set[str], catalog: Catalog | None, estate: Estate | None
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where a route names what there is not, and what it is."""
    for name in entry.to:
        if name not in names:
            yield ("to",), f"{name!r} is no destination; there are {', '.join(sorted(names))}"
    known: dict[str, set[str]] = {"role": set(ROLES)}
    if catalog is not None:
        known |= {"platform": set(catalog.platforms), "category": {p.category for p in catalog.platforms.values()}}
    if estate is not None:
        known["host_group"] = {group for one in estate.entries for group in one.groups}
    for name, there in known.items():
        for value in getattr(entry.when, name) or ():
            if value not in there:
                yield ("when", name), f"{value!r} is in no file; there are {', '.join(sorted(there)) or 'none'}"
