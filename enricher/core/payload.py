"""What Sumo Logic sent becomes an alert. There is no fixed envelope: keys are recognised by alias, in any case.

`read` takes a webhook's body, `read_files` what `explain` is given, and `sniff` tells which of the two a text is for.
`glance` is `read` for the accept path: it finds out no more than what the inbox must know before it stores a body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Literal, NamedTuple

import orjson

from enricher.core import fields, insight
from enricher.core import rows as reading
from enricher.core.files import decode, read_files
from enricher.core.json_text import loads
from enricher.core.records import is_record, is_text
from enricher.core.rows import is_filled
from enricher.core.templates import unfold
from enricher.errors import PayloadError
from enricher.model import Alert, Kind, Row

__all__ = ["Glance", "glance", "read", "read_files", "sniff"]

_ROWS = ("results", "rows", "resultsjson", "searchresults", "resultsjsonparsed", "customplaceholdermap")
_AGGREGATE_ROWS = ("aggregateresults", "aggregateresultsjson")
_RAW_ROWS = ("rawresults", "rawresultsjson")
_COUNT = ("numqueryresults", "num", "numrecords")
_RAW_COUNT = ("numrawresults",)
_NAME = ("name", "searchname", "text")
_DESCRIPTION = ("description", "searchdescription")
_QUERY = ("query", "searchquery")
_QUERY_URL = ("queryurl", "searchqueryurl", "searchurl", "clienturl")
_ALERT_URL = ("alertresponseurl", "alerturl")
_RANGE = ("triggertimerange", "timerange")
_TIME = ("triggertime", "firetime")
_ID = ("id", "alertid")
_TRIGGER = ("triggertype", "alertstatus")
_GROUP = ("alertgroup", "alertsource")
_SAYS_WHAT_IT_IS = ("triggertimestart", "triggertimeend", *_RANGE, *_TIME, *_COUNT, *_RAW_COUNT)
"""With one of these filled, an alert without rows and trigger is a search that found nothing, and no test."""
_SENT_BY_A_SEARCH = ("searchname", "firetime", *_AGGREGATE_ROWS, *_RAW_ROWS)
_ALL_ROWS = (*_ROWS, *_AGGREGATE_ROWS, *_RAW_ROWS)
_ROW_KEYS = frozenset(_ALL_ROWS)
_PAYLOAD_KEYS = frozenset((*_ALL_ROWS, *_TRIGGER, *_ALERT_URL, "searchname", "readableid", "schema"))

_KINDS = {"canary": Kind.CANARY, "heartbeat": Kind.HEARTBEAT, "playbook": Kind.PLAYBOOK}
"""What the body's `kind` may say where nothing else could."""
_NAMED_KINDS = (("enricher canary", Kind.CANARY), ("enricher heartbeat", Kind.HEARTBEAT))
"""How the name of the search may begin instead, for a template without `kind`."""

_MOST_AGGREGATE, _MOST_RAW = 200, 10
"""Rows that Sumo puts into one notification: exactly as many means that there may have been more."""
_KINDS_WITHOUT_ROWS = frozenset({Kind.RECOVERY, Kind.TEST, Kind.CANARY, Kind.HEARTBEAT})
_NO_ROWS_BY_NATURE = frozenset({"missingdata", "normal"})
_ALERT_REF = re.compile(r"(?=[\w-]*\d)[\w-]{6,64}", re.ASCII)
"""An id; the last word of a link to a list of alerts is none."""
_URL_LIMIT = 8192
_DIGEST_SIZE = 8

_Keys = Mapping[str, object]


class Glance(NamedTuple):
    """What the inbox must know of a body: what makes two sends the same alert, and what makes one of them news all the same.

    `identity` is the alert's own id and its trigger, without such an id the body's digest. `row_digests` are eight bytes a
    row, over its content as it was sent: whatever the order of rows and keys. The rest is as in `Alert`.
    """

    kind: Kind
    identity: str
    row_digests: frozenset[bytes]
    alert_ref: str | None
    trigger: str | None


class _Part(NamedTuple):
    """One list of rows, and how many the search had of them."""

    rows: tuple[Row, ...]
    total: int | None = None

    @property
    def was_cut(self) -> bool:
        raw = any(row.text is not None for row in self.rows)
        return (self.total or 0) > len(self.rows) or len(self.rows) == (_MOST_RAW if raw else _MOST_AGGREGATE)


# --- the alert ------------------------------------------------------------------------------------------------------


def read(body: bytes) -> Alert:
    """Read a webhook's body.

    Raises PayloadError: `not_json`, `not_utf8`, `too_deep`, `not_an_object`, `no_rows`, `bad_rows`, `too_many_rows`.
    """
    keys = _keys(loads(body))
    if (found := insight.find(keys)) is not None:
        return insight.read(found, playbook=_is_playbook(keys))
    parts = _parts(keys)
    rows = tuple(row for part in parts for row in part.rows)
    kind = _kind(keys, any_rows=bool(rows))
    name = _text(keys, *_NAME)
    alert_url = _url(keys, *_ALERT_URL)
    started_at, ended_at = _span(keys)
    return Alert(
        kind=kind,
        rows=rows,
        rows_total=_total(parts),
        truncated=any(part.was_cut for part in parts),
        name=name,
        title=_text(keys, "alertname") or name,
        description=_text(keys, *_DESCRIPTION),
        monitor_id=None if _is_playbook(keys) else _text(keys, *_ID),
        alert_ref=_reference(keys, alert_url),
        trigger=_text(keys, *_TRIGGER),
        group=_text(keys, *_GROUP),
        query=_text(keys, *_QUERY),
        query_url=_url(keys, *_QUERY_URL),
        source_url=_url(keys, "sourceurl"),
        alert_url=alert_url,
        started_at=started_at,
        ended_at=ended_at,
        every=_text(keys, "every") if kind is Kind.HEARTBEAT else None,
    )


def glance(body: bytes) -> Glance:
    """Look at a body without making an alert of it. Raises PayloadError where `read` does, and nowhere else."""
    keys = _keys(loads(body))
    if (sent := insight.find(keys)) is not None:
        return _glance_at_insight(sent, body, playbook=_is_playbook(keys))
    found = _items(keys, _ROWS) or [*_items(keys, _AGGREGATE_ROWS), *_items(keys, _RAW_ROWS)]
    kind = _kind(keys, any_rows=bool(found))
    alert_ref, trigger = _reference(keys, _url(keys, *_ALERT_URL)), _text(keys, *_TRIGGER)
    return Glance(kind, _identity(alert_ref, trigger, body), frozenset(map(_row_digest, found)), alert_ref, trigger)


def _glance_at_insight(sent: _Keys, body: bytes, *, playbook: bool) -> Glance:
    alert_ref, trigger = insight.reference(sent), insight.status(sent)
    kind, found = insight.kind(sent, playbook=playbook), insight.records(sent)
    return Glance(kind, _identity(alert_ref, trigger, body), frozenset(map(_row_digest, found)), alert_ref, trigger)


def _identity(alert_ref: str | None, trigger: str | None, body: bytes) -> str:
    return f"{alert_ref}:{fields.fold(trigger or '')}".lower() if alert_ref else sha256(body).hexdigest()


def sniff(body: bytes) -> Literal["payload", "records"]:
    """Tell what `explain` was given: a webhook's body, or log records. What is neither counts as a payload, to be refused."""
    text = decode(body).lstrip()
    if not text.startswith(("{", "[")):
        return "records" if is_text(text) else "payload"
    try:
        document = loads(text)
    except PayloadError:
        return "records" if _is_line_of_records(text) else "payload"
    if isinstance(document, dict):
        keys = {fields.fold(key): value for key, value in document.items()}
        of_a_payload = not _PAYLOAD_KEYS.isdisjoint(keys) or insight.find(keys) is not None
        return "records" if is_record(document) and not of_a_payload else "payload"
    return "records"


def _is_line_of_records(text: str) -> bool:
    first, more, _ = text.partition("\n")
    try:
        return bool(more) and is_record(loads(first))
    except PayloadError:
        return False


def _row_digest(item: object) -> bytes:
    return blake2b(orjson.dumps(item, option=orjson.OPT_SORT_KEYS), digest_size=_DIGEST_SIZE).digest()


# --- its keys -------------------------------------------------------------------------------------------------------


def _keys(document: object) -> _Keys:
    """Fold the body's keys; where two become one, the first that is filled stays."""
    if not isinstance(document, dict):
        raise PayloadError("not_an_object", f"body is {type(document).__name__}, not an object")
    keys: dict[str, object] = {}
    for key, value in document.items():
        name = fields.fold(key)
        if not is_filled(keys.get(name)):
            keys[name] = value
    return unfold(keys, _ROW_KEYS) if _ROW_KEYS.isdisjoint(keys) and insight.find(keys) is None else keys


def _text(keys: _Keys, *names: str) -> str | None:
    """Return the first of these that is filled, as text."""
    value = next((keys[name] for name in names if is_filled(keys.get(name))), None)
    return fields.text(fields.scalar(value))


def _url(keys: _Keys, *names: str) -> str | None:
    value = _text(keys, *names) or ""
    return value if value.startswith(("https://", "http://")) and len(value) <= _URL_LIMIT else None


def _alert_ref(alert_url: str | None) -> str | None:
    """Return the tail of the link to the alert: of its fragment, as Sumo writes it, or else of its path."""
    tail = (alert_url or "").partition("?")[0].rstrip("/").rpartition("/")[2]
    return tail if _ALERT_REF.fullmatch(tail) else None


def _reference(keys: _Keys, alert_url: str | None) -> str | None:
    """Return what names the alert: the tail of its link; in a playbook's call, where `Id` is the alert's own, else that."""
    own = _text(keys, *_ID) if alert_url is None and _is_playbook(keys) else None
    return own if own and _ALERT_REF.fullmatch(own) else _alert_ref(alert_url)


def _is_playbook(keys: _Keys) -> bool:
    return _has_keys_of_a_playbook(keys) or _KINDS.get(fields.fold(_text(keys, "kind") or "")) is Kind.PLAYBOOK


def _has_keys_of_a_playbook(keys: _Keys) -> bool:
    """Tell what a monitor hands to a playbook by the keys that nothing else has."""
    return "customplaceholdermap" in keys or "resultsjsonparsed" in keys


def _span(keys: _Keys) -> tuple[datetime | None, datetime | None]:
    """Return the range that the search looked at: by its epoch times, which need no zone, else by its texts."""
    start, _, end = (_text(keys, *_RANGE) or "").partition(" to ")
    return (
        fields.moment(_text(keys, "triggertimestart")) or fields.moment(start),
        fields.moment(_text(keys, "triggertimeend")) or fields.moment(end) or fields.moment(_text(keys, *_TIME)),
    )


# --- its rows and its kind ------------------------------------------------------------------------------------------


def _parts(keys: _Keys) -> tuple[_Part, ...]:
    """Find the rows. Aggregate and raw rows of one body are no alternatives: the raw ones are evidence for the others."""
    count = fields.number(_text(keys, *_COUNT))
    found = _items(keys, _ROWS)
    if found:
        return (_Part(reading.rows(found), count),)
    aggregate, raw = reading.rows(_items(keys, _AGGREGATE_ROWS)), _items(keys, _RAW_ROWS)
    if not raw:
        return (_Part(aggregate, count),)
    raw_count = fields.number(_text(keys, *_RAW_COUNT))
    if not aggregate:
        return (_Part(reading.rows(raw), count if raw_count is None else raw_count),)
    return _Part(aggregate, count), _Part(reading.rows(raw, len(aggregate)), raw_count)


def _items(keys: _Keys, names: tuple[str, ...]) -> list[object]:
    return next(filter(None, (reading.items(keys.get(name)) for name in names)), [])


def _total(parts: tuple[_Part, ...]) -> int | None:
    if all(part.total is None for part in parts):
        return None
    return sum(max(part.total or 0, len(part.rows)) for part in parts)


def _kind(keys: _Keys, *, any_rows: bool) -> Kind:
    """Say what it is. Raises PayloadError for what needs rows and has no place for them."""
    kind = _stated_kind(keys, any_rows=any_rows)
    if not any_rows and kind not in _KINDS_WITHOUT_ROWS:
        _require_rows(keys)
    return kind


def _stated_kind(keys: _Keys, *, any_rows: bool) -> Kind:
    trigger, said = _trigger(keys), fields.fold(_text(keys, "kind") or "")
    if trigger.startswith("resolved"):
        return Kind.RECOVERY
    marked = _KINDS.get(said) or _named_kind(keys) or (Kind.PLAYBOOK if _has_keys_of_a_playbook(keys) else None)
    if not any_rows and not trigger and _is_test(keys, marked):
        return Kind.TEST
    if marked:
        return marked
    if trigger:
        return Kind.MONITOR
    if said == "monitorresolution":
        return Kind.RECOVERY
    is_search = said == "scheduledsearch" or any(is_filled(keys.get(name)) for name in _SENT_BY_A_SEARCH)
    return Kind.SCHEDULED_SEARCH if is_search else Kind.MONITOR


def _trigger(keys: _Keys) -> str:
    return fields.fold(_text(keys, *_TRIGGER) or "")


def _named_kind(keys: _Keys) -> Kind | None:
    name = (_text(keys, *_NAME) or "").lower()
    return next((kind for start, kind in _NAMED_KINDS if name.startswith(start)), None)


def _is_test(keys: _Keys, marked: Kind | None) -> bool:
    """Tell a connection test, for a body without rows and trigger: variables unfilled, or filled with nothing at all."""
    if any(map(reading.has_unfilled, keys.values())):
        return True
    says = marked or any(is_filled(keys.get(name)) for name in _SAYS_WHAT_IT_IS)
    return not says and any(name in keys for name in _ALL_ROWS)


def _require_rows(keys: _Keys) -> None:
    """Refuse a body in which there is no place for rows: whatever the search found would be lost without a word."""
    if _trigger(keys) not in _NO_ROWS_BY_NATURE and not any(name in keys for name in _ALL_ROWS):
        raise PayloadError("no_rows", f"no rows: none of the keys {', '.join(_ALL_ROWS)}")
