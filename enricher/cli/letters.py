"""What `enricher dead-letters` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from enricher.cli.look import console, facts, listing, moment, print_json, say
from enricher.cli.opened import BY, opened_store
from enricher.core.document import Json
from enricher.web.api import dead_letter_json
from enricher.web.paging import Wanted, dead_letters

NOT_THERE = 1
_HEADINGS = ("id", "where", "reason", "since", "attempts", "about", "answered last")


def show_list(*, reason: str | None, destination: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """Print what was given up: alerts, then deliveries, newest first."""
    which = Wanted(kind=kind, reason=reason, destination=destination)
    with opened_store() as store:
        page = dead_letters(store.reader, limit=limit, after=None, which=which)
    letters = [dead_letter_json(record) for record in page.items]
    if as_json:
        print_json(letters)
        return
    if not letters:
        say("nothing was given up")
        return
    listing(console(), _HEADINGS, map(_cells, letters), numbers={"attempts"})
    if page.next:
        click.echo(f"… more: --limit {limit * 2}")


def _cells(letter: Json) -> Sequence[object]:
    """Which and why, then what it is and what was answered last. An alert's reason holds that behind its fixed word."""
    word, _, said = (letter["reason"] or "unknown").partition(":")
    about = f"case {letter['case']}" if "case" in letter else f"{letter['size']} bytes from {letter['source']}"
    answered = (letter.get("detail") or said).strip()
    where = letter.get("destination") or "alert"
    return (letter["id"], where, word, moment(letter["since"]), letter["attempts"], about, answered)


def show_one(item_id: str, *, body: bool, as_json: bool) -> int:
    """Print one of them; `body` the bytes of an alert instead, as they came. Returns 1 where it is not there."""
    with opened_store() as store:
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
        print_json(dead_letter_json(found))
    else:
        facts(console(), dead_letter_json(found))
    return 0


def retry_some(ids: Sequence[str], *, as_json: bool) -> int:
    """Try these again; returns 1 if one is not there."""
    with opened_store() as store:
        done = [item_id for item_id in ids if store.operator.retry_dead(item_id, BY)]
    missing = [item_id for item_id in ids if item_id not in set(done)]
    if as_json:
        print_json({"retried": done, "missing": missing})
    else:
        click.echo(f"{len(done)} on their way again")
        for item_id in missing:
            _not_there(item_id)
    return NOT_THERE if missing else 0


def retry_all(reason: str, *, destination: str | None, kind: str | None, as_json: bool) -> None:
    """Try all of a reason again that are there now, some hundred at a time: what comes back meanwhile is not taken twice."""
    opened, total = 0, None
    with opened_store() as store:
        while total is None or opened < total:
            done = store.operator.retry_all(reason, destination=destination, kind=kind, by=BY)
            opened += done.count
            total = done.count + done.left if total is None else total
            if not done.count:
                break
    if as_json:
        print_json({"retried": opened})
    else:
        click.echo(f"{opened} on their way again")


def discard(item_id: str, *, by: str, why: str, as_json: bool) -> int:
    """Never try it again; returns 1 where it is not there."""
    with opened_store() as store:
        done = store.operator.discard_dead(item_id, by, why)
    if not done:
        return _not_there(item_id)
    if as_json:
        print_json({"discarded": item_id, "by": by})
    else:
        say(f"{item_id} is discarded by {by}")
    return 0


def _not_there(item_id: str) -> int:
    say(f"{item_id}: no dead letter; enricher dead-letters list names them", err=True)
    return NOT_THERE
