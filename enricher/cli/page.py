"""A case for a terminal: the verdict first, then why, then what is known and what is missing."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from enricher.core.document import CaseDocument, Json

_COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "blue", "informational": "dim"}


def show(document: Json) -> None:
    """Print every case, then the rows that are in none."""
    console = Console(highlight=False, soft_wrap=False)
    given = document["input"]
    cut = ""
    if given["truncated"]:
        cut = ", cut by Sumo Logic" if given["rows_total"] > given["rows"] else ", as many as Sumo Logic sends at most"
    console.print(f"{given['kind']}: {given['rows']} of {given['rows_total']} rows{cut}, {given['events']} events read\n")
    for case in document["cases"]:
        _show_case(console, case)
    if not document["cases"]:
        console.print("No case: nothing here fits the detection.\n")
    for dropped in document["dropped"]:
        name = f" ({dropped['file']})" if "file" in dropped else ""
        console.print(plain(f"row {dropped['row']}{name} is in no case: {dropped['reason']}"))


def plain(text: object) -> Text:
    """Text from logs, with control and direction characters shown instead of obeyed."""
    return Text("".join(char if char.isprintable() or char == "\n" else f"\\u{ord(char):04x}" for char in str(text)))


def _show_case(console: Console, case: CaseDocument) -> None:
    colour = _COLOURS[case["severity"]]
    console.rule(Text.assemble((f"{case['severity']} {case['score']}", colour), "  ", plain(case["title"])), align="left")
    console.print(plain(case["summary"]))
    if case["raw_score"] != case["score"]:
        console.print(f"Before tuning: {case['raw_severity']} {case['raw_score']}.")
    console.print()
    console.print(_facts(case))
    console.print(_ledger(case))
    _listing(console, "Tuning", (f"{e['rule']} ({e['mode']}, {e['effect']}): {e['reason']}" for e in case["exceptions"]))
    _listing(console, "Missing", case["missing"])
    _listing(
        console, "Sumo's columns say otherwise", (f"{d['field']}: {d['sumo']!r}, here {d['ours']!r}" for d in case["drift"])
    )
    _listing(console, "Next steps", case["next_steps"])


def _facts(case: CaseDocument) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    process, to = case["process"], case["destination"]
    rows = {
        "case": case["key"],
        "verdict": f"{case['verdict']}, confidence {case['confidence']:g}, {case['disposition']}",
        "technique": f"{case['technique']['id']} {case['technique']['name']}",
        "host": case["host"] or None,
        "user": case["user"],
        "process": process["image"],
        "class": f"{process['class']}{', ' + ', '.join(process['identity']) if process['identity'] else ''}",
        "command line": process["command_line"],
        "lineage": " ← ".join(f"{a['name'] or 'unknown'} ({a['source']})" for a in case["lineage"]) or None,
        "name": f"{case['hostname']} ({case['hostname_source']}, factor {case['hostname_factor']:g})",
        "tenant": case["tenant"],
        "platform": f"{case['platform']['name']} ({case['platform']['category']})",
        "address": f"{to['ip']}:{to['port']}" if to["ip"] and to["port"] else to["ip"],
        "holder": f"AS{to['asn']} {to['holder'] or ''} {to['prefix'] or ''}" if to["asn"] else None,
        "contacts": f"{case['count']}, {case['first_seen'] or 'unknown'} to {case['last_seen'] or 'unknown'}",
        "rhythm": case["beacon"]["class"] if case["beacon"] else None,
    }
    for name, value in rows.items():
        table.add_row(Text(name, "dim"), plain(value) if value else Text("unknown", "dim italic"))
    return table


def _ledger(case: CaseDocument) -> Table:
    table = Table(title="Ledger", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("points", justify="right")
    table.add_column("to", justify="right")
    table.add_column("rule")
    table.add_column("evidence")
    for step in case["ledger"]:
        style = "" if step["taken"] else "dim"
        points = f"{step['points']:+g}" if step["taken"] else f"({step['points']:+g})"
        table.add_row(
            Text(points, style), Text(f"{step['to']:g}", style), Text(step["rule"], style), plain(step["evidence"])
        )
    table.caption = case["ledger_digest"]
    table.caption_justify = "left"
    return table


def _listing(console: Console, heading: str, lines: Iterable[str]) -> None:
    lines = list(lines)
    if lines:
        console.print(Text(f"\n{heading}", "bold"))
        for line in lines:
            console.print(Text("  · ") + plain(line))
