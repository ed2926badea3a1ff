"""`enricher quarantine`: what could not be read, kept as it came, and read again after a fix."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from enricher.cli.page import plain
from enricher.core.secrets import mask
from enricher.ports import AlertRecord
from enricher.store import Store
from enricher.web.api import quarantined_json
from enricher.wiring import application

NOT_THERE = 1
_PAGE = 200
_BY = "command line"


@contextmanager
def _store() -> Iterator[Store]:
    app = application()
    try:
        yield app.store
    finally:
        app.store.close()


def show_list(*, reason: str | None, limit: int, as_json: bool) -> None:
    """Print what lies there, newest first."""
    with _store() as store:
        page = store.reader.dead_alerts(limit=limit, reason=reason)
    if as_json:
        _print([quarantined_json(record) for record in page.items])
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("id", "received", "source", "reason", "bytes", "sent again"):
        table.add_column(heading, no_wrap=heading in {"id", "received"}, overflow="fold")
    for record in page.items:
        table.add_row(*_cells(record))
    Console(highlight=False, soft_wrap=True).print(table)
    if page.next:
        click.echo(f"… more: --limit {limit * 2}")


def _cells(record: AlertRecord) -> list[Text]:
    received = f"{record.received_at:%Y-%m-%d %H:%M:%S}Z"
    values = (record.alert_id, received, record.source, mask(record.reason or "unknown"), record.size, record.repeats)
    return [plain(value) for value in values]


def show_one(alert_id: str, *, as_json: bool, body: bool) -> int:
    """Print one of them; `body` its bytes instead, as they came."""
    with _store() as store:
        record, sent = store.inbox.get(alert_id), store.inbox.body(alert_id)
    if record is None or sent is None or record.state != "dead":
        return _not_there(alert_id)
    if body:
        sys.stdout.buffer.write(sent)
    elif as_json:
        _print(quarantined_json(record))
    else:
        for name, value in quarantined_json(record).items():
            Console(highlight=False, soft_wrap=True).print(plain(f"{name}: {value}"))
    return 0


def retry(ids: Sequence[str], *, everything: bool, reason: str | None, as_json: bool) -> int:
    """Hand them back to the worker; returns 1 if one is not there."""
    with _store() as store:
        wanted = _all(store, reason) if everything else list(ids)
        done = [alert_id for alert_id in wanted if store.inbox.get(alert_id) and store.operator.retry_dead(alert_id, _BY)]
    missing = [alert_id for alert_id in wanted if alert_id not in set(done)]
    if as_json:
        _print({"retried": done, "missing": missing})
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
    click.echo(plain(f"{alert_id}: not in quarantine").plain, err=True)
    return NOT_THERE


def _print(document: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")
