"""`enricher balance`: everything accepted against everything that came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from enricher.cli.look import console, listing, print_json, say
from enricher.cli.opened import opened_store
from enricher.core.balance import Balance
from enricher.core.document import Json
from enricher.core.payload import read
from enricher.errors import PayloadError
from enricher.store import Store

BALANCED = 0
UNACCOUNTED = 1
_MOST_SHOWN = 50


def balance(*, as_json: bool) -> int:
    """Print the balance of the whole database; returns 1 if anything is unaccounted for."""
    with opened_store() as store:
        document = drawn(store)
    if as_json:
        print_json(document)
    else:
        _show(document)
    return BALANCED if document["balanced"] else UNACCOUNTED


def drawn(store: Store) -> Json:
    """The balance of a store, every body read once more."""
    found = Balance()
    for alert in store.auditor.alerts(held_rows):
        found.add_alert(alert)
    for bodies in store.auditor.bodies():
        found.add_source(bodies)
    return found.document()


def held_rows(body: bytes) -> frozenset[int] | None:
    """The rows of a body, None where it cannot be read."""
    try:
        return frozenset(row.index for row in read(body).rows)
    except PayloadError:
        return None


def _show(document: Json) -> None:
    bodies, rows = document["bodies"], document["rows"]
    out = console()
    listing(out, ("count", "bodies"), _counted(bodies, ("quarantined", bodies["quarantined"])), numbers={"count"})
    out.print()
    parts = (("dropped", rows["dropped"]), ("set aside", rows["set_aside"]))
    listing(out, ("count", "rows"), _counted(rows, *parts), numbers={"count"})
    out.print()
    for problem in document["problems"][:_MOST_SHOWN]:
        name = "alert" if "alert" in problem else "source"
        say(f"{name} {problem[name]}: {problem['problem']}")
    if len(document["problems"]) > _MOST_SHOWN:
        say(f"… {len(document['problems']) - _MOST_SHOWN} more: --json has them all")
    said, style = ("balanced", "green") if document["balanced"] else ("not balanced", "red")
    say(said, style=style)


def _counted(counts: Mapping[str, object], *parts: tuple[str, Mapping[str, int]]) -> Iterator[tuple[int, str]]:
    for name, count in counts.items():
        if isinstance(count, int):
            yield count, name.replace("_", " ")
    for name, split in parts:
        for word, count in split.items():
            yield count, f"{name}: {word.replace('_', ' ')}"
