"""`enricher tuning list` and `test`: the rules of the configuration, and what the database knows of their use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from enricher.cli.page import plain
from enricher.core.document import Json
from enricher.core.tuning_doc import tuning_docs
from enricher.core.uses import RuleUse
from enricher.errors import ConfigurationError, StoreUnavailable
from enricher.settings import Settings
from enricher.wiring import application, clock, configured, content_directory
from enricher.wiring.live import load_content

_WIDEST = 1_000
"""A row stays on one line, on a terminal as in a file."""
_COLUMNS = ("rule", "state", "mode", "owner", "does", "scope", "until", "days left", "matches", "last match")
_NUMBERS = frozenset({"days left", "matches"})


def show_list(*, as_json: bool) -> None:
    """Print every rule of the configuration; where there is no database, without its matches."""
    settings = configured()
    rules = load_content(content_directory(settings)).rules.tuning
    uses = _uses(settings)
    docs = tuning_docs(rules, uses, clock().date())
    if as_json:
        _print({"database": uses is not None, "rules": docs})
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", no_wrap=True)
    for doc in docs:
        table.add_row(*map(plain, _cells(doc)))
    console = Console(highlight=False, soft_wrap=True)
    console.width = _WIDEST
    console.print(table)
    if uses is None:
        click.echo("no database: matches are not known")


def _cells(doc: Json) -> tuple[str, ...]:
    scope = "; ".join(f"{name} {', '.join(values)}" for name, values in doc["scope"].items())
    return (
        doc["id"],
        doc["state"],
        doc["mode"],
        doc["owner"],
        doc["does"],
        scope,
        doc["expires"],
        str(doc["days_left"]),
        "?" if doc["matches"] is None else str(doc["matches"]),
        (doc["last_match"] or "")[:10],
    )


def _uses(settings: Settings) -> Mapping[str, RuleUse] | None:
    """What the database knows of each rule; None where there is none, or none that can be read. None is made."""
    url = settings.database_url.get_secret_value()
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return None
    app = application(settings)
    try:
        return app.store.reader.rule_uses()
    except StoreUnavailable:
        return None
    finally:
        app.store.close()


def test(directory: Path | None, *, as_json: bool) -> int:
    """Load the rules with all their guards, run their tests, ask the corpus; returns 1 on any problem."""
    problems: tuple[str, ...] = ()
    rules = 0
    try:
        folder = directory or content_directory(configured())
        rules = len(load_content(folder, today=clock().date()).rules.tuning)
    except ConfigurationError as error:
        problems = tuple(error.problems)
    if as_json:
        _print({"rules": rules, "problems": list(problems)})
    else:
        for line in problems:
            click.echo(line, err=True)
        if not problems:
            whose = "1 tuning rule: its" if rules == 1 else f"{rules} tuning rules: their"
            click.echo(f"{whose} tests pass, and no malicious case of the corpus is hidden")
    return 1 if problems else 0


def _print(document: Json) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
