"""`enricher tuning preview`: what a rule would have done to the cases of the last days, and whether it may go live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.text import Text

from enricher.cli.look import COLOURS, console, line, listing, print_json, progress, say
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
        with progress("judging") as advance:
            flow = flow_maker(app.settings)
            radius = blast_radius(app.store, programs, rule, flow, start, at_most=at_most, advance=advance)
    finally:
        app.store.close()
    if as_json:
        print_json({"since": iso(start), **radius.as_json()})
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
    out = console()
    lowered = len(radius.lowered)
    say(f"rule {radius.rule}, as if live {time}", style="bold")
    say(f"fits {len(radius.changes)} of {radius.cases} cases, lowers {lowered} ({radius.share:.0f} %)")
    if radius.changes:
        out.print()
        headings = ("case", "process", "host", "tenant", "severity", "score", "disposition")
        listing(out, headings, map(_cells, radius.changes[:MOST_SHOWN]))
    if len(radius.changes) > MOST_SHOWN:
        say(f"… {len(radius.changes) - MOST_SHOWN} more: --json has them all")
    out.print()
    totals = (("without it", *radius.before.values()), ("with it", *radius.now.values()))
    listing(out, ("all cases", *radius.before), totals, numbers=set(radius.before))
    out.print()
    hosts = sorted({change.about.host for change in radius.changes})
    for heading, names in (("hosts", hosts), ("no ticket any more", _hidden(radius))):
        say(f"{heading}: {', '.join(names) or 'none'}")
    answer, style = ("no", "red") if radius.reasons else ("yes", "green")
    out.print(Text.assemble("may go live: ", (answer, style)))
    for reason in radius.reasons:
        say(f"  {reason}")


def _hidden(radius: Radius) -> list[str]:
    return [change.about.key for change in radius.changes if change.newly_hidden]


def _cells(change: CaseChange) -> Sequence[object]:
    before, now = change.before or change.about, change.now or change.about
    return (
        before.key,
        before.process or "unknown",
        before.host,
        before.target,
        line(_moved(before.severity, now.severity), COLOURS.get(now.severity, "")),
        _moved(before.score, now.score),
        _moved(before.disposition, now.disposition),
    )


def _moved(before: object, now: object) -> str:
    return str(before) if before == now else f"{before} → {now}"
