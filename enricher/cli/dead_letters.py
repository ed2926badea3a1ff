"""`enricher dead-letters`: what was given up, tried again or discarded by a person."""

from __future__ import annotations

import sys

import click

KINDS = click.Choice(["alert", "delivery"])


@click.group("dead-letters")
def dead_letters() -> None:
    """Alerts and deliveries that we have stopped trying."""


@dead_letters.command("list")
@click.option("--reason", metavar="WORD", help="Only those of this reason: not_json, forbidden, gone, held …")
@click.option("--destination", metavar="NAME", help="Only deliveries to this destination.")
@click.option("--kind", type=KINDS, help="Only alerts, or only deliveries.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1, max=10_000))
@click.option("--json", "as_json", is_flag=True)
def list_them(reason: str | None, destination: str | None, kind: str | None, limit: int, *, as_json: bool) -> None:
    """What was given up, why, and what the service answered last: alerts, then deliveries, newest first."""
    from enricher.cli.letters import show_list

    show_list(reason=reason, destination=destination, kind=kind, limit=limit, as_json=as_json)


@dead_letters.command("show")
@click.argument("item_id", metavar="ID")
@click.option("--body", is_flag=True, help="Print an alert's bytes as they came instead: into a file, not onto a terminal.")
@click.option("--json", "as_json", is_flag=True)
def show(item_id: str, *, body: bool, as_json: bool) -> None:
    """One of them."""
    from enricher.cli.letters import show_one

    sys.exit(show_one(item_id, body=body, as_json=as_json))


@dead_letters.command("retry")
@click.argument("ids", metavar="ID", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of one --reason.")
@click.option("--reason", metavar="WORD", help="With --all: which.")
@click.option("--destination", metavar="NAME", help="With --all: only deliveries to this destination.")
@click.option("--kind", type=KINDS, help="With --all: only alerts, or only deliveries.")
@click.option("--json", "as_json", is_flag=True)
def retry(
    ids: tuple[str, ...],
    *,
    everything: bool,
    reason: str | None,
    destination: str | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """Try them again from the first attempt. `gone`: look for the ticket, else open another. `held`: there is none, open one."""
    from enricher.cli.letters import retry_all, retry_some

    if bool(ids) == everything or everything != (reason is not None):
        raise click.UsageError("name the IDs, or say --all and a --reason")
    if reason is None:
        sys.exit(retry_some(ids, as_json=as_json))
    retry_all(reason, destination=destination, kind=kind, as_json=as_json)


@dead_letters.command("discard")
@click.argument("item_id", metavar="ID")
@click.option("--by", required=True, metavar="NAME", help="Who decided that.")
@click.option("--why", default="", metavar="TEXT", help="Kept beside the name.")
@click.option("--json", "as_json", is_flag=True)
def discard(item_id: str, by: str, why: str, *, as_json: bool) -> None:
    """Never try it again; it stays stored, with the name of who said so."""
    from enricher.cli.letters import discard as run

    if not by.strip():
        raise click.UsageError("--by is a name")
    sys.exit(run(item_id, by=by.strip(), why=why.strip(), as_json=as_json))
