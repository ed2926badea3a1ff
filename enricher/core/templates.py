"""Templates made for other receivers: Sumo Logic's variables below the keys that PagerDuty, Jira, ServiceNow, Slack or Teams want.

A body with a key for rows at its top is left as it is. In any other, the places listed here are looked into, and no others;
what they say is put beside the top's own keys, which win. Rows may also stand inside a text that a person was meant to read:
they count only where their keys are those of a log row. So a body that merely is nested, or that quotes some JSON, is no alert.
Source: Sumo Logic's documentation, "Webhook Connections", the default and example payload of each connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from enricher.core import columns, fields
from enricher.core import rows as reading
from enricher.core.json_text import loads
from enricher.errors import PayloadError

Keys = dict[str, object]
"""A body's keys, folded."""

PLACES = (
    ("details",),
    ("payload",),
    ("payload", "customdetails"),
    ("fields",),
    ("attachments",),
    ("attachments", "fields"),
    ("attachments", "content", "body"),
    ("attachments", "content", "body", "columns", "items"),
    ("attachments", "content", "body", "facts"),
    ("attachments", "content", "actions"),
    ("blocks", "text"),
    ("blocks", "fields"),
    ("sections",),
    ("sections", "facts"),
)
"""Where the templates of PagerDuty (v1, v2), Jira, Slack and Teams (adaptive card, message card) keep variables."""
_MOST_ITEMS, _MOST_HOLDERS = 20, 100
"""Of each list on the way, and of each place in all; a template that a person typed has a dozen."""

_SAME_AS = {
    "monitorquery": "query",
    "searchurl": "queryurl",
    "externalurl": "queryurl",
    "resolutioncondition": "triggercondition",
    "resolutiontimerange": "triggertimerange",
    "time": "triggertimerange",
    "createdondate": "triggertime",
}
"""What a template calls a variable, and what that is called elsewhere."""

_NAMES = ("summary", "shortdescription", "activitytitle", "title")
"""Of the headings, those that are the name of the monitor or search where they say nothing else."""
_HEADINGS = (*_NAMES, "description", "pretext", "text")
_TRIGGER = r"(?P<triggertype>(?:Resolved)?(?:Critical|Warning|Missing ?Data)|Normal)"
_SAYINGS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"Monitor Alert: {_TRIGGER} on (?P<name>.+)",
        rf"{_TRIGGER} Alert: ?(?P<name>.+)",
        r"Sumo Logic Alert(?: for)?: \*(?P<name>[^*\n]+)\*.*",
        r"Sumo Logic - (?P<name>.+?) fired at (?P<firetime>.+)",
        r"(?P<name>.+?) ran over (?P<triggertimerange>.+?) at (?P<triggertime>.+)",
        r"(?:Monitor )?(?P<name>.+?) has recovered at (?P<triggertime>.+)",
    )
)
"""Sumo Logic's own headings: variables within a sentence."""
_HEADING_LIMIT = 1024
_RESOLVES = ("eventtype", "eventaction")
_LINK = re.compile(r"<(https?://[^|>\s]+) ?\| ?(.*)>", re.DOTALL)
_OF_AN_ALERT = "/alert/"

_TEXTS = ("description", "details", "text", "comments", "message")
_NOTES = "worknotes"
"""ServiceNow's example has the raw messages there, and the aggregate in `description`."""


def unfold(top: Mapping[str, object], row_keys: frozenset[str]) -> Keys:
    """Return the keys of a body that has none of `row_keys` at its top, with what its template keeps elsewhere."""
    said = [*top.items(), *_kept(top)]
    keys: Keys = {}
    for key, value in said:
        _fill(keys, key, value)
    for theirs, ours in _SAME_AS.items():
        _fill(keys, ours, keys.get(theirs))
    _read_links(keys)
    _read_headings(keys, [value for key, value in said if key in _HEADINGS])
    if row_keys.isdisjoint(keys):
        _take_rows_from_texts(keys, [value for key, value in said if key in _TEXTS])
    return keys


def _fill(keys: Keys, name: str, value: object) -> None:
    if name not in keys or (value is not None and not reading.is_filled(keys[name])):
        keys[name] = value


# --- what is kept where ---------------------------------------------------------------------------------------------


def _kept(top: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for first, *path in PLACES:
        for holder in islice(_at(top.get(first), path), _MOST_HOLDERS):
            yield from _said(holder)


def _at(value: object, path: list[str]) -> Iterator[Mapping[str, object]]:
    for item in value[:_MOST_ITEMS] if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            folded = {fields.fold(key): held for key, held in item.items()}
            if path:
                yield from _at(folded.get(path[0]), path[1:])
            else:
                yield folded


def _said(holder: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    """A holder is an object of names, or a title and a value, or a button: of one only a link to an alert counts."""
    title = holder.get("title") or holder.get("name")
    if isinstance(title, str) and "value" in holder:
        return ((fields.fold(title), holder["value"]),)
    if holder.get("type") == "Action.OpenUrl":
        return (("alerturl", url),) if _OF_AN_ALERT in (url := str(holder.get("url"))) else ()
    return holder.items()


# --- variables within sentences -------------------------------------------------------------------------------------


def _read_links(keys: Keys) -> None:
    """Slack's way to write a link is `<address|text>`; PagerDuty's `client_url` leads to the query, or to the alert."""
    query, client = keys.get("query"), keys.get("clienturl")
    found = _LINK.fullmatch(query.strip()) if isinstance(query, str) else None
    if found:
        _fill(keys, "queryurl", found[1])
        keys["query"] = found[2]
    if isinstance(client, str) and _OF_AN_ALERT in client:
        _fill(keys, "alerturl", client)
        del keys["clienturl"]


def _read_headings(keys: Keys, said: Iterable[object]) -> None:
    short = (text.strip() for text in said if isinstance(text, str) and len(text) <= _HEADING_LIMIT)
    written = [text for text in short if not reading.has_unfilled(text)]
    for text in written:
        found = next(filter(None, (saying.fullmatch(text) for saying in _SAYINGS)), None)
        for name, value in found.groupdict().items() if found else ():
            _fill(keys, name, value)
    if written and any(keys.get(name) == "resolve" for name in _RESOLVES):
        _fill(keys, "triggertype", "Resolved")
    named = next((keys[name] for name in _NAMES if reading.is_filled(keys.get(name))), None)
    if named is not None:
        _fill(keys, "name", named)


# --- rows within texts ----------------------------------------------------------------------------------------------


def _take_rows_from_texts(keys: Keys, said: Iterable[object]) -> None:
    """The first text with rows has them all; it is no name and no description then."""
    notes = _rows_in(keys.get(_NOTES))
    text, rows = next(((text, rows) for text in said if (rows := _rows_in(text))), (None, []))
    if rows:
        for name in [name for name in _TEXTS if keys.get(name) is text]:
            del keys[name]
        keys["aggregateresults" if notes else "results"] = rows
    if notes:
        keys["rawresults"] = notes


def _rows_in(text: object) -> list[object]:
    """Find rows in a text: it is JSON as a whole, or has one list of objects in it."""
    if not isinstance(text, str):
        return []
    whole = text.strip()
    start, end = (0, len(whole)) if whole.startswith(("[", "{")) else (whole.find("[{"), whole.rfind("}]") + 2)
    if not 0 <= start < end:
        return []
    try:
        found = loads(whole[start:end], "rows")
    except PayloadError:
        return []
    rows = found if isinstance(found, list) else [found]
    return rows if any(map(_is_of_a_log, rows)) else []


def _is_of_a_log(row: object) -> bool:
    if not isinstance(row, dict):
        return False
    folded = {fields.fold(key): "" for key in row}
    return not reading.TEXTS.isdisjoint(folded) or bool(columns.told(folded))
