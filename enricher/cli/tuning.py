"""`enricher tuning`: the rules that lower a severity, where they stand, whether they do what they were meant to."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from enricher.cli.completing import CASES, FAMILIES, RULES
from enricher.cli.span import SPAN


@click.group()
def tuning() -> None:
    """Tuning rules: where they stand, their tests, new ones."""


@tuning.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_rules(*, as_json: bool) -> None:
    """Every rule: in force or not, whose, until when, and how often it matched; those that end soon first."""
    from enricher.cli.tuning_rules import show_list

    show_list(as_json=as_json)


@tuning.command("test")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--json", "as_json", is_flag=True)
def test_rules(directory: Path | None, *, as_json: bool) -> None:
    """Every rule's tests, and whether one would hide a malicious case of the corpus: `file:line: message`; exit 1 on any."""
    from enricher.cli.tuning_rules import test

    sys.exit(test(directory, as_json=as_json))


@tuning.command("new")
@click.argument("family", required=False, shell_complete=FAMILIES)
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="A placeholder's value; as often as needed.")
@click.option("--owner", metavar="TEAM", help="Who answers for the rule.")
@click.option("--approver", metavar="NAME", help="Who has agreed to it; another than the owner.")
@click.option("--ticket", metavar="KEY", help="Where that was agreed.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(min=1, max=365), help="Until it ends.")
@click.option("--json", "as_json", is_flag=True)
def new_rule(
    family: str | None,
    values: tuple[str, ...],
    *,
    days: int,
    as_json: bool,
    **people: str | None,
) -> None:
    """A rule from a FAMILY's template, in shadow, as YAML on standard output; without FAMILY: which there are."""
    from enricher.cli.tuning_new import new, show_families
    from enricher.content.families import People

    if family is None:
        show_families(as_json=as_json)
        return
    pairs = dict(_pair(value) for value in values)
    named = People(**{name: value for name, value in people.items() if value})
    sys.exit(new(family, pairs, named, days=days, as_json=as_json))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--set {text!r}: write NAME=VALUE")
    return name.strip(), value


@tuning.command("preview")
@click.argument("named", metavar="ID|FILE", shell_complete=RULES)
@click.option("--since", default="14d", show_default=True, type=SPAN, help="Hours, days or weeks: 36h, 14d, 4w.")
@click.option(
    "--at-most",
    default=20.0,
    show_default=True,
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Of all cases that the rule may lower.",
)
@click.option("--json", "as_json", is_flag=True)
def preview_rule(named: str, since: timedelta, *, at_most: float, as_json: bool) -> None:
    """What a rule would have done to the cases of that time, live: a rule of the configuration, or of a FILE; exit 1 if too much."""
    from enricher.cli.tuning_preview import preview

    sys.exit(preview(named, since, at_most=at_most, as_json=as_json))


@tuning.command("draft")
@click.argument("case", metavar="CASE", shell_complete=CASES)
@click.option("--owner", metavar="TEAM", help="Who answers for the rule.")
@click.option("--approver", metavar="NAME", help="Who has agreed to it; another than the owner.")
@click.option("--ticket", metavar="KEY", help="Where that was agreed.")
@click.option("--reason", metavar="TEXT", help="Why it can be lived with; without it, what it was drafted from.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(min=1, max=365), help="Until it ends.")
@click.option("--json", "as_json", is_flag=True)
def draft_rule(case: str, *, reason: str | None, days: int, as_json: bool, **people: str | None) -> None:
    """The narrowest rule that covers a stored CASE, in shadow, as YAML on standard output; exit 1 where there must be none."""
    from enricher.cli.tuning_draft import draft_rule as run
    from enricher.content.families import People

    named = People(**{name: value for name, value in people.items() if value})
    sys.exit(run(case, named, reason=reason, days=days, as_json=as_json))
