"""A case for a terminal: the verdict first, then why, then what is known and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from enricher.cli import look
from enricher.cli.look import COLOURS, plain
from enricher.core import phrases
from enricher.core.document import AncestorDoc, CaseDocument, DestinationDoc, EnrichmentDoc, Json
from enricher.core.strip import drawn, strip

MOST_COMMAND = 400
MOST_PLACES = 80


def show(document: Json) -> None:
    """Print every case, then the rows that are in none."""
    console = look.console(prose=True)
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


def _show_case(console: Console, case: CaseDocument) -> None:
    colour = COLOURS[case["severity"]]
    console.rule(Text.assemble((f"{case['severity']} {case['score']}", colour), "  ", plain(case["title"])), align="left")
    console.print(plain(case["summary"]))
    if case["raw_score"] != case["score"]:
        console.print(f"Before tuning: {case['raw_severity']} {case['raw_score']}.")
    console.print()
    console.print(_facts(case))
    console.print(Text("\nLineage", "bold"))
    console.print(_lineage(case))
    _show_contacts(console, case)
    console.print()
    console.print(_ledger(case))
    asked = [answer for answer in case["enrichments"] if answer["status"] != "disabled"]
    if asked:
        console.print()
        console.print(_lookups(case["destination"], asked))
    _listing(console, "Tuning", (f"{e['rule']} ({e['mode']}, {e['effect']}): {e['reason']}" for e in case["exceptions"]))
    _listing(console, "Missing", case["missing"])
    _listing(
        console, "Sumo's columns say otherwise", (f"{d['field']}: {d['sumo']!r}, here {d['ours']!r}" for d in case["drift"])
    )
    _listing(console, "Next steps", case["next_steps"])
    _listing(console, "Searches", (f"{hunt['title']}: {hunt['query']}" for hunt in case["hunts"]))


def _facts(case: CaseDocument) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    process, to = case["process"], case["destination"]
    rows = {
        "case": case["key"],
        "verdict": f"{case['verdict']}, confidence {case['confidence']:g}, {case['disposition']}",
        "technique": f"{case['technique']['id']} {case['technique']['name']}",
        "host": case["host"] or None,
        "estate": phrases.estate(case),
        "user": case["user"],
        "process": process["image"],
        "class": f"{process['class']}{', ' + ', '.join(process['identity']) if process['identity'] else ''}",
        "really": ", ".join(filter(None, (process["original_file_name"], process["company"]))),
        "hashes": ", ".join(f"{name} {digest}" for name, digest in process["hashes"].items()),
        "name": f"{case['hostname']} ({case['hostname_source']}, factor {case['hostname_factor']:g})",
        "tenant": case["tenant"],
        "platform": f"{case['platform']['name']} ({case['platform']['category']})",
        "address": f"{to['ip']}:{to['port']}" if to["ip"] and to["port"] else to["ip"],
        "holder": f"AS{to['asn']} {to['holder'] or ''} {to['prefix'] or ''}" if to["asn"] else None,
        "consistent": phrases.consistency(to) if to["ip"] else None,
        "seen": f"{case['first_seen'] or 'unknown'} to {case['last_seen'] or 'unknown'}",
        "history": phrases.history(case),
    }
    for name, value in rows.items():
        table.add_row(Text(name, "dim"), plain(value) if value else Text("unknown", "dim italic"))
    return table


def _lineage(case: CaseDocument) -> Tree:
    """The oldest ancestor at the top, the process itself below its parent, and what it contacted."""
    process = case["process"]
    names = [_link(ancestor) for ancestor in reversed(case["lineage"])] or [Text("parent not known", "dim italic")]
    root = tree = Tree(names[0])
    for name in names[1:]:
        tree = tree.add(name)
    own = tree.add(
        Text.assemble(plain(process["name"] or "unknown"), ("  this process", "bold"), _command(process["command_line"]))
    )
    for block in phrases.decoded(process):
        own.add(Text.assemble(("decoded", "dim"), _command(block)))
    own.add(Text.assemble(("contacted ", "dim"), plain(case["hostname"] or case["destination"]["ip"] or "unknown")))
    return root


def _link(ancestor: AncestorDoc) -> Text:
    source = phrases.SOURCES.get(ancestor["source"], ancestor["source"])
    name = ancestor["name"] or ancestor["image"] or (f"GUID {ancestor['guid']}" if ancestor["guid"] else "unknown")
    return Text.assemble(plain(name), "  ", plain(source, "dim"), _command(ancestor["command_line"]))


def _command(line: str | None) -> Text:
    """A command line below the name, cut; `--json` has all of it."""
    if not line:
        return Text()
    rest = f"… {len(line):,} characters" if len(line) > MOST_COMMAND else ""
    return Text.assemble("\n", plain(line[:MOST_COMMAND]), (rest, "dim"))


def _show_contacts(console: Console, case: CaseDocument) -> None:
    console.print(Text("\nContacts", "bold"), plain(phrases.contacts(case)))
    places = max(2, min(MOST_PLACES, console.width - 4))
    line = strip(case["contacts"], places=places)
    if line:
        console.print(Text(f"  {drawn(line, places=places, ascii_only=console.options.ascii_only)}"))
    if case["beacon"] and case["beacon"]["reason"]:
        console.print(Text("  "), plain(case["beacon"]["reason"]))


def _lookups(to: DestinationDoc, answers: Sequence[EnrichmentDoc]) -> Table:
    table = Table(title="Look-ups", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("source", "about", "end", "age", "answer or reason"):
        table.add_column(heading)
    for answer in answers:
        found = phrases.origin(to, [answer]) if answer["source"] == "asn" else phrases.found(answer)
        said = "; ".join(filter(None, (found, answer["reason"])))
        source = phrases.LOOKUPS.get(answer["source"], answer["source"])
        table.add_row(*map(plain, (source, answer["about"], answer["status"], phrases.asked_ago(answer), said)))
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
            console.print(Text("  - " if console.options.ascii_only else "  · ") + plain(line))
