"""The words of a case: its title, its summary and what is missing. Plain sentences; nothing here is judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from enricher.core.finding import Finding
from enricher.model import Alert

NOT_ALL_READ = "history: more is remembered than is read at once; what is nearest was judged"


def shown_name(image: str | None) -> str | None:
    """The last part of a path, in lower case, as `process.name` prints it."""
    return image.replace("/", "\\").rpartition("\\")[2].lower() if image else None


def _short(host: str) -> str:
    return host.partition(".")[0] or "an unknown host"


def _verb(top: Finding) -> str:
    facts = top.graded.facts
    if facts.beacon is not None and facts.beacon.name in {"exact_timer", "regular"} and facts.signal.connections:
        return "beacons to"
    if facts.signal.connections:
        return "contacted"
    return "asked for" if facts.signal.queries else "was told to contact"


def title(top: Finding) -> str:
    """`powershell.exe under cmd.exe beacons to argustest.workers.dev from ws-fin-0142`."""
    facts = top.graded.facts
    name = shown_name(facts.signal.process.image) or "an unknown process"
    parent = shown_name(facts.ancestors[0].image) if facts.ancestors else None
    under = f" under {parent}" if parent else ""
    target = facts.signal.tenant or facts.signal.host
    return f"{name}{under} {_verb(top)} {target} from {_short(facts.signal.process.computer)}"


def summary(top: Finding, count: int, times: Sequence[datetime]) -> str:
    """One sentence: the chain of processes, the host, the platform, how often and since when."""
    facts, signal = top.graded.facts, top.graded.facts.signal
    name = shown_name(signal.process.image) or "A process whose name is not known"
    known = [a for a in reversed(facts.ancestors) if a.source != "missing"]
    chain = [shown_name(a.image) or "an unknown process" for a in known]
    started = " → ".join([*chain, name]) if chain else name
    renamed = ""
    if "renamed" in top.graded.identity and facts.program.known_as:
        renamed = f" (really {facts.program.known_as})"
    what = (
        f"the {signal.platform.name} tenant {signal.tenant}"
        if signal.tenant
        else f"{signal.platform.name} at {signal.host}"
    )
    often = "once" if count == 1 else f"{count} times"
    beacon = facts.beacon
    every = ""
    if beacon is not None and beacon.name in {"exact_timer", "regular"} and beacon.period_s:
        every = f", every {beacon.period_s:g} s ({beacon.name.replace('_', ' ')})"
    since = f", first at {times[0]:%Y-%m-%d %H:%M:%S} UTC" if times else ""
    verb = {"beacons to": "contacted"}.get(_verb(top), _verb(top))
    return f"{started}{renamed} on {signal.process.computer or 'an unknown host'} {verb} {what} {often}{every}{since}."


def missing(top: Finding, alert: Alert) -> list[str]:
    """What is not known, one line each: of the rows, of the grade, of the process."""
    lacking = [*_rows_left(alert), *top.graded.missing]
    if top.graded.facts.signal.process.user is None:
        lacking.append("user: not in the events at hand")
    if not top.graded.facts.signal.process.computer:
        lacking.append("host: no row named one")
    return lacking


def _rows_left(alert: Alert) -> list[str]:
    """The rows that never came: whatever the case says, it may not say all."""
    if not alert.truncated:
        return []
    total = f"{alert.rows_total}" if alert.rows_total is not None else "an unknown number of"
    was_cut = alert.rows_total is not None and alert.rows_total > len(alert.rows)
    rest = "Sumo Logic cut the rest" if was_cut else "as many as Sumo Logic sends at most: there may be more"
    return [f"rows: {len(alert.rows)} of {total} received, {rest}"]
