"""What `enricher dead-letters` does."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
import orjson
from rich.console import Console

from enricher.cli.page import plain
from enricher.core.document import Json
from enricher.store import Store
from enricher.web.api import dead_letter_json
from enricher.web.paging import Wanted, dead_letters
from enricher.wiring import application

NOT_THERE = 1
_BY = "command line"


@contextmanager
def _store() -> Iterator[Store]:
    app = application()
    try:
        yield app.store
    finally:
        app.store.close()


def show_list(*, reason: str | None, destination: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """Print what was given up: alerts, then deliveries, newest first."""
    which = Wanted(kind=kind, reason=reason, destination=destination)
    with _store() as store:
        page = dead_letters(store.reader, limit=limit, after=None, which=which)
    letters = [dead_letter_json(record) for record in page.items]
    if as_json:
        _print(letters)
        return
    for letter in letters:
        for line in _lines(letter):
            Console(highlight=False, soft_wrap=True).print(plain(line))
    if page.next:
        click.echo(f"… more: --limit {limit * 2}")


def _lines(letter: Json) -> Iterator[str]:
    """Which and why, then what it is and what was answered last. An alert's reason holds that behind its fixed word."""
    word, _, said = (letter["reason"] or "unknown").partition(":")
    which = letter.get("destination") or "alert"
    attempts = letter["attempts"]
    yield (
        f"{letter['id']}  {which}  {word}  since {letter['since']:%Y-%m-%d %H:%M:%S}Z, "
        f"{attempts} attempt{'' if attempts == 1 else 's'}"
    )
    about = f"case {letter['case']}" if "case" in letter else f"{letter['size']} bytes from {letter['source']}"
    answered = (letter.get("detail") or said).strip()
    yield f"    {about}{f': {answered}' if answered else ''}"


def show_one(item_id: str, *, body: bool, as_json: bool) -> int:
    """Print one of them; `body` the bytes of an alert instead, as they came. Returns 1 where it is not there."""
    with _store() as store:
        found = store.reader.dead_letter(item_id)
        sent = store.inbox.body(item_id) if body and found else None
    if found is None:
        return _not_there(item_id)
    if body and sent is None:
        click.echo("a delivery has no body", err=True)
        return NOT_THERE
    if sent is not None:
        sys.stdout.buffer.write(sent)
    elif as_json:
        _print(dead_letter_json(found))
    else:
        for name, value in dead_letter_json(found).items():
            Console(highlight=False, soft_wrap=True).print(plain(f"{name}: {value}"))
    return 0


def retry_some(ids: Sequence[str], *, as_json: bool) -> int:
    """Try these again; returns 1 if one is not there."""
    with _store() as store:
        done = [item_id for item_id in ids if store.operator.retry_dead(item_id, _BY)]
    missing = [item_id for item_id in ids if item_id not in set(done)]
    if as_json:
        _print({"retried": done, "missing": missing})
    else:
        click.echo(f"{len(done)} on their way again")
        for item_id in missing:
            _not_there(item_id)
    return NOT_THERE if missing else 0


def retry_all(reason: str, *, destination: str | None, kind: str | None, as_json: bool) -> None:
    """Try all of a reason again that are there now, some hundred at a time: what comes back meanwhile is not taken twice."""
    opened, total = 0, None
    with _store() as store:
        while total is None or opened < total:
            done = store.operator.retry_all(reason, destination=destination, kind=kind, by=_BY)
            opened += done.count
            total = done.count + done.left if total is None else total
            if not done.count:
                break
    if as_json:
        _print({"retried": opened})
    else:
        click.echo(f"{opened} on their way again")


def discard(item_id: str, *, by: str, why: str, as_json: bool) -> int:
    """Never try it again; returns 1 where it is not there."""
    with _store() as store:
        done = store.operator.discard_dead(item_id, by, why)
    if not done:
        return _not_there(item_id)
    if as_json:
        _print({"discarded": item_id, "by": by})
    else:
        click.echo(plain(f"{item_id} is discarded by {by}").plain)
    return 0


def _not_there(item_id: str) -> int:
    click.echo(plain(f"{item_id}: no dead letter").plain, err=True)
    return NOT_THERE


def _print(document: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")
