"""`enricher tuning preview`: what a rule would have done to the cases of the last days, and whether it may go live."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from enricher.cli.page import plain
from enricher.core.comparison import CaseChange
from enricher.core.document import iso
from enricher.core.radius import Radius
from enricher.core.rules import TuningRule
from enricher.errors import ConfigurationError
from enricher.wiring import application, clock, content_directory
from enricher.wiring.live import load_content
from enricher.wiring.preview import blast_radius, rules_of_file
from enricher.wiring.replay import flow_maker

SAFE = 0
UNSAFE = 1
MOST_SHOWN = 50
NARROWEST = 200
"""A case stays on one line, also in a file."""


def preview(named: str, since: timedelta, *, at_most: float, as_json: bool) -> int:
    """Print the blast radius of a rule, by its id or its file. Returns 1 where it must not go live.

    Raises ConfigurationError, StoreUnavailable.
    """
    app = application()
    try:
        directory = content_directory(app.settings)
        programs = load_content(directory)
        path = Path(named)
        rules = rules_of_file(path, directory) if path.is_file() else programs.rules.tuning
        rule = _one(rules, None if path.is_file() else named)
        start = clock() - since
        radius = blast_radius(app.store, programs, rule, flow_maker(app.settings), start, at_most=at_most)
    finally:
        app.store.close()
    if as_json:
        document = {"since": iso(start), **radius.as_json()}
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        _show(radius, f"since {start:%Y-%m-%d %H:%M} UTC")
    return UNSAFE if radius.reasons else SAFE


def _one(rules: Sequence[TuningRule], named: str | None) -> TuningRule:
    """The rule of that id; without one, the only rule. Raises ConfigurationError."""
    found = [rule for rule in rules if named is None or rule.id == named]
    if len(found) == 1:
        return found[0]
    if named is None:
        raise ConfigurationError([f"the file holds {len(found)} rules; a preview is of one"])
    known = ", ".join(sorted(rule.id for rule in rules)) or "none"
    raise ConfigurationError([f"{named!r} is neither a file nor a rule of the configuration; there are: {known}"])


def _show(radius: Radius, time: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, NARROWEST)
    lowered = len(radius.lowered)
    console.print(plain(f"rule {radius.rule}, as if live {time}"))
    console.print(plain(f"fits {len(radius.changes)} of {radius.cases} cases, lowers {lowered} ({radius.share:.0f} %)"))
    if radius.changes:
        console.print(_cases(radius.changes[:MOST_SHOWN]))
    if len(radius.changes) > MOST_SHOWN:
        console.print(f"… {len(radius.changes) - MOST_SHOWN} more: --json has them all")
    console.print(_totals(radius))
    hosts = sorted({change.about.host for change in radius.changes})
    for heading, names in (("hosts", hosts), ("no ticket any more", _hidden(radius))):
        console.print(plain(f"{heading}: {', '.join(names) or 'none'}"))
    console.print(plain("may go live: " + ("no" if radius.reasons else "yes")))
    for reason in radius.reasons:
        console.print(plain(f"  {reason}"))


def _hidden(radius: Radius) -> list[str]:
    return [change.about.key for change in radius.changes if change.newly_hidden]


def _cases(changes: Sequence[CaseChange]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("case", "process", "host", "tenant", "severity", "score", "disposition"):
        table.add_column(heading, no_wrap=True)
    for change in changes:
        before, now = change.before or change.about, change.now or change.about
        table.add_row(
            *map(
                plain,
                (
                    before.key,
                    before.process or "unknown",
                    before.host,
                    before.target,
                    _moved(before.severity, now.severity),
                    _moved(before.score, now.score),
                    _moved(before.disposition, now.disposition),
                ),
            )
        )
    return table


def _moved(before: object, now: object) -> str:
    return str(before) if before == now else f"{before} → {now}"


def _totals(radius: Radius) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("all cases")
    for band in radius.before:
        table.add_column(band, justify="right")
    table.add_row("without it", *map(str, radius.before.values()))
    table.add_row("with it", *map(str, radius.now.values()))
    return table
