"""The event corpus as a guard: a tuning rule that fits a malicious case of it does not load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from enricher.content import packaged
from enricher.core.classify import classify
from enricher.core.distinct import distinct
from enricher.core.files import read_files
from enricher.core.finding import tuning_facts
from enricher.core.gather import Context, gather
from enricher.core.grade import Asked, grade
from enricher.core.join import join
from enricher.core.normalise import normalise
from enricher.core.programs import Programs
from enricher.core.tune import TuningFacts, holds_somewhere
from enricher.model import Alert


def cases(kind: str | None = None) -> Iterator[tuple[str, Alert]]:
    """The corpus' cases as alerts, by name; of one `kind` (`malicious`, `benign`) or all."""
    root = packaged("corpus") / "sysmon-events"
    for entry in json.loads((root / "manifest.json").read_bytes()):
        if kind is None or entry["kind"] == kind:
            yield entry["case"], read_files(_files(root / entry["case"]))


def _files(folder: Path) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file()]


def hidden_by(programs: Programs) -> list[str]:
    """A problem line for each tuning rule whose conditions a malicious case of the corpus meets, on whatever host and at whatever
    time: what is malicious there may happen here.
    """
    if not programs.rules.tuning:
        return []
    facts = _malicious(programs)
    return [
        f"{rule.source}: rule {rule.id} fits the malicious case {case} of the corpus; narrow it until it does not"
        for rule in programs.rules.tuning
        for case in sorted({name for name, one in facts if holds_somewhere(rule, one)})[:1]
    ]


def _malicious(programs: Programs) -> list[tuple[str, TuningFacts]]:
    return [(name, one) for name, alert in _read() for one in _facts(alert, programs)]


@lru_cache(maxsize=1)
def _read() -> tuple[tuple[str, Alert], ...]:
    return tuple(cases("malicious"))


def _facts(alert: Alert, programs: Programs) -> Iterator[TuningFacts]:
    activity = join(distinct(normalise(alert).events).events)
    signals = classify(activity, programs.rules).signals
    for graded in grade(gather(signals, activity, Context(), programs.rules, programs), programs, Asked()):
        yield tuning_facts(graded)
