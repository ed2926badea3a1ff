"""How the searches read events: every field of every event of the corpus, in every rendering, and nothing that only pretends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest

from enricher.core.kit.forms import CONTACT, NAMES, SHORT, START, Form, columns, quoted, reading, text
from enricher.core.records import Record
from enricher.standins.sumo.language import parse
from tests.core.kit.sumo_messages import RENDERINGS, corpus, message

FIELDS = {**CONTACT, **{name: SHORT[name] for name in NAMES}}
BY_EVENT: Mapping[int, tuple[Sequence[str], Mapping[str, str]]] = {
    1: (("1",), START),
    3: (("3", "22"), FIELDS),
    22: (("3", "22"), FIELDS),
}


def query(form: Form, event_id: int) -> str:
    events, fields = BY_EVENT[event_id]
    by = ", ".join(("_sourceHost", "event_id", "computer", *fields.values()))
    lines = ["_sourceCategory=*sysmon*", *reading(form, events, fields), *columns(fields), f"count by {by}"]
    return "\n| ".join(lines)


def read(rendering: str, records: Sequence[tuple[str, Record]]) -> dict[str, dict[str, str]]:
    """The rows by the message's host."""
    form, write = RENDERINGS[rendering]
    rows = [
        row
        for event_id in (1, 22)
        for row in parse(query(form, event_id)).run([message(write(record), host) for host, record in records])
    ]
    return {str(row["_sourcehost"]): {name: str(value) for name, value in row.items()} for row in rows}


def unescaped(value: str, rendering: str) -> str:
    """A value of OpenTelemetry is cut out of JSON as it stands there, and one of XML likewise: the core undoes both."""
    if rendering.startswith("xml"):
        for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
            value = value.replace(entity, char)
    elif rendering.startswith("otel"):
        value = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), value)
        value = re.sub(r'\\(["\\])', r"\1", value)
    return value


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_every_field_of_every_event_is_read(rendering: str) -> None:
    found = read(rendering, [(raw.key, raw.record) for raw in corpus()])
    assert found.keys() == {raw.key for raw in corpus()}
    for raw in corpus():
        row = found[raw.key]
        assert (row["event_id"], row["computer"]) == (str(raw.record.event_id), raw.record.computer)
        for field, name in BY_EVENT[raw.record.event_id][1].items():
            assert unescaped(row[name], rendering) == (raw.record.data.get(field) or "-"), (raw.key, field)


def test_what_is_no_event_is_dropped() -> None:
    """Other events, other products, prose, and numbers that only begin alike."""
    record = Record(22, {"QueryName": "a.b.workers.dev", "Image": "C:\\x.exe"}, computer="ws-1")
    others = [
        "a line of text with workers.dev in it",
        '{"EventID": "22',
        '{"event_id": {"id": 4688}}',
        "<EventID>5</EventID>",
    ]
    for form, write in RENDERINGS.values():
        texts = [*others, *(write(record._replace(event_id=number)) for number in (5, 11, 33, 222, 4104))]
        for event_id in (1, 22):
            assert parse(query(form, event_id)).run([message(one, "x") for one in texts]) == []


HOSTILE = 'x"; "Image": "C:\\Program Files\\a\\chrome.exe", <Data Name=\'Image\'>C:\\chrome.exe</Data>.workers.dev'


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_a_value_cannot_pretend_to_be_a_field(rendering: str) -> None:
    """The name stands before the image in event 22, and is what an attacker chooses."""
    record = Record(22, {"QueryName": HOSTILE, "Image": "C:\\x\\evil.exe", "ProcessGuid": "{1}"}, computer="ws-1")
    (row,) = read(rendering, [("x", record)]).values()
    assert unescaped(row["process_image"], rendering) == "C:\\x\\evil.exe"


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_absent_and_empty_are_a_hyphen(rendering: str) -> None:
    (row,) = read(rendering, [("x", Record(22, {"Image": "", "QueryName": "a.b"}, computer="ws-1"))]).values()
    assert {row[name] for name in CONTACT.values()} == {"-"}


def test_short_names_are_short_and_differ() -> None:
    taken = {"v", "d", "e", "h", "p", "s"}
    assert len({*SHORT.values(), *taken}) == len(SHORT) + len(taken)
    assert all(re.fullmatch("[a-z]", name) for name in SHORT.values())


def test_texts_of_the_language_cannot_be_left() -> None:
    assert text('a"b\\c') == '"a\\"b\\\\c"'
    assert quoted(["a", "b"], " OR ") == '"a" OR "b"'
