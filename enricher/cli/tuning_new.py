"""`enricher tuning new`: a family's template, filled, as YAML for a file of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from enricher.cli.look import console, facts, print_json, say
from enricher.content.families import Family, People, PlaceholderEntry, families, fill, read_rules
from enricher.content.tuning_guards import anything_goes
from enricher.core.document import Json
from enricher.core.programs import Programs
from enricher.core.rules import Rules
from enricher.errors import ConfigurationError
from enricher.wiring import clock, configured, content_directory
from enricher.wiring.corpus import hidden_by
from enricher.wiring.live import load_content

WELL = 0
WRONG = 1
_STAND_INS = People(owner="owner", approver="approver", ticket="TICKET-1")
"""For people who are not named yet, so that everything else about the rule is judged all the same."""


def show_families(*, as_json: bool) -> None:
    """Print every family and what it wants to know."""
    found = families(content_directory(configured()))
    if as_json:
        print_json({"families": [_described(family) for family in found.values()]})
        return
    out = console()
    for family in found.values():
        say(f"{family.name}: {family.file.about}", style="bold")
        gaps = family.file.placeholders
        facts(out, {name: f"{gap.about} ({_suggested(gap)})" for name, gap in gaps.items()}, indent=2)
        out.print()


def _suggested(gap: PlaceholderEntry) -> str:
    return f"default {gap.default}" if gap.default else f"for example {gap.example}" if gap.example else "needed"


def _described(family: Family) -> Json:
    gaps = family.file.placeholders
    return {
        "family": family.name,
        "about": family.file.about,
        "placeholders": [{"name": name, **gap.model_dump()} for name, gap in gaps.items()],
    }


def new(family: str, values: Mapping[str, str], people: People, *, days: int, as_json: bool) -> int:
    """Print the family's rule with its gaps filled; returns 1, with the reasons, where a value makes it one that cannot load."""
    directory = content_directory(configured())
    known = families(directory)
    if family not in known:
        raise click.UsageError(f"there is no family {family!r}; there are {', '.join(known)}")
    today = clock().date()
    try:
        text = fill(known[family], values, people, today, days=days)
        tried = fill(known[family], values, _named(people), today, days=days)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    problems = _problems(tried, _beside(directory))
    if as_json:
        print_json({"family": family, "rule": text, "problems": problems, "to_fill": people.missing})
    else:
        click.echo(text, nl=False)
        for problem in problems:
            say(problem, err=True)
        if people.missing:
            say(f"fill in {', '.join(people.missing)}: until then it does not load", err=True)
    return WRONG if problems else WELL


def _named(people: People) -> People:
    return People(
        **{
            name: getattr(_STAND_INS if name in people.missing else people, name)
            for name in ("owner", "approver", "ticket")
        }
    )


def _beside(directory: Path | None) -> Rules:
    """The content it will stand in; the packaged one while that cannot be read, as when the output goes to a new file in it."""
    try:
        return load_content(directory).rules
    except ConfigurationError as error:
        if not all(problem.endswith(": is empty") for problem in error.problems):
            say("the configuration has problems of its own (enricher check-config); judged by the packaged one", err=True)
        return load_content(None).rules


def _problems(text: str, rules: Rules) -> list[str]:
    """What would keep the rule from loading beside those that are there."""
    found, problems = read_rules(text, rules.catalog)
    taken = {rule.id: rule.source for rule in rules.tuning}
    twice = [
        f"{one.source}: rule {one.id!r} is already in {taken[one.id]}; ids are unique" for one in found if one.id in taken
    ]
    alone = Programs(replace(rules, tuning=tuple(found)))
    return [*problems, *twice, *anything_goes(alone), *hidden_by(alone)]
