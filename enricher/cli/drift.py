"""`enricher drift`: where Sumo Logic's own columns say something else, by day and reason, and which query is deployed."""

from __future__ import annotations

from collections.abc import Sequence

from enricher.cli.look import console, listing, print_json, say
from enricher.core.document import Json
from enricher.wiring import application

_SHOWN_DIGEST = 19
"""`sha256:` and the first twelve digits."""
_MINUTES = len("2026-11-24T08:00")


def drift(days: int, *, as_json: bool) -> None:
    """Print the drift of the last `days`. Raises StoreUnavailable."""
    app = application()
    try:
        document = app.drift(days)
    finally:
        app.store.close()
    if as_json:
        print_json(document)
    else:
        _show(document)


def _show(document: Json) -> None:
    out = console()
    if document["drift"]:
        headings = ("day", "column", "Sumo Logic", "here", "why", "cases", "rows")
        listing(out, headings, map(_difference, document["drift"]), numbers={"cases", "rows"})
    else:
        say(f"no drift in {document['days']} days")
    if document["queries"]:
        out.print()
        columns = ("source", "monitor", "query", "first seen (UTC)", "last seen (UTC)")
        listing(out, columns, map(_version, document["queries"]))


def _difference(one: Json) -> Sequence[object]:
    return [one[name] for name in ("day", "field", "sumo", "ours", "reason", "cases", "rows")]


def _version(one: Json) -> Sequence[object]:
    digest = one["digest"][:_SHOWN_DIGEST] + "…"
    times = (one[name][:_MINUTES].replace("T", " ") for name in ("first_at", "last_at"))
    return [one["source"], one["monitor"] or "without a name", digest, *times]
