"""The destinations that are set up, each made in the process that uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from enricher.content import DeliveryPlan, Further
from enricher.core.document import CaseDocument
from enricher.core.insight import insight_of
from enricher.core.layout import PLAIN, Layouts
from enricher.core.route import destinations_for
from enricher.errors import ConfigurationError
from enricher.ports import Destination, Ticket
from enricher.settings import Settings
from enricher.settings.references import secret_at
from enricher.wiring.pressing import has_buttons

Make = Callable[[], Destination]
Place = tuple[str, ...]
"""What two destinations must not have in common."""
Templates = Callable[[], Layouts]
"""The templates in force, asked for each time that one is used."""
OnTwins = Callable[[str, str, Sequence[Ticket]], None]


def destinations_of(
    settings: Settings,
    on_twins: OnTwins | None = None,
    *,
    plan: DeliveryPlan = DeliveryPlan(),  # noqa: B008 - frozen
    templates: Templates = lambda: PLAIN,
) -> dict[str, Make]:
    """Makers of the destinations that are set up, by name; each is made in the process that uses it.

    `templates` are those in force when a ticket is written. `on_twins` is told the destination, the case and its tickets where a look-up finds several.

    Raises ConfigurationError for a further one whose secret is not where the file says, that has half of its settings, or that
    is the same place as another: each would take the other's tickets for its own, or for twins.
    """
    makers = _own_makers(settings, templates, on_twins)
    taken = {_place(name, settings): name for name in makers}
    problems: list[str] = []
    for one in plan.further:
        try:
            place, makers[one.name] = _made(one, settings, templates, on_twins)
        except ConfigurationError as error:
            problems += error.problems
            continue
        if (same := taken.setdefault(place, one.name)) != one.name:
            problems.append(f"{one.source}: further.{one.name}: is the same place as {same}")
    if problems:
        raise ConfigurationError(problems)
    return makers


def _own_makers(settings: Settings, templates: Templates, on_twins: OnTwins | None) -> dict[str, Make]:
    makers: dict[str, Make] = {}
    if settings.jira_url:
        makers["jira"] = lambda: _jira("jira", settings, templates, on_twins)
    if settings.servicenow_url:
        makers["servicenow"] = lambda: _servicenow("servicenow", settings, templates)
    if settings.slack_token:
        makers["slack"] = lambda: _slack("slack", settings, templates)
    return makers


def shows_tickets(plan: DeliveryPlan) -> tuple[str, ...]:
    """The destinations that are told of a case's tickets elsewhere: every channel of Slack, and what leads back into Sumo Logic."""
    return ("slack", *(one.name for one in plan.further if one.kind in {"slack", "sumo", "insight"}))


def deliver_to(plan: DeliveryPlan, names: Sequence[str]) -> Callable[[CaseDocument], Sequence[str]]:
    """Which of the destinations get a case, by its routes; those that comment on Insights only where there is one."""
    insights = {one.name for one in plan.further if one.kind == "insight"}
    others = tuple(name for name in names if name not in insights)
    return lambda case: destinations_for(case, plan.routes, names if insight_of(case) else others)


# --- further ones -----------------------------------------------------------------------------------------------------


class _Own(Settings):
    """Settings of one further destination: what was handed in, and nothing of the environment."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


_LOGINS: Mapping[str, tuple[str, ...]] = {
    "jira": ("site_url", "email", "token"),
    "servicenow": ("user", "password", "client_id", "client_secret"),
    "slack": ("token",),
}
"""What belongs to one address, and is not shown to another."""


def _secrets(one: Further) -> dict[str, list[str]]:
    """Its secrets, by what they are for. Raises ConfigurationError."""
    return {
        what: [
            secret_at(f"{place.source}: {place.key}", variable=place.variable, file=place.file).get_secret_value()
            for place in places
        ]
        for what, places in one.secrets.items()
    }


def _settings_for(one: Further, settings: Settings) -> Settings:
    """The settings of its kind, with its own over them. Raises ConfigurationError."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    if "url" in one.values:
        values |= dict.fromkeys(f"{one.kind}_{name}" for name in _LOGINS[one.kind])
    values |= {f"{one.kind}_{name}": value for name, value in one.values.items()}
    values |= {f"{one.kind}_{what}": SecretStr(found[0]) for what, found in _secrets(one).items()}
    try:
        made = _Own.model_validate(values)
    except ValidationError as invalid:
        said = "; ".join(error["msg"].removeprefix("Value error, ") for error in invalid.errors(include_input=False))
        raise ConfigurationError([f"{one.source}: further.{one.name}: {said}"]) from None
    if not getattr(made, _SWITCHES[one.kind]):
        raise ConfigurationError([f"{one.source}: further.{one.name}: has no {_SWITCHES[one.kind].partition('_')[2]}"])
    return made


_SWITCHES = {"jira": "jira_url", "servicenow": "servicenow_url", "slack": "slack_token"}


def _place(kind: str, settings: Settings) -> Place:
    """Where the tickets of one kind go."""
    named = {"jira": "project", "servicenow": "table", "slack": "channel"}[kind]
    return kind, str(getattr(settings, f"{kind}_url")).rstrip("/"), str(getattr(settings, f"{kind}_{named}"))


def _made(one: Further, settings: Settings, templates: Templates, on_twins: OnTwins | None) -> tuple[Place, Make]:
    """Raises ConfigurationError."""
    if one.kind in _OTHERS:
        return _OTHERS[one.kind](one, settings)
    own = _settings_for(one, settings)
    place = _place(one.kind, own)
    if one.kind == "jira":
        return place, lambda: _jira(one.name, own, templates, on_twins)
    return place, lambda: (_servicenow if one.kind == "servicenow" else _slack)(one.name, own, templates)


def _pagerduty(one: Further, settings: Settings) -> tuple[Place, Make]:
    from enricher.destinations.guard import check_url
    from enricher.destinations.pagerduty import PagerDuty

    (key,) = _secrets(one)["routing_key"]
    url = one.values["url"]
    check_url(f"{one.source}: further.{one.name}", url)
    return (one.kind, url, key), lambda: PagerDuty(key, name=one.name, url=url, base_url=settings.base_url)


def _webhook(one: Further, settings: Settings) -> tuple[Place, Make]:
    from enricher.destinations.guard import check_url
    from enricher.destinations.webhook import Webhook, signing_key

    del settings
    where, secrets, url = f"{one.source}: further.{one.name}", _secrets(one)["secret"], one.values["url"]
    check_url(where, url)
    for secret in secrets:
        signing_key(where, secret)
    return (one.kind, url.rstrip("/")), lambda: Webhook(url, secrets, name=one.name)


def _file(one: Further, settings: Settings) -> tuple[Place, Make]:
    from enricher.destinations.lines import FileLines

    del settings
    path = Path(one.values["path"])
    return (one.kind, str(path.absolute())), lambda: FileLines(path, name=one.name)


def _stdout(one: Further, settings: Settings) -> tuple[Place, Make]:
    from enricher.destinations.lines import StandardOutput

    del settings
    return (one.kind,), lambda: StandardOutput(name=one.name)


def _sumo(one: Further, settings: Settings) -> tuple[Place, Make]:
    """Raises ConfigurationError for a category that the searches themselves would find: each case would be an alert again."""
    from enricher.core.own_case import is_within
    from enricher.destinations.guard import check_url
    from enricher.destinations.sumo_source import SumoSource, checked_url

    where, (url,) = f"{one.source}: further.{one.name}", _secrets(one)["url"]
    check_url(where, checked_url(where, url))
    category = one.values["category"]
    if is_within(category, settings.sumo_scope):
        said = f"category {category} lies inside ENRICHER_SUMO_SCOPE ({settings.sumo_scope})"
        right = "every alternative of it should name another _sourceCategory, or each case would be found as an event"
        raise ConfigurationError([f"{where}: {said}; {right}"])
    more = {"source_name": one.values.get("name"), "host": one.values.get("host"), "fields": one.values["fields"]}
    return (one.kind, url), lambda: SumoSource(url, name=one.name, category=category, base_url=settings.base_url, **more)


def _insight(one: Further, settings: Settings) -> tuple[Place, Make]:
    """Raises ConfigurationError where the settings name no API."""
    from enricher.destinations.sumo_insight import SumoInsight
    from enricher.wiring.pacing import insight_turn

    url, user, key = settings.sumo_api_url, settings.sumo_access_id, settings.sumo_access_key
    if not url or not user or not key:
        needed = "ENRICHER_SUMO_API_URL, ENRICHER_SUMO_ACCESS_ID and ENRICHER_SUMO_ACCESS_KEY"
        raise ConfigurationError([f"{one.source}: further.{one.name}: needs {needed}"])
    login = user.get_secret_value(), key.get_secret_value()
    status, turn, base_url = one.values.get("status"), insight_turn(settings), settings.base_url
    return (one.kind, url), lambda: SumoInsight(url, login, name=one.name, status=status, turn=turn, base_url=base_url)


_OTHERS: Mapping[str, Callable[[Further, Settings], tuple[Place, Make]]] = {
    "pagerduty": _pagerduty,
    "webhook": _webhook,
    "file": _file,
    "stdout": _stdout,
    "sumo": _sumo,
    "insight": _insight,
}


# --- those with settings of their own ---------------------------------------------------------------------------------


def _jira(name: str, settings: Settings, templates: Templates, on_twins: OnTwins | None) -> Destination:
    from enricher.destinations.jira import Jira
    from enricher.destinations.jira_flavour import FLAVOURS
    from enricher.wiring.rendering import jira_fields

    return Jira(
        settings.jira_url or "",
        settings.jira_email,
        _secret(settings.jira_token),
        name=name,
        project=settings.jira_project or "",
        issue_type=settings.jira_issue_type,
        flavour=FLAVOURS[settings.jira_flavour],
        fields=jira_fields(settings),
        internal=settings.jira_comments == "internal",
        base_url=settings.base_url,
        site_url=settings.jira_site_url,
        quiet_s=settings.jira_quiet_seconds,
        after_quiet=settings.jira_after_quiet,
        on_recovery=settings.jira_on_recovery,
        reopen_days=settings.jira_reopen_days,
        on_twins=partial(on_twins, name) if on_twins else None,
        layout=lambda: templates().jira,
    )


def _servicenow(name: str, settings: Settings, templates: Templates) -> Destination:
    from enricher.destinations.servicenow import Credentials, ServiceNow
    from enricher.wiring.rendering import servicenow_form

    return ServiceNow(
        settings.servicenow_url or "",
        Credentials(
            user=settings.servicenow_user or "",
            password=_secret(settings.servicenow_password),
            client_id=settings.servicenow_client_id or "",
            client_secret=_secret(settings.servicenow_client_secret),
        ),
        name=name,
        form=servicenow_form(settings),
        group=settings.servicenow_assignment_group,
        caller=settings.servicenow_caller,
        cmdb=settings.servicenow_cmdb,
        on_recovery=settings.servicenow_on_recovery,
        close_code=settings.servicenow_close_code,
        reopen_days=settings.servicenow_reopen_days,
        base_url=settings.base_url,
        layout=lambda: templates().servicenow,
    )


def _slack(name: str, settings: Settings, templates: Templates) -> Destination:
    from enricher.destinations.slack import Slack

    return Slack(
        _secret(settings.slack_token),
        settings.slack_channel or "",
        name=name,
        url=settings.slack_url,
        base_url=settings.base_url,
        mentions={severity.value: whom for severity, whom in (settings.slack_mentions or {}).items()},
        buttons=has_buttons(settings),
        digest_at=settings.slack_digest_at,
        layout=lambda: templates().slack,
    )


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
