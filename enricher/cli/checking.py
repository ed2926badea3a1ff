"""`enricher check-config` and `enricher db purge`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from rich.text import Text

from enricher.cli.look import console, facts, listing, print_json, say
from enricher.cli.opened import opened_store
from enricher.content import delivery_plan
from enricher.content.families import families
from enricher.core.programs import Programs
from enricher.errors import ConfigurationError, DeliveryError
from enricher.settings import Settings, unrecognised
from enricher.wiring import clock, configured, content_directory, offline_problems
from enricher.wiring.destinations import Make, destinations_of
from enricher.wiring.live import load_all
from enricher.wiring.pressing import half_set

WARNING = "warning: "
"""How a destination's line begins that names no fault, only what cannot be seen or is weaker than it could be."""


def check_config(directory: Path | None, *, as_json: bool, live: bool) -> int:
    """Print every problem as `file:line: message`; returns 1 on any."""
    problems: list[str] = []
    warnings = unrecognised()
    settings = _settings(problems)
    programs = _content(directory or (content_directory(settings) if settings else None), problems)
    problems += offline_problems(settings) if settings else []
    warnings += half_set(settings) if settings else []
    makers = _makers(settings, problems, warnings) if settings and not problems else {}
    if live:
        _ask(makers, problems, warnings)
    if as_json:
        report = {"problems": problems, "warnings": warnings, "digest": programs.rules.digest if programs else None}
        print_json(report)
    else:
        for problem in (*problems, *(f"warning: {warning}" for warning in warnings)):
            say(problem, err=True)
        if programs and not problems:
            _say_well(programs, sorted(makers))
    return 1 if problems else 0


def _settings(problems: list[str]) -> Settings | None:
    try:
        return configured()
    except ConfigurationError as error:
        problems += error.problems
        return None


def _content(directory: Path | None, problems: list[str]) -> Programs | None:
    try:
        families(directory)
        programs, _ = load_all(directory, today=clock().date())
    except ConfigurationError as error:
        problems += [problem for problem in error.problems if problem not in problems]
        return None
    return programs


def _say_well(programs: Programs, destinations: Sequence[str]) -> None:
    rules = programs.rules
    tuning = f"{len(rules.tuning)} tuning rules" if len(rules.tuning) != 1 else "1 tuning rule"
    said = f": {len(rules.catalog.platforms)} platforms, {tuning}, content {rules.digest[:12]}"
    out = console()
    out.print(Text.assemble(("all is well", "green"), said), soft_wrap=True)
    facts(out, {"detections": [one.id for one in rules.detections], "destinations": destinations or "none are set up"})


def _makers(settings: Settings, problems: list[str], warnings: list[str]) -> dict[str, Make]:
    """Every destination that is set up; a route to one that is not is worth a warning."""
    try:
        plan = delivery_plan(content_directory(settings))
        makers = destinations_of(settings, plan=plan)
    except ConfigurationError as error:
        problems += [problem for problem in error.problems if problem not in problems]
        return {}
    for route in plan.routes:
        warnings += [f"{route.source}: {name} is not set up" for name in route.to if name not in makers]
    return makers


def _ask(makers: Mapping[str, Make], problems: list[str], warnings: list[str]) -> None:
    """Every destination, what stands in the way of its tickets."""
    for name, make in makers.items():
        try:
            with closing(make()) as destination:
                lines = destination.check()
        except (ConfigurationError, DeliveryError) as error:
            problems.append(_refused(name, error))
            continue
        for line in lines:
            (warnings if line.startswith(WARNING) else problems).append(f"{name}: {line.removeprefix(WARNING)}")


def _refused(name: str, error: ConfigurationError | DeliveryError) -> str:
    if isinstance(error, ConfigurationError):
        return str(error)
    return f"{name}: {error.reason}: {error.detail or 'the destination refuses'}"


def purge(days: int, *, as_json: bool) -> None:
    """Forget what was finished more than `days` days ago, and say how much that was."""
    with opened_store() as store:
        gone = store.purge(clock() - timedelta(days=days))
    if as_json:
        print_json(gone, indented=False)
    elif any(gone.values()):
        listing(console(), ("forgotten", "of"), [(count, kind) for kind, count in gone.items()], numbers={"forgotten"})
    else:
        say("nothing to forget")
