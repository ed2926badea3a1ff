"""Cost of the tuning rules for one finding as their number grows: it must not grow with it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from enricher.content.families import People, families, fill
from enricher.core.classify import classify
from enricher.core.distinct import distinct
from enricher.core.finding import tune
from enricher.core.gather import Context, gather
from enricher.core.grade import Asked, Graded, grade
from enricher.core.join import join
from enricher.core.matcher import Matcher
from enricher.core.normalise import normalise
from enricher.core.programs import Programs
from enricher.core.rules import Rules, TuningRule
from enricher.wiring.corpus import cases
from enricher.wiring.live import load_content

FEW, MANY, MOST = 10, 10_000, 100_000
SIZES = (FEW, 1_000, MANY, MOST)
CALLS = 400
ROUNDS = 15
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEOPLE = People(owner="team", approver="soc", ticket="SEC-1")
CASE = "benign/powershell-dsc-wmiprvse-child"
OURS = {
    "tenant": "corp-dsc-drift.azurewebsites.net",
    "script": r"C:\Program Files\CorpOps\Drift\Send-DriftReport.ps1",
}


def run() -> dict[str, object]:
    """Microseconds a finding at each number of live rules, and the ratios: one rule matches, none does, all name one tenant."""
    programs = load_content(None)
    finding = _graded(programs)
    one = _loaded(1)[0].rules.tuning[0]
    elsewhere = replace(one, matchers={**one.matchers, "tenant": Matcher(frozenset({"other.azurewebsites.net"}))})
    each = {
        "one_matches": {size: _rules(programs, [one, *_others(one, size - 1)]) for size in SIZES},
        "none_matches": {size: _rules(programs, [elsewhere, *_others(one, size - 1)]) for size in SIZES},
        "all_of_one_tenant": {size: _rules(programs, [one, *_of_one_tenant(one, size - 1)]) for size in SIZES},
    }
    report: dict[str, object] = {name: _costs(by_size, finding) for name, by_size in each.items()}
    return report | {f"load_{MANY}_s": round(_loaded(MANY)[1], 1)}


def _costs(by_size: dict[int, Rules], finding: Sequence[Graded]) -> dict[str, object]:
    """Rounds of the sizes take turns, so that a busy machine slows all alike; a ratio is the median of its rounds' ratios."""
    times: dict[int, list[float]] = {size: [] for size in by_size}
    for _ in range(ROUNDS):
        for size, rules in by_size.items():
            began = time.perf_counter()
            for _ in range(CALLS):
                tune(finding, rules, NOW.date())
            times[size].append((time.perf_counter() - began) / CALLS)
    ratios = {size: median(a / b for a, b in zip(times[size], times[FEW], strict=True)) for size in (MANY, MOST)}
    return {
        "us": {str(size): round(1e6 * median(each), 1) for size, each in times.items()},
        **{f"ratio_{size}_to_{FEW}": round(ratio, 2) for size, ratio in ratios.items()},
    }


def _rules(programs: Programs, rules: Sequence[TuningRule]) -> Rules:
    return replace(programs.rules, tuning=tuple(replace(rule, mode="live") for rule in rules))


def _others(like: TuningRule, count: int) -> list[TuningRule]:
    """Rules that differ in their tenants."""
    return [
        replace(
            like, id=f"made-{n}", matchers={**like.matchers, "tenant": Matcher(frozenset({f"made-{n}.azurewebsites.net"}))}
        )
        for n in range(count)
    ]


def _of_one_tenant(like: TuningRule, count: int) -> list[TuningRule]:
    """Rules that share the finding's tenant, and differ in their users."""
    return [
        replace(like, id=f"made-{n}", matchers={**like.matchers, "scope.users": Matcher(frozenset({f"corp\\user-{n}"}))})
        for n in range(count)
    ]


def _graded(programs: Programs) -> list[Graded]:
    activity = join(distinct(normalise(dict(cases("benign"))[CASE]).events).events)
    signals = classify(activity, programs.rules).signals
    return grade(gather(signals, activity, Context(), programs.rules, programs), programs, Asked())


def _loaded(count: int) -> tuple[Programs, float]:
    """So many filled templates, through every guard, and the seconds that takes."""
    text = fill(families(None)["automation"], OURS | {"id": "the-one"}, PEOPLE, NOW.date())
    more = (text.replace("the-one", f"made-{n}").replace("corp-dsc-drift", f"made-{n}") for n in range(1, count))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tuning").mkdir()
        (Path(folder) / "tuning" / "all.yml").write_text(text + "".join(more), encoding="utf-8")
        began = time.perf_counter()
        return load_content(Path(folder)), time.perf_counter() - began
