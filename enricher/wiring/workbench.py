"""What the pages of tuning are given: rules, drafts, trials, and files to take away. Implements `web.workbench.Workbench`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from time import monotonic

from enricher.core.programs import Programs
from enricher.core.rules import Rules, TuningRule
from enricher.settings import Settings
from enricher.store import Store
from enricher.web.workbench import Download, Trial
from enricher.wiring.downloads import downloads
from enricher.wiring.drafts import Drafted, Wish, drafted
from enricher.wiring.kit import Kit, category_of, kit_of
from enricher.wiring.replay import MakeFlow, flow_maker
from enricher.wiring.trial import Trier


class LiveWorkbench:
    """The workbench of one process, by the content in force. `kit` makes what is installed elsewhere."""

    def __init__(
        self,
        store: Store,
        programs: Callable[[], Programs],
        flow: MakeFlow,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        *,
        kit: Callable[[Rules], Kit],
    ) -> None:
        self._store, self._programs, self._flow, self._clock = store, programs, flow, clock
        self._trier = Trier(store, flow, clock, monotonic)
        self._kit = kit
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
        return tuple(downloads(self._kit(self._programs().rules)))


def workbench_of(
    settings: Settings, store: Store, programs: Callable[[], Programs], clock: Callable[[], datetime]
) -> LiveWorkbench:
    """The workbench of this process, by its settings. Raises ConfigurationError."""
    directory = settings.config_dir if settings.config_dir.is_dir() else None
    flow = flow_maker(settings)
    category = category_of(directory)  # like the destinations, as it was at the start
    return LiveWorkbench(
        store, programs, flow, clock, monotonic, kit=lambda rules: kit_of(settings, rules, directory, category)
    )
