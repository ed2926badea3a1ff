"""What the pages of tuning are given: rules, drafts, trials, and files to take away. Implements `web.workbench.Workbench`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic

from enricher.content import packaged
from enricher.core.kit.queries import FORMS, Form, detection_queries, hunting_queries
from enricher.core.kit.sigma import as_yaml, sigma_rules
from enricher.core.programs import Programs
from enricher.core.rules import Rules, TuningRule
from enricher.settings import Settings
from enricher.store import Store
from enricher.web.workbench import Download, Trial
from enricher.wiring.drafts import Drafted, Wish, drafted
from enricher.wiring.replay import MakeFlow, flow_maker
from enricher.wiring.trial import Trier

CONNECTION = "connection-template.json"
_LIES: dict[Form, str] = {
    "xml": "where Sysmon's events are Windows' XML, as most shippers send them",
    "json": "where they are JSON, as Sumo Logic's own collector sends them",
}


class LiveWorkbench:
    """The workbench of one process, by the content in force. `directory` is the operator's, `scope` where Sysmon's events are."""

    def __init__(
        self,
        store: Store,
        programs: Callable[[], Programs],
        flow: MakeFlow,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        *,
        directory: Path | None,
        scope: str,
    ) -> None:
        self._store, self._programs, self._flow, self._clock = store, programs, flow, clock
        self._trier = Trier(store, flow, clock, monotonic)
        self._directory, self._scope = directory, scope
        self._made = lru_cache(maxsize=1)(self._make)

    def rule(self, rule_id: str) -> TuningRule | None:
        return next((rule for rule in self._programs().rules.tuning if rule.id == rule_id), None)

    def draft(self, key: str) -> Drafted | None:
        return drafted(self._store, key, self._programs(), self._flow, self._clock(), Wish())

    def trial(self, rule_id: str, since: datetime) -> Trial | None:
        rule = self.rule(rule_id)
        return None if rule is None else self._trier.run(self._programs(), rule, since)

    def downloads(self) -> tuple[Download, ...]:
        return self._made(self._programs().rules.digest)

    def _make(self, _digest: str) -> tuple[Download, ...]:
        """Made once for each content: the same files, the same downloads."""
        return tuple(_downloads(self._programs().rules, self._scope, self._directory))


def workbench_of(
    settings: Settings, store: Store, programs: Callable[[], Programs], clock: Callable[[], datetime]
) -> LiveWorkbench:
    """The workbench of this process, by its settings."""
    directory = settings.config_dir if settings.config_dir.is_dir() else None
    flow = flow_maker(settings)
    return LiveWorkbench(store, programs, flow, clock, monotonic, directory=directory, scope=settings.sumo_scope)


def _downloads(rules: Rules, scope: str, directory: Path | None) -> Iterator[Download]:
    documents = sigma_rules(rules)
    yield Download(
        name="serverless-c2.sigma.yml",
        kind="sigma",
        title="Sigma rules",
        about=f"{len(documents)} rules of events 22 and 3 for whatever else reads Sigma; they grade nothing",
        text=as_yaml(documents),
    )
    for form in FORMS:
        for query in detection_queries(rules, scope, form):
            yield Download(
                name=f"sumo-{form}-{query.name}.txt",
                kind="sumo",
                title=f"Detection: {query.name.replace('-', ' ')}, {form.upper()}",
                about=f"{len(query.platforms)} rows of the catalog, {len(query.text):,} characters; {_LIES[form]}",
                text=f"{query.text}\n",
            )
    yield Download(
        name="hunting-queries.txt",
        kind="hunt",
        title="Hunting",
        about="the searches a case links to, with words in capitals for what a case fills in",
        text=hunting_queries(scope),
    )
    own = directory / "sumo" / CONNECTION if directory else None
    path = own if own is not None and own.is_file() else packaged("config") / "sumo" / CONNECTION
    yield Download(
        name=CONNECTION,
        kind="connection",
        title="Connection payload",
        about="alert payload and recovery payload of the webhook connection in Sumo Logic",
        text=path.read_text("utf-8"),
    )
