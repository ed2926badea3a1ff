"""`enricher beacon`: what a list of times is called, and how often that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import click
from rich.table import Table

from enricher.cli.look import console, facts, print_json, say
from enricher.core import beacon_trial as trial
from enricher.core.behaviour import PERIODIC, WHOLE_SECOND, beacon_document, rhythm
from enricher.core.document import BeaconDoc, Json
from enricher.core.fields import moment
from enricher.core.memory import WINDOW
from enricher.core.rita import VERSIONS, Scores, Traffic
from enricher.core.rita_threat import ALONE, BEACON, severity, threat

DONE = 0
MISSED = 1
UNREADABLE = 2
_FEWER = 4
"""Timers and pairs of windows are drawn in so many times fewer series: there is no target of one in a hundred to hold."""


# --- score ----------------------------------------------------------------------------------------------------------


class Contact(NamedTuple):
    """A line of the file: a time, and the bytes sent where they are known."""

    at: datetime
    size: float | None


def score(source: str, *, as_json: bool) -> int:
    """Print the class and all scores of the times in a file; returns 2 where a line cannot be read."""
    with click.open_file(source, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    contacts: list[Contact] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        contact = _read(line)
        if contact is None:
            say(f"{source}:{number}: not a time, or not bytes after a tab", err=True)
            return UNREADABLE
        contacts.append(contact)
    document = scored(contacts)
    if as_json:
        print_json(document)
    else:
        _show_scores(document)
    return DONE


def _read(line: str) -> Contact | None:
    written, _, size = line.partition("\t")
    at = moment(written.strip())
    if at is None or not (size.strip() or "0").isdecimal():
        return None
    return Contact(at, float(size) if size.strip() else None)


def scored(contacts: Sequence[Contact]) -> Json:
    """Our class, and RITA's scores over the last 24 hours, up to the latest contact."""
    beacon = rhythm([contact.at for contact in contacts], ())
    traffic = _last_day(contacts)
    scores = {version: judge(traffic) if traffic else None for version, judge in VERSIONS.items()}
    base = _base(traffic, scores["5"])
    return {
        "contacts": len(contacts),
        "beacon": beacon_document(beacon) if beacon else None,
        "rita": {version: asdict(found) if found else None for version, found in scores.items()},
        "threat": round(base, 3),
        "severity": severity(base),
    }


def _last_day(contacts: Sequence[Contact]) -> Traffic | None:
    if not contacts:
        return None
    latest = max(contact.at for contact in contacts)
    recent = [contact for contact in contacts if latest - contact.at <= WINDOW]
    sizes = [contact.size for contact in recent if contact.size is not None]
    hi = latest.timestamp()
    return Traffic(
        times=[contact.at.timestamp() for contact in recent],
        lo=hi - WINDOW.total_seconds(),
        hi=hi,
        sizes=sizes if len(sizes) == len(recent) else None,
    )


def _base(traffic: Traffic | None, found: Scores | None) -> float:
    if traffic and traffic.strobe:
        return ALONE
    return threat(100 * found.score, BEACON) if found and found.score is not None else 0.0


def _show_scores(document: Json) -> None:
    out = console()
    beacon: BeaconDoc | None = document["beacon"]
    named = (beacon or {"class": "no contact"}).items()
    facts(out, {"contacts": document["contacts"], **{name.replace("_", " "): value for name, value in named}})
    out.print(_rita_table(document["rita"]), soft_wrap=True)
    say(f"RITA 5 calls it {document['severity']}: {document['threat']:g}, before modifiers")


def _rita_table(versions: Mapping[str, Json | None]) -> Table:
    table = Table(title="\nRITA, last 24 hours", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("version", "ts", "ds", "dur", "hist", "score", ""):
        table.add_column(name, justify="right" if name not in {"version", ""} else "left")
    for version, found in versions.items():
        if found is None:
            table.add_row(version, *["–"] * 5, "too few seconds, or too many contacts")
            continue
        parts = (found[part] for part in ("ts", "ds", "dur", "hist", "score"))
        note = "" if found["analysed"] else "too few contacts for that version"
        table.add_row(version, *("–" if part is None else f"{part:.3f}" for part in parts), note)
    return table


# --- simulate -------------------------------------------------------------------------------------------------------


def simulate(*, runs: int, seed: int, as_json: bool) -> int:
    """Draw random traffic and timers and print what they are called; returns 1 if the target is missed."""
    document = simulated(runs, seed)
    if as_json:
        print_json(document)
    else:
        _show_trial(document)
    return DONE if document["target_met"] else MISSED


def simulated(runs: int, seed: int) -> Json:
    """All rates: `false_alarms` with the target, `narrow`, `two_windows` and `timers` without one."""
    alarms = list(trial.false_alarms(trial.RANDOM, runs, seed))
    fewer = max(1, runs // _FEWER)
    summed = _summed(alarms)
    return {
        "runs": runs,
        "seed": seed,
        "target": trial.TARGET,
        "target_met": not any(row["missed"] for row in summed),
        "false_alarms": summed,
        "narrow": _summed(list(trial.false_alarms(trial.NARROW, fewer, seed))),
        "two_windows": [_cell(cell) for cell in trial.two_windows(fewer, seed)],
        "timers": [_cell(cell) for cell in trial.timers(fewer, seed)],
        "cells": [_cell(cell) for cell in alarms],
    }


def _summed(cells: Sequence[trial.Cell]) -> list[Json]:
    rows = []
    for (gaps, resolution), group in groupby(cells, key=lambda cell: (cell.gaps, cell.resolution_s)):
        rows += [{"gaps": gaps, "resolution_s": resolution, **asdict(found)} for found in trial.worst(group)]
    return rows


def _cell(cell: trial.Cell) -> Json:
    rates = {name: round(cell.rate(name), 5) for name in sorted(cell.found)}
    return {"gaps": cell.gaps, "resolution_s": cell.resolution_s, "mean_s": cell.mean_s, "n": cell.n, "rates": rates}


def _show_trial(document: Json) -> None:
    out = console()
    out.print(f"{document['runs']} series a cell, seed {document['seed']}; rates in per cent\n")
    out.print(
        _alarm_table("False alarms, the worst of sizes and mean gaps", document["false_alarms"], marked=True),
        soft_wrap=True,
    )
    out.print(
        _alarm_table("\nNarrower gaps, which no score on gaps alone can tell from jitter", document["narrow"]),
        soft_wrap=True,
    )
    out.print(_grid("\nThe stronger class of two windows, exact_timer or regular", document["two_windows"]), soft_wrap=True)
    out.print(_grid("\nTimers found, exact_timer or regular, by jitter in per cent", document["timers"]), soft_wrap=True)
    met = "met" if document["target_met"] else "missed"
    out.print(f"\nTarget of {100 * document['target']:g} % for each class: {met}")


_SHORT = {"exact_timer": "exact", "regular": "regular"}


def _alarm_table(title: str, found: Sequence[Json], *, marked: bool = False) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("gaps")
    table.add_column("clock", justify="right")
    for name, low, high in trial.RANGES:
        sizes = f"{low}" if low == high else f"{low}–{high}"
        table.add_column(f"{_SHORT[name]}\n{sizes}", justify="right")
    for (gaps, resolution), rows in groupby(found, key=lambda row: (row["gaps"], row["resolution_s"])):
        rates = (f"{100 * row['rate']:.2f}{' !' if marked and row['missed'] else ''}" for row in rows)
        table.add_row(gaps, "1 s" if resolution >= WHOLE_SECOND else "1 ms", *rates)
    return table


def _grid(title: str, cells: Sequence[Json]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("contacts")
    for n in dict.fromkeys(cell["n"] for cell in cells):
        table.add_column(str(n), justify="right")
    for gaps, row in groupby(cells, key=lambda cell: cell["gaps"]):
        table.add_row(gaps, *(f"{100 * sum(_periodic(cell)):.1f}" for cell in row))
    return table


def _periodic(cell: Json) -> list[float]:
    return [rate for name, rate in cell["rates"].items() if name in PERIODIC]
