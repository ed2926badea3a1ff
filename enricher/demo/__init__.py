"""`enricher demo`: the whole service beside stand-ins on loopback, fed with every case of the corpus and every payload.

The service is the real one, in processes of its own; the stand-ins live in this process. Nothing leaves the machine.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import click
import httpx2
import orjson
from rich.console import Console
from rich.table import Table

from enricher.content import packaged
from enricher.core.document import Json
from enricher.demo.surroundings import LOOK_EVERY_S, Standins, service
from enricher.wiring.corpus import cases

PLAY_S = 120.0
WIDE_ENOUGH = 124


@dataclass(frozen=True, slots=True)
class Played:
    """One thing that was sent, and what the webhook said."""

    name: str
    answer: Json
    status: int


def play(*, stay: bool, port: int, as_json: bool) -> int:
    """Run the demonstration. Returns 1 when a case or a ticket did not arrive in time."""
    for sign in (signal.SIGINT, signal.SIGTERM):  # also where the shell started us with SIGINT ignored
        signal.signal(sign, _interrupt)
    with ExitStack() as stack:
        standins = Standins(stack)
        url = stack.enter_context(service(standins, port)).url
        with httpx2.Client(base_url=url, timeout=30) as client:
            sent = [_send(client, name, body) for name, body in messages()]
            rows, late = _await(client, sent)
            if as_json:
                sys.stdout.buffer.write(
                    orjson.dumps({"cases": rows, "late": late, "console": url}, option=orjson.OPT_INDENT_2) + b"\n"
                )
            else:
                _show(rows, sent, late, url, standins)
        if stay:
            _until_interrupted()
    return 1 if late else 0


# --- what is sent ---------------------------------------------------------------------------------------------------


def messages() -> Iterator[tuple[str, bytes]]:
    """Every case of the corpus as Sumo's monitor would send it, then every example payload as it is."""
    for number, (name, alert) in enumerate(cases(), start=1):
        rows = [{"Message": row.text, "Time": None} for row in alert.rows]
        body = {
            "schema": "enricher/1",
            "kind": "monitor",
            "name": f"T1583.007 Serverless C2 - {name}",
            "triggerType": "Critical",
            "numQueryResults": str(len(rows)),
            "alertResponseUrl": f"https://service.us2.sumologic.com/ui/#/alert/{number:016X}",
            "results": orjson.dumps(rows).decode(),
        }
        yield f"corpus: {name}", orjson.dumps(body)
    payloads = sorted((packaged("corpus") / "sumo-payloads").glob("*.json"))
    for path in sorted(payloads, key=lambda p: ("resolution" in p.name or "closed" in p.name, p.name)):
        yield f"payload: {path.stem}", path.read_bytes()


def _send(client: httpx2.Client, name: str, body: bytes) -> Played:
    response = client.post("/webhooks/sumo", content=body, headers={"Content-Type": "application/json"})
    return Played(name, response.json(), response.status_code)


# --- what came of it ------------------------------------------------------------------------------------------------


def _await(client: httpx2.Client, sent: list[Played]) -> tuple[list[Json], list[str]]:
    """Wait until every alert is settled and every delivery is done; what did not get there in time is named."""
    until = time.monotonic() + PLAY_S
    keys: dict[str, list[str]] = {}
    late: list[str] = []
    for played in sent:
        if "alert_id" in played.answer:
            record = _until_settled(client, played.answer["alert_id"], until)
            for key in record["cases"]:
                keys.setdefault(key, []).append(played.name)
            late += [played.name] if record["state"] not in {"done", "dead"} else []
    rows = [_row(_until_delivered(client, key, until), names) for key, names in keys.items()]
    return rows, late + [row["case"] for row in rows if not row["delivered"]]


def _until_settled(client: httpx2.Client, alert_id: str, until: float) -> Any:
    while True:
        record = client.get(f"/api/v1/alerts/{alert_id}").json()
        if record["state"] in {"done", "dead"} or time.monotonic() > until:
            return record
        time.sleep(LOOK_EVERY_S)


def _until_delivered(client: httpx2.Client, key: str, until: float) -> Any:
    while True:
        case = client.get(f"/api/v1/cases/{key}").json()
        if all(d["state"] in {"delivered", "dead"} for d in case["deliveries"]) or time.monotonic() > until:
            return case
        time.sleep(LOOK_EVERY_S)


def _row(case: Any, names: list[str]) -> Json:
    tickets = {d["destination"]: d for d in case["deliveries"]}
    return {
        "sent": names,
        "case": case["key"],
        "title": case["title"],
        "severity": case["severity"],
        "score": case["score"],
        "verdict": case["verdict"],
        "disposition": case["disposition"],
        "tickets": {name: d["label"] or d["external_id"] for name, d in tickets.items()},
        "delivered": all(d["state"] == "delivered" for d in tickets.values()),
    }


def _show(rows: list[Json], sent: list[Played], late: list[str], url: str, standins: Standins) -> None:
    console = Console(highlight=False)
    console.width = max(console.width, WIDE_ENOUGH)  # a key cut short is no key; a narrow terminal wraps
    table = Table(title="Cases", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for heading in ("severity", "score", "case", "Jira", "ServiceNow", "Slack", "sent by"):
        table.add_column(heading, justify="right" if heading == "score" else "left", no_wrap=heading != "sent by")
    for row in sorted(rows, key=lambda r: (-r["score"], r["case"])):
        tickets = [_shown(row["tickets"].get(name)) for name in ("jira", "servicenow", "slack")]
        first, *more = row["sent"]
        names = first.removeprefix("corpus: ") + (f" +{len(more)}" if more else "")
        table.add_row(row["severity"], str(row["score"]), row["case"], *tickets, names)
    console.print(table)
    console.print("\nInformational cases get no ticket by default; they stand on the console.")
    for played in sent:
        if "alert_id" not in played.answer:
            console.print(f"{played.name}: answered {played.status} {orjson.dumps(played.answer).decode()}", markup=False)
    for name in late:
        console.print(f"did not arrive in time: {name}", markup=False)
    console.print(
        f"\nConsole     {url}/\nJira        {standins.jira.url}/browse/SEC-1\nSlack       {standins.slack.url}/archives/C0SOCALERT1"
    )


def _shown(label: str | None) -> str:
    return label.removeprefix("Slack thread ") if label else "-"


def _until_interrupted() -> None:
    click.echo("\nEverything stays up until Ctrl-C.")
    with suppress(KeyboardInterrupt):
        signal.pause()


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
