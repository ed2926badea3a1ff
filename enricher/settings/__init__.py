"""The environment → `Settings`. Nothing else reads it; each variable is also read from the file that `…_FILE` names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from enricher.core.ticket_fields import SERVICENOW_OURS
from enricher.core.written import as_json, as_json_or_name, as_names
from enricher.errors import ConfigurationError
from enricher.model import Severity
from enricher.settings.people import Accounts, Header, Hours, Peers, ProxyRoles
from enricher.settings.references import text_of
from enricher.settings.shapes import (
    Address,
    Count,
    CustomFields,
    Days,
    FieldName,
    JiraOption,
    LookupSource,
    Names,
    PerSecond,
    QueryText,
    Rate,
    Seconds,
    Switch,
    Url,
    WebhookToken,
    Weight,
    address_of,
    database_of,
    of_each_severity,
    servers_of,
    tokens_of,
)
from enricher.settings.silence import SilentMinutes
from enricher.settings.slack import App, Mentions, SlackRoles, Team

PREFIX = "ENRICHER_"


class Settings(BaseSettings):
    """Every setting that differs by deployment. A destination without its address (Slack: its token) is off.

    The environment wins over values handed in, which come from `config/destinations.yml`.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    bind: Annotated[Address, NoDecode, BeforeValidator(address_of)] = Address("127.0.0.1", 8080)
    base_url: Url | None = None
    """The console's address, for links in tickets; without it there are none."""
    database_url: Annotated[SecretStr, AfterValidator(database_of)] = SecretStr("sqlite:///data/enricher.db")
    config_dir: Path = Path("config")

    webhook_tokens: Annotated[tuple[WebhookToken, ...], NoDecode, BeforeValidator(tokens_of)] = ()
    """Empty: only loopback peers are accepted."""
    api_read_token: SecretStr | None = None
    api_write_token: SecretStr | None = None
    rate_per_token: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Requests a second for each webhook token; 0 is off."""
    users: Accounts = ()
    session_hours: Hours = 12.0
    proxy_peers: Peers = ()
    proxy_user_header: Header | None = None
    proxy_groups_header: Header | None = None
    proxy_roles: ProxyRoles = None
    """Users, `group:…` or `*` by role."""

    jira_url: Url | None = None
    jira_site_url: Url | None = None
    """Where people browse, where that is not `jira_url`."""
    jira_email: str | None = None
    jira_token: SecretStr | None = None
    jira_project: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]+$")] | None = None
    jira_flavour: Literal["cloud", "datacenter"] = "cloud"
    jira_issue_type: str = "Task"
    jira_comments: Literal["internal", "public"] = "internal"
    """Whether the customers of a service project may read ours."""
    jira_priorities: Annotated[dict[Severity, JiraOption] | None, NoDecode, BeforeValidator(as_json)] = None
    jira_components: Annotated[tuple[JiraOption, ...] | None, NoDecode, BeforeValidator(as_names)] = None
    jira_security: Annotated[JiraOption | None, NoDecode, BeforeValidator(as_json_or_name)] = None
    jira_assignee: str | None = None
    jira_fields: Annotated[CustomFields | None, NoDecode, BeforeValidator(as_json)] = None
    jira_quiet_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 300.0
    """How long a search that finds nothing proves nothing."""
    jira_rate: Rate = 50.0
    jira_on_recovery: Literal["comment", "resolve"] = "comment"
    jira_reopen_days: Days = 7.0
    """A ticket closed longer ago is left closed, and followed by a new one."""
    jira_after_quiet: Literal["create", "hold"] = "create"
    """What follows a quiet period in which the search has found nothing: one more attempt, or a person's word."""
    jira_webhook_secret: SecretStr | None = None
    jira_false_positives: Names = ("False Positive",)
    jira_true_positives: Names = ("True Positive",)
    """Resolutions, as `servicenow_…` are close codes, by which a closed ticket says so."""

    servicenow_url: Url | None = None
    servicenow_user: str | None = None
    servicenow_password: SecretStr | None = None
    servicenow_client_id: str | None = None
    servicenow_client_secret: SecretStr | None = None
    servicenow_table: FieldName = "incident"
    servicenow_assignment_group: QueryText | None = None
    servicenow_caller: QueryText | None = None
    """A group by its name, a caller by user name or mail address; either by sys_id."""
    servicenow_cmdb: Switch = False
    servicenow_risk_score: Literal["instance", "case"] = "instance"
    """Who says how risky a security incident is."""
    servicenow_fields: Annotated[dict[FieldName, str | int | bool] | None, NoDecode, BeforeValidator(as_json)] = None
    servicenow_priorities: Annotated[
        dict[Severity, dict[FieldName, Weight]] | None,
        NoDecode,
        BeforeValidator(as_json),
        AfterValidator(of_each_severity),
    ] = None
    servicenow_rate: Rate = 50.0
    servicenow_on_recovery: Literal["comment", "resolve"] = "comment"
    servicenow_close_code: str | None = None
    """With which a recovered case is resolved; without one, the first that the instance offers of those that fit."""
    servicenow_reopen_days: Days = 7.0
    servicenow_webhook_secret: SecretStr | None = None
    servicenow_false_positives: Names = ("False positive",)
    servicenow_true_positives: Names = ("True positive",)

    slack_url: Url = "https://slack.com/api"
    slack_token: SecretStr | None = None
    slack_channel: str | None = None
    slack_signing_secret: SecretStr | None = None
    slack_roles: SlackRoles = None
    slack_team: Team | None = None
    slack_app: App | None = None
    slack_mentions: Mentions = None
    slack_rate: Rate = 1.0
    slack_digest_at: Annotated[int, Field(ge=0, le=10_000)] = 50
    """More cases than this waiting for their message are told of in digests; 0: never."""

    sumo_api_url: Url | None = None
    sumo_access_id: SecretStr | None = None
    sumo_access_key: SecretStr | None = None
    sumo_scope: Annotated[str, Field(pattern=r"^[!-{}~][ -{}~]{0,999}$")] = "_sourceCategory=*sysmon*"
    sumo_form: Literal["xml", "json", "otel"] = "xml"
    """How Sysmon's events lie there."""
    sumo_requery_minutes: Annotated[float, Field(ge=0, le=1_440, allow_inf_nan=False)] = 15.0
    """How often an open alert's search is run again, for Sumo Logic sends nothing more while it is open; 0: never."""
    sumo_lookback_hours: Annotated[float, Field(gt=0, le=720, allow_inf_nan=False)] = 24.0

    lookups: Switch = True
    lookups_off: Annotated[tuple[LookupSource, ...], NoDecode, BeforeValidator(as_names)] = ()
    lookup_rates: Annotated[dict[LookupSource, PerSecond] | None, NoDecode, BeforeValidator(as_json)] = None
    lookup_deadline_seconds: Seconds = 5.0
    dns_servers: Annotated[tuple[Address, ...], NoDecode, BeforeValidator(servers_of)] = ()
    """Empty: the system's."""
    rdap_url: Url | None = None
    """Asked instead of the registries, for a house with its own mirror."""
    asn_mmdb: Path | None = None
    ranges_dir: Path | None = None
    """Files in the house, which are asked whatever `lookups` says."""

    inbox_limit: Annotated[int, Field(ge=0, le=100_000_000)] = 100_000
    """Alerts that may wait before senders are told to come again; 0: any number."""
    disk_free_mib: Annotated[int, Field(ge=0, le=1_000_000)] = 64
    """The same below so much free space beside a SQLite database."""
    canary_minutes: Annotated[float, Field(ge=0, le=10_080, allow_inf_nan=False)] = 60.0
    """How often a canary goes through the whole service; 0: never."""
    silent_minutes: SilentMinutes = None
    """How often each source is to send; one not named is not watched, but for its heartbeats."""
    canary_url: Url | None = None
    """Where it is sent; without it, to the web half on this machine."""

    lease_seconds: Annotated[float, Field(ge=1, le=3_600, allow_inf_nan=False)] = 60.0
    """How long a dead holder's work waits."""
    web_processes: Count = 2
    web_threads: Count = 8
    worker_processes: Count = 1
    """Worker processes under `enricher serve`; each has the threads below."""
    alert_workers: Count = 2
    delivery_workers: Count = 4

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the files it names, then what was handed in. No `.env` file, no secrets folder."""
        del dotenv_settings, file_secret_settings
        return env_settings, _FileVariables(settings_cls), init_settings

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        """A destination that is half set would fail at its first ticket; better at the start."""
        for switch, needed in _NEEDED.items():
            if getattr(self, switch) not in (None, ()) and (
                missing := [name for name in needed if not getattr(self, name)]
            ):
                names = ", ".join(map(_variable, missing))
                raise ValueError(f"{_variable(switch)} is set, so {names} must be too")
        if self.servicenow_url:
            self._check_servicenow()
        for service in ("jira", "servicenow"):
            lists = (f"{service}_false_positives", f"{service}_true_positives")
            if both := set.intersection(*({word.casefold() for word in getattr(self, name)} for name in lists)):
                raise ValueError(f"{' and '.join(map(_variable, lists))} both hold {', '.join(sorted(both))}")
        if self.jira_url and self.jira_flavour == "cloud" and not self.jira_email:
            raise ValueError(f"{_variable('jira_email')} must be set: Jira Cloud's tokens belong to an account")
        return self

    def _check_servicenow(self) -> None:
        """User and password (Basic), or client id and secret (OAuth), or all four (OAuth's password grant)."""
        pairs = (("servicenow_user", "servicenow_password"), ("servicenow_client_id", "servicenow_client_secret"))
        lacking = [[name for name in pair if not getattr(self, name)] for pair in pairs]
        if half := [name for pair in lacking if len(pair) == 1 for name in pair]:
            raise ValueError(f"{_variable('servicenow_url')} is set, so {', '.join(map(_variable, half))} must be too")
        if all(lacking):
            basic, oauth = (" and ".join(map(_variable, pair)) for pair in pairs)
            raise ValueError(f"{_variable('servicenow_url')} is set, so {basic} must be too, or {oauth}")
        if ours := SERVICENOW_OURS & set(self.servicenow_fields or ()):
            raise ValueError(f"{_variable('servicenow_fields')} names fields that are ours: {', '.join(sorted(ours))}")


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "jira_url": ("jira_token", "jira_project"),
    "slack_token": ("slack_channel",),
    "sumo_api_url": ("sumo_access_id", "sumo_access_key"),
    "proxy_peers": ("proxy_user_header", "proxy_roles"),
    "proxy_user_header": ("proxy_peers", "proxy_roles"),
    "proxy_groups_header": ("proxy_peers",),
    "proxy_roles": ("proxy_peers",),
}


class _FileVariables(PydanticBaseSettingsSource):
    """`ENRICHER_X_FILE` names a file that holds what `ENRICHER_X` would; its last line break does not count."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        variable = _variable(field_name)
        name = os.environ.get(f"{variable}_FILE")
        if not name:
            return None, field_name, False
        if os.environ.get(variable):
            raise ConfigurationError([f"{variable} and {variable}_FILE are both set; set one"])
        return text_of(name, f"{variable}_FILE"), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value}


def read_settings(defaults: Mapping[str, object] | None = None) -> Settings:
    """The settings of this process; `defaults` (by field name) hold where the environment says nothing.

    Raises ConfigurationError: each problem names the variable and says what would be right, and never holds a secret.
    """
    try:
        return Settings.model_validate(dict(defaults or {}))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=True, include_context=False)
        raise ConfigurationError([_message(error) for error in errors]) from None


def config_directory() -> Path:
    """Where `config/` is, before anything in it is read: `destinations.yml` there holds defaults for the other settings."""
    return Path(os.environ.get(_variable("config_dir")) or Settings.model_fields["config_dir"].default)


def unrecognised() -> list[str]:
    """Variables with our prefix that no setting reads: a slip is worth a warning, but no reason not to start (Kubernetes
    makes variables of its own from a service's name).
    """
    known = {_variable(name) for name in Settings.model_fields}
    strange = sorted(
        name
        for name in os.environ
        if name.startswith(PREFIX) and name not in known and name.removesuffix("_FILE") not in known
    )
    hints = {name: get_close_matches(name, known, n=1, cutoff=0.85) for name in strange}
    return [f"{name} is no setting" + (f"; did you mean {close[0]}?" if close else "") for name, close in hints.items()]


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _message(error: ErrorDetails) -> str:
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not error["loc"]:
        return said
    field = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"{_variable(field)} is no setting"
    given = error["input"]
    # Only what cannot hold a secret is repeated; the validators of the other fields say where to look.
    shown = isinstance(given, (str, int, float)) and field not in _SILENT and error["type"] != "value_error"
    return f"{_variable(field)} {said}" + (f", not {str(given)[:60]!r}" if shown else "")


_SILENT = frozenset(
    {"webhook_tokens", "users"}
    | {name for name, field in Settings.model_fields.items() if field.annotation in {SecretStr, SecretStr | None}}
)
