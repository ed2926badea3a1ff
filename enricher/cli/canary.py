"""`enricher canary`: one marked alert through the whole service, and what it has proved."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from threading import Event

import click
import orjson

from enricher.cli.page import plain
from enricher.core.canary import WEBHOOK, Canary, Proof, stage
from enricher.core.document import Json
from enricher.wiring import Application, application
from enricher.wiring.canary import Sender, await_canary, send_past_the_webhook

LOOK_EVERY_S = 0.1
_SIGNS = {"proved": "✓", "warned": "!"}


def canary(url: str | None, *, direct: bool, timeout_s: float, as_json: bool) -> int:
    """Send one and wait for it; 1 where something failed, or did not arrive in time."""
    app = application()
    try:
        sent = _send(app, url, direct=direct)
        names = sorted(app.destinations)
        seen = await_canary(app.store.canaries, sent, set(names), timeout_s, lambda: Event().wait(LOOK_EVERY_S))
    finally:
        app.store.close()
    report = report_of(sent, seen, names)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")
    else:
        for line in lines_of(report):
            click.echo(line)
    return 0 if report["arrived"] and not report["failing"] else 1


def _send(app: Application, url: str | None, *, direct: bool) -> str:
    if direct:
        return send_past_the_webhook(app.store.canaries, app.store.inbox)
    with closing(Sender(app.settings, app.store.canaries, url)) as sender:
        return sender.send()


def report_of(sent: str, seen: Canary | None, names: Sequence[str]) -> Json:
    """What is known of a canary: `proofs` by name, `failing` the names that stand in a ticket's way, `stage` where it stays."""
    found = seen.proofs if seen else {}
    proofs = {
        name: {"state": found[name].state.value, "detail": found[name].detail}
        if name in found
        else {"state": Proof.MISSING.value, "detail": ""}
        for name in (*([WEBHOOK] if WEBHOOK in found else []), *names)
    }
    arrived = seen is not None and seen.settled_at is not None and all(name in found for name in names)
    return {
        "canary": sent,
        "arrived": arrived,
        "seconds": (seen.settled_at - seen.sent_at).total_seconds() if seen and seen.settled_at else None,
        "stage": None if arrived else stage(seen) if seen else "forgotten",
        "proofs": proofs,
        "failing": [name for name, proof in proofs.items() if proof["state"] not in _SIGNS],
    }


def lines_of(report: Json) -> list[str]:
    """The report for a person: one line for the way, one for each destination."""
    lines = [_line(name, proof) for name, proof in report["proofs"].items() if name == WEBHOOK]
    if report["seconds"] is not None:
        lines.append(f"✓ worker: settled {report['seconds']:.1f} s after it was sent")
    if not report["arrived"]:
        lines.append(f"✗ canary {report['canary']} has not arrived: {report['stage']}")
    return [*lines, *(_line(name, proof) for name, proof in report["proofs"].items() if name != WEBHOOK)]


def _line(name: str, proof: Json) -> str:
    detail = f": {proof['detail']}" if proof["detail"] else ""
    return plain(f"{_SIGNS.get(proof['state'], '✗')} {name}: {proof['state']}{detail}").plain
