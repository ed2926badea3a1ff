"""Rows as a webhook carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from enricher.standins.sumo.language.search import Search

LABELS = {
    "_raw": "Message",
    "_messagetime": "Time",
    "_sourcehost": "Host",
    "_sourcecategory": "Category",
    "_sourcename": "Name",
    "_collector": "Collector",
    "_count": "Count",
    "_timeslice": "Timeslice",
}
"""Reserved fields by their label."""


def webhook_rows(search: Search, rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """The rows of a search with the labels of reserved fields. An aggregate's numbers are numbers, its null is left out; of messages
    the other fields of the system are left out.

    Source: Sumo Logic's documentation, "Alert variables" (reserved fields) and its samples. Whether a webhook always has the labels
    is not said.
    """
    return [
        {
            LABELS.get(name, name): value
            for name, value in row.items()
            if value is not None and (search.aggregates or not name.startswith("_") or name in LABELS)
        }
        for row in rows
    ]
