"""What is installed in Sumo Logic, by the settings and the content in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from enricher.content import delivery_plan, packaged
from enricher.core.document import Json
from enricher.core.kit.dashboard import dashboard
from enricher.core.kit.files import File, kit
from enricher.core.kit.forms import SEARCHES, Form, Query
from enricher.core.kit.installed import installed
from enricher.core.kit.objects import Objects, Options, Payloads
from enricher.core.kit.queries import detection_queries, hunting_queries, preflight_query, process_queries
from enricher.core.kit.searches import CATEGORY, Ready, case_searches
from enricher.core.kit.sigma import sigma_rules
from enricher.core.kit.sysmon_config import sysmon_config
from enricher.core.rules import Platform, Rules
from enricher.errors import ConfigurationError
from enricher.settings import Settings

HOOK = "/webhooks/sumo"
PAYLOADS = {
    "alert": "connection-template.json",
    "recovery": "resolution-template.json",
    "search": "scheduled-search-template.json",
    "heartbeat": "heartbeat-template.json",
    "missing": "missing-data-template.json",
}
"""Templates below `config/sumo/`, by what they are for."""
PLACEHOLDER = "https://enricher.example.com"
"""Stands in files for this service's address where ENRICHER_BASE_URL says none."""


@dataclass(frozen=True)
class Kit:
    """The kit of one service. `url` is where its webhook is reached from outside, if that is known; `category` is the source
    category of the cases that it sends back.
    """

    rules: Rules
    scope: str
    form: Form
    url: str | None = None
    directory: Path | None = None
    category: str = CATEGORY

    def platforms(self, ids: Sequence[str]) -> tuple[Platform, ...] | None:
        """Those of the catalog with these ids, in its order; None for no ids at all. Raises ConfigurationError for one that is none."""
        known = self.rules.catalog.platforms
        strange = [one for one in ids if one not in known]
        if strange:
            raise ConfigurationError([_no_platform(one, [*known]) for one in strange])
        return tuple(platform for one, platform in known.items() if one in ids) if ids else None

    def searches(self, form: Form | None = None, ids: Sequence[str] = ()) -> tuple[Query, ...]:
        """The detection. Raises ConfigurationError, Unsearchable."""
        return detection_queries(self.rules, self.scope, form or self.form, self.platforms(ids))

    def starts(self, form: Form | None = None, ids: Sequence[str] = ()) -> tuple[Query, ...]:
        """Its companion for starts of processes; none for `cloud-siem`. Raises as `searches`."""
        return process_queries(self.rules, self.scope, form or self.form, self.platforms(ids))

    def preflight(self, form: Form | None = None) -> Query:
        """Whether there is anything for the searches to find."""
        form = form or self.form
        return Query(name="preflight", form=form, text=preflight_query(self.scope, form), platforms=())

    def hunting(self, form: Form | None = None) -> str:
        """The searches for a person, several in one text."""
        return hunting_queries(self.scope, self.rules, form or self.form)

    def of_form(self, form: Form) -> Kit:
        """The same kit for events that lie there in another form."""
        return replace(self, form=form)

    @cached_property
    def objects(self) -> Objects:
        """Connection, monitors, scheduled searches and the rest. Raises Unsearchable; ConfigurationError for `cloud-siem`, whose rules
        no monitor runs.
        """
        self._check_form()
        return installed(self.rules, self.options)

    def _check_form(self) -> None:
        if self.form not in SEARCHES:
            raise ConfigurationError([f"no monitor runs the form {self.form}: name one of {', '.join(SEARCHES)}"])

    @property
    def options(self) -> Options:
        """By what it is made."""
        return Options(scope=self.scope, form=self.form, url=self.hook, payloads=self.payloads, case_category=self.category)

    @property
    def files(self) -> tuple[File, ...]:
        """All of it, by paths below one folder. Raises as `objects`."""
        self._check_form()
        return kit(self.rules, self.options)

    @property
    def cases(self) -> tuple[Ready, ...]:
        """The searches over cases that were sent back. Raises Unsearchable."""
        return case_searches(self.category)

    @property
    def dashboard(self) -> Json:
        """The dashboard over them, as the body of a REST call. Raises Unsearchable."""
        return dashboard(self.category)

    @cached_property
    def payloads(self) -> Payloads:
        """The payload templates: the operator's own where there are any, else those shipped."""
        return Payloads(**{name: self.payload(file) for name, file in PAYLOADS.items()})

    def payload(self, name: str) -> str:
        """One template by the name of its file."""
        own = self.directory / "sumo" / name if self.directory else None
        path = own if own is not None and own.is_file() else packaged("config") / "sumo" / name
        return path.read_text("utf-8")

    @cached_property
    def sigma(self) -> tuple[Json, ...]:
        """The detection as Sigma rules."""
        return sigma_rules(self.rules)

    @property
    def sysmon(self) -> str:
        """The fragment of Sysmon's configuration that makes the events be logged."""
        return sysmon_config(self.rules)

    @property
    def hook(self) -> str:
        """Where Sumo Logic is to send alerts; an example's address where none is known."""
        return (self.url or PLACEHOLDER).removesuffix(HOOK).rstrip("/") + HOOK


def kit_of(settings: Settings, rules: Rules, directory: Path | None, category: str, url: str | None = None) -> Kit:
    """The kit by the settings; `url` wins over ENRICHER_BASE_URL."""
    form: Form = settings.sumo_form
    return Kit(rules, settings.sumo_scope, form, url or settings.base_url, directory, category)


def category_of(directory: Path | None) -> str:
    """The source category of the first destination that sends cases back, else the one it would have. Raises ConfigurationError."""
    sent = (str(one.values["category"]) for one in delivery_plan(directory).further if one.kind == "sumo")
    return next(sent, CATEGORY)


def own_kit(url: str | None = None) -> tuple[Settings, Kit]:
    """The kit of this process, and its settings. Raises ConfigurationError."""
    from enricher.wiring import configured, content_directory
    from enricher.wiring.live import load_content

    settings = configured()
    directory = content_directory(settings)
    return settings, kit_of(settings, load_content(directory).rules, directory, category_of(directory), url)


def _no_platform(one: str, known: Sequence[str]) -> str:
    near = get_close_matches(one, known, n=1)
    shown = "".join(char if char.isprintable() else "?" for char in one)[:60]
    return f"{shown} is the id of no platform of the catalog" + (f"; did you mean {near[0]}?" if near else "")
