"""`enricher quarantine`: what could not be read, kept as it came, and read again after a fix."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from enricher.cli.look import console, facts, listing, moment, print_json, say
from enricher.cli.opened import BY, opened_store
from enricher.core.secrets import mask
from enricher.ports import AlertRecord
from enricher.store import Store
from enricher.web.api import quarantined_json

NOT_THERE = 1
_PAGE = 200
_HEADINGS = ("id", "received", "source", "reason", "bytes", "sent again")


def show_list(*, reason: str | None, limit: int, as_json: bool) -> None:
    """Print what lies there, newest first."""
    with opened_store() as store:
        page = store.reader.dead_alerts(limit=limit, reason=reason)
    if as_json:
        print_json([quarantined_json(record) for record in page.items])
        return
    if not page.items:
        say("nothing lies in quarantine")
        return
    listing(console(), _HEADINGS, map(_cells, page.items), numbers={"bytes", "sent again"})
    if page.next:
        click.echo(f"… more: --limit {limit * 2}")


def _cells(record: AlertRecord) -> Sequence[object]:
    reason = mask(record.reason or "unknown")
    return (record.alert_id, moment(record.received_at), record.source, reason, record.size, record.repeats)


def show_one(alert_id: str, *, as_json: bool, body: bool) -> int:
    """Print one of them; `body` its bytes instead, as they came."""
    with opened_store() as store:
        record, sent = store.inbox.get(alert_id), store.inbox.body(alert_id)
    if record is None or sent is None or record.state != "dead":
        return _not_there(alert_id)
    if body:
        sys.stdout.buffer.write(sent)
    elif as_json:
        print_json(quarantined_json(record))
    else:
        facts(console(), quarantined_json(record))
    return 0


def retry(ids: Sequence[str], *, everything: bool, reason: str | None, as_json: bool) -> int:
    """Hand them back to the worker; returns 1 if one is not there."""
    with opened_store() as store:
        wanted = _all(store, reason) if everything else list(ids)
        done = [alert_id for alert_id in wanted if store.inbox.get(alert_id) and store.operator.retry_dead(alert_id, BY)]
    missing = [alert_id for alert_id in wanted if alert_id not in set(done)]
    if as_json:
        print_json({"retried": done, "missing": missing})
    else:
        click.echo(f"{len(done)} to be read again")
        for alert_id in missing:
            _not_there(alert_id)
    return NOT_THERE if missing else 0


def _all(store: Store, reason: str | None) -> list[str]:
    """All that lie there now: what comes back unread meanwhile is not taken twice."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = store.reader.dead_alerts(limit=_PAGE, after=after, reason=reason)
        found += [record.alert_id for record in page.items]
        if page.next is None:
            return found
        after = page.next


def _not_there(alert_id: str) -> int:
    say(f"{alert_id}: not in quarantine; enricher quarantine list names what is", err=True)
    return NOT_THERE
