"""A Cloud SIEM Insight, as its API or a playbook sends it, becomes an alert whose rows are its Records.

Its own severity, name and rules are Sumo Logic's view: kept beside the case, never believed. Source: docs/evidence.md,
"Cloud SIEM".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from enricher.core import fields, siem_fields
from enricher.core.document import CaseDocument
from enricher.core.records.record import decoded, is_node, node
from enricher.core.rows import MOST_ROWS
from enricher.errors import PayloadError
from enricher.model import Alert, Insight, Kind

Keys = Mapping[str, object]
"""An object of the body, its keys folded."""

_WRAPPERS = ("data", "insight")
"""Where the Insight may stand in a body: `data` in the answers of the API, `insight` in a playbook's call."""
_NAMED_BY = ("name", "hostname", "ip", "username", "id")
_REFERENCE = re.compile(r"[\w-]{1,64}", re.ASCII)
_TEXT_LIMIT = 200
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|INSIGHT-\d{1,12}", re.ASCII)
_API_HOST = re.compile(r"api\.((?:[a-z0-9]+\.)?sumologic\.com)")


class _Signal(NamedTuple):
    """A Signal's Records as they were sent, and how many it says that it has."""

    records: list[object]
    total: int


# --- what the inbox must know -----------------------------------------------------------------------------------------


def find(keys: Keys) -> Keys | None:
    """Return the Insight that a body is or holds, its keys folded; None where it is none."""
    for name in _WRAPPERS:
        if name in keys:
            wrapped = _folded(decoded(keys[name]))
            if "readableid" in wrapped:
                return wrapped
    return keys if "readableid" in keys and "signals" in keys else None


def kind(insight: Keys, *, playbook: bool) -> Kind:
    """Say what it is: the close of an Insight is a recovery, whoever sends it."""
    if _is_closed(insight):
        return Kind.RECOVERY
    return Kind.PLAYBOOK if playbook else Kind.INSIGHT


def reference(insight: Keys) -> str | None:
    """Return what names the Insight in every send of it: its id, else its readable id; None where neither is fit to."""
    said = (_text(insight, "id"), _text(insight, "readableid"))
    return next((text for text in said if text and _REFERENCE.fullmatch(text)), None)


def status(insight: Keys) -> str | None:
    """Return the word of its status: `new`, `inprogress`, `closed`, or one of the customer's own."""
    said = insight.get("status")
    return _text(_folded(said), "name", "displayname") if is_node(said) else _text(insight, "status")


def records(insight: Keys) -> list[object]:
    """Return every Record of every Signal as it was sent, Signal by Signal: a row each, numbered in this order.

    Raises PayloadError `too_many_rows`, and `no_rows` for one that is open and brings nothing to judge.
    """
    return _records(insight, _signals(insight))


def _records(insight: Keys, signals: list[_Signal]) -> list[object]:
    found = [record for signal in signals for record in signal.records]
    if len(found) > MOST_ROWS:
        raise PayloadError("too_many_rows", f"{len(found)} Records; {MOST_ROWS} is the limit")
    if not found and not _is_closed(insight):
        raise PayloadError("no_rows", "an Insight without Records: let the action send its Signals and their Records")
    return found


# --- the alert ------------------------------------------------------------------------------------------------------


def read(insight: Keys, *, playbook: bool) -> Alert:
    """Make the alert. Raises PayloadError as `records` does."""
    signals = _signals(insight)
    found = _records(insight, signals)
    total = sum(signal.total for signal in signals)
    name = _text(insight, "name")
    return Alert(
        kind=kind(insight, playbook=playbook),
        rows=tuple(siem_fields.row(index, record) for index, record in enumerate(found)),
        rows_total=total,
        truncated=total > len(found),
        name=name,
        title=name,
        description=_text(insight, "description"),
        alert_ref=reference(insight),
        trigger=status(insight),
        started_at=fields.moment(_text(insight, "timestamp")),
        ended_at=fields.moment(_text(insight, "created")),
        insight=Insight(
            id=_text(insight, "id"),
            readable_id=_text(insight, "readableid"),
            severity=_text(insight, "severity"),
            entity=_entity(insight.get("entity")),
        ),
    )


def console(api_url: str | None) -> str | None:
    """Return the console beside an API of Sumo Logic: `https://api.us2.sumologic.com` → `https://service.us2.sumologic.com`."""
    found = _API_HOST.fullmatch(urlsplit(api_url or "").hostname or "")
    return f"https://service.{found[1]}" if found else None


def linked(alert: Alert, console_url: str | None) -> Alert:
    """Give the alert's Insight its address in the console. That is never taken from the body."""
    of = alert.insight
    if of is None or console_url is None or of.id is None or not _REFERENCE.fullmatch(of.id):
        return alert
    return replace(alert, insight=replace(of, url=f"{console_url}/sec/insight/{of.id}"))


def insight_of(case: CaseDocument) -> str | None:
    """The id of the Insight that a case came in with, fit for an address; None where it has none, or one of another form."""
    insight: Mapping[str, object] = case.get("insight") or {}
    said = (insight.get("id"), insight.get("readable_id"))
    return next((one for one in said if isinstance(one, str) and _ID.fullmatch(one)), None)


# --- its parts ------------------------------------------------------------------------------------------------------


def _folded(value: object) -> Keys:
    return {fields.fold(key): inner for key, inner in node(value).items()}


def _text(said: Keys, *names: str) -> str | None:
    found = (fields.text(fields.scalar(said.get(name)), _TEXT_LIMIT) for name in names)
    return next(filter(None, found), None)


def _is_closed(insight: Keys) -> bool:
    """Go by the status; where it has none, by the time at which it was closed."""
    said = status(insight)
    return fields.fold(said) == "closed" if said else _text(insight, "closed") is not None


def _entity(value: object) -> str | None:
    return _text(_folded(value), *_NAMED_BY) if is_node(value) else fields.text(fields.scalar(value), _TEXT_LIMIT)


def _signals(insight: Keys) -> list[_Signal]:
    return [_signal(item) for item in _listed(insight.get("signals")) if item is not None]


def _signal(item: object) -> _Signal:
    """Read one Signal. What is no object stands for one Record, which is then dropped with a reason."""
    if not is_node(item):
        return _Signal([item], 1)
    said = _folded(item)
    found = _listed(said.get("allrecords"))
    return _Signal(found, max(len(found), fields.number(_text(said, "recordcount")) or 0))


def _listed(value: object) -> list[object]:
    found = decoded(value)
    if found is None or (isinstance(found, str) and fields.is_null(found)):
        return []
    return found if isinstance(found, list) else [found]
