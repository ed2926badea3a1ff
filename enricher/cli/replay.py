"""`enricher replay`: stored payloads judged by another configuration or version, beside what was made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from enricher.cli.look import console, line, listing, print_json, progress, say
from enricher.core.comparison import CaseChange, Moved, RowChange
from enricher.core.document import Json, iso
from enricher.core.programs import Programs
from enricher.wiring import application, clock, content_directory
from enricher.wiring.comparing import Compared, compared
from enricher.wiring.live import load_content
from enricher.wiring.replay import Anew, as_if_in_force, experience_then, flow_maker, judged_anew, not_in_force

SAME = 0
CHANGED = 1
MOST_SHOWN = 50


def replay(since: timedelta, directory: Path | None, *, fail_on_change: bool, ignore_dates: bool, as_json: bool) -> int:
    """Print what would be otherwise. Returns 1 with `fail_on_change` where anything is. Raises ConfigurationError, StoreUnavailable."""
    app = application()
    programs = load_content(directory) if directory else load_content(content_directory(app.settings))
    try:
        start = clock() - since
        ended = [] if ignore_dates else not_in_force(programs.rules.tuning, start.date(), clock().date())
        judged_by = as_if_in_force(programs) if ignore_dates else programs
        flow = flow_maker(app.settings, experience_then(app.store.reader))
        with progress("judging") as advance, judged_anew(app.store, judged_by, flow, start, advance) as anew:
            found = compared(app.store.reader, anew)
    finally:
        app.store.close()
    if as_json:
        print_json(report(anew, found, programs, ended))
    else:
        _show(anew, found, ended)
    return CHANGED if fail_on_change and is_changed(anew, found) else SAME


def is_changed(anew: Anew, found: Compared) -> bool:
    """Whether anything is otherwise: a case, a row's reason, or a body that cannot be read any more."""
    return bool(found.changes or anew.rows or anew.unreadable)


def report(anew: Anew, found: Compared, programs: Programs, ended: Sequence[str]) -> Json:
    """A replay as JSON."""
    return {
        "since": iso(anew.since),
        "content": programs.rules.digest,
        "changed": is_changed(anew, found),
        "alerts": {"judged": anew.alerts, "compared": anew.compared, "left_out": anew.left_out},
        "cases": {"before": found.before, "now": found.now, "incomplete": list(found.incomplete)},
        "changes": [change.as_json() for change in found.changes],
        "rows": [row.as_json() for row in anew.rows],
        "unreadable": [{"alert": alert, "reason": reason} for alert, reason in anew.unreadable.items()],
        "not_recorded": sorted(anew.unrecorded),
        "not_in_force": list(ended),
    }


# --- as a page ------------------------------------------------------------------------------------------------------


def _show(anew: Anew, found: Compared, ended: Sequence[str]) -> None:
    out = console()
    older = f", {anew.alerts - anew.compared} older ones for what is remembered" if anew.alerts > anew.compared else ""
    say(f"{anew.compared} alerts since {anew.since:%Y-%m-%d %H:%M} UTC judged anew{older}")
    show_bands(out, found)
    for change in found.changes[:MOST_SHOWN]:
        show_change(out, change)
    for row in anew.rows[:MOST_SHOWN]:
        say(_row_line(row))
    for alert, reason in [*anew.unreadable.items()][:MOST_SHOWN]:
        say(f"alert {alert} cannot be read any more: {reason}")
    most = max(len(found.changes), len(anew.rows), len(anew.unreadable))
    if most > MOST_SHOWN:
        say(f"… at most {MOST_SHOWN} of each are shown: --json has them all")
    if remarks := _remarks(anew, found, ended):
        out.print()
    for remark in remarks:
        say(remark)
    say(_sum(anew, found), style="yellow" if is_changed(anew, found) else "green")


def show_bands(out: Console, found: Compared) -> None:
    """How many cases of each band there were, and are."""
    rows = (("before", *found.before.values()), ("now", *found.now.values()))
    listing(out, ("cases", *found.before), rows, numbers=set(found.before))


def show_change(out: Console, change: CaseChange) -> None:
    """One case: what it is, and below it what moved."""
    about = change.about
    key = change.before.key if change.before else about.key
    told = "" if change.kind == "changed" else f", {change.kind}: {about.severity} {about.score}"
    out.print()
    out.print(line(f"{key}  {about.process or 'unknown'} → {about.target} on {about.host}{told}", "bold"), soft_wrap=True)
    moves = [
        *(f"{moved.name.replace('_', ' ')}: {_from_to(moved)}" for moved in change.fields),
        *(f"tuning rule {moved.name}: {_from_to(moved, nothing='no match')}" for moved in change.rules),
        *(f"{moved.name}: {_from_to(moved)}" for moved in change.steps),
        *(f"note: {note}" for note in change.notes),
    ]
    for move in moves:
        out.print(line(f"  {move}"), soft_wrap=True)


def _from_to(moved: Moved, nothing: str = "none") -> str:
    before, now = (nothing if value is None else str(value) for value in (moved.before, moved.now))
    return f"{before} → {now}"


def _row_line(row: RowChange) -> str:
    before, now = (reason or "in a case" for reason in (row.before, row.now))
    return f"alert {row.alert_id}, row {row.row}: {before} → {now}"


def _remarks(anew: Anew, found: Compared, ended: Sequence[str]) -> list[str]:
    return [
        *(
            [f"{len(found.incomplete)} cases rest on payloads forgotten since, and are not compared"]
            if found.incomplete
            else []
        ),
        *([f"{anew.left_out} alerts are left out: quarantined, discarded, or still waiting"] if anew.left_out else []),
        *([f"not recorded, so not looked up: {', '.join(sorted(anew.unrecorded))}"] if anew.unrecorded else []),
        *(f"{line}; --ignore-dates judges as if it had been" for line in ended),
    ]


def _sum(anew: Anew, found: Compared) -> str:
    if not is_changed(anew, found):
        return f"nothing is otherwise in {found.cases} cases"
    parts = [f"{len(found.changes)} of {found.cases} cases", f"{len(anew.rows)} rows", f"{len(anew.unreadable)} unreadable"]
    return f"otherwise: {', '.join(parts)}"
