"""`enricher canary`: one marked alert through the whole service, and what it has proved."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from threading import Event

from rich.text import Text

from enricher.cli.look import SIGNS, console, listing, print_json
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
        print_json(report)
    else:
        rows = [(Text(sign, SIGNS[sign]), *rest) for sign, *rest in rows_of(report)]
        listing(console(), ("", "what", "state", "detail"), rows)
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


def rows_of(report: Json) -> list[tuple[str, str, str, str]]:
    """The report for a person: a sign, what it is about, its state and more; the way first, then each destination."""
    proofs = report["proofs"]
    rows = [_row(name, proofs[name]) for name in proofs if name == WEBHOOK]
    if report["seconds"] is not None:
        rows.append(("✓", "worker", "settled", f"{report['seconds']:.1f} s after it was sent"))
    if not report["arrived"]:
        rows.append(("✗", f"canary {report['canary']}", "has not arrived", report["stage"]))
    return [*rows, *(_row(name, proofs[name]) for name in proofs if name != WEBHOOK)]


def _row(name: str, proof: Json) -> tuple[str, str, str, str]:
    return _SIGNS.get(proof["state"], "✗"), name, proof["state"], proof["detail"]
