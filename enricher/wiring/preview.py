"""The blast radius of a tuning rule: the stored payloads judged twice, without it and with it in force."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from enricher.content import packaged
from enricher.core.programs import Programs
from enricher.core.radius import Radius
from enricher.core.rules import TuningRule
from enricher.errors import ConfigurationError
from enricher.store import Store
from enricher.wiring.comparing import compared
from enricher.wiring.corpus import hidden_by
from enricher.wiring.live import load_content
from enricher.wiring.replay import Advance, MakeFlow, as_if_in_force, judged_anew


def blast_radius(
    stored: Store,
    programs: Programs,
    rule: TuningRule,
    flow: MakeFlow,
    since: datetime,
    *,
    at_most: float,
    advance: Advance = lambda _done, _total: None,
) -> Radius:
    """What `rule` would have done since then, live and in force throughout. `programs` may have it already.

    `flow` knows of no protected tenant: a rule that would lower one must be seen to. `advance` is told how many alerts are judged,
    once without the rule and once with it, and of how many. Raises StoreUnavailable.
    """
    others = tuple(other for other in programs.rules.tuning if other.id != rule.id)
    live = as_if_in_force(Programs(replace(programs.rules, tuning=(replace(rule, mode="live"),))))
    without = Programs(replace(programs.rules, tuning=others))
    with_it = Programs(replace(programs.rules, tuning=(*others, *live.rules.tuning)))
    with (
        judged_anew(stored, without, flow, since, lambda done, total: advance(done, 2 * total)) as before,
        judged_anew(stored, with_it, flow, since, lambda done, total: advance(total + done, 2 * total)) as now,
    ):
        found = compared(before.reader, now)
        return Radius(
            rule=rule.id,
            before=found.before,
            now=found.now,
            changes=found.changes,
            protected=stored.reader.protected_tenants(),
            hides=hidden_by(live),
            at_most=at_most,
        )


def rules_of_file(path: Path, directory: Path | None) -> Sequence[TuningRule]:
    """The rules of a file that is not installed, read beside the rest of the configuration. Raises ConfigurationError."""
    with tempfile.TemporaryDirectory(prefix="enricher-rules-") as folder:
        beside = Path(folder) / "config"
        shutil.copytree(directory or packaged("config"), beside, ignore=shutil.ignore_patterns("tuning", "schema"))
        (beside / "tuning").mkdir()
        own = beside / "tuning" / "rules.yml"
        shutil.copyfile(path, own)
        try:
            return load_content(beside).rules.tuning
        except ConfigurationError as error:
            here = (problem.replace(str(own), str(path)) for problem in error.problems)
            raise ConfigurationError([line.replace("tuning/rules.yml", path.name) for line in here]) from None
