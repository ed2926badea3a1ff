"""The searches about the searches, run over messages: what arrives, in which form, and whether anything does."""

from __future__ import annotations

import pytest

from enricher.core.kit.hunting import hunting_queries
from enricher.core.kit.preflight import heartbeat_query, preflight_query, silence_query
from enricher.core.kit.queries import SEARCHES, Form
from enricher.standins.sumo.language import parse
from tests.core.kit.sumo_messages import RENDERINGS, corpus, message
from tests.fakes import packaged_programs

SCOPE = "_sourceCategory=*sysmon*"
RULES = packaged_programs().rules
LEGACY = (
    'instance of Win32_NTLogEvent\n{\n    ComputerName = "ws-1";\n    EventCode = 22;\n    Message = "Dns query:";\n};\n'
)


@pytest.mark.parametrize("rendering", RENDERINGS)
@pytest.mark.parametrize("form", SEARCHES)
def test_the_preflight_says_what_arrives_and_whether_it_is_read(form: Form, rendering: str) -> None:
    of, write = RENDERINGS[rendering]
    events = [raw for raw in corpus() if "EventID" not in raw.record.data]  # flat JSON has it among its values
    messages = [message(write(raw.record), raw.case, at=1_000 + number) for number, raw in enumerate(events)]
    found = {str(row["event_id"]): row for row in parse(preflight_query(SCOPE, form)).run(messages)}
    assert found.keys() == {"1", "3", "22"}
    for number, row in found.items():
        chosen = [raw for raw in events if raw.record.event_id == int(number)]
        assert (row["rendering"], row["is_read"]) == (of, "yes" if of == form else "no")
        assert float(row["_count"] or 0) == len(chosen)
        assert float(row["hosts"] or 0) == len({raw.case for raw in chosen})
        assert float(row["newest"] or 0) == 1_000 + max(events.index(raw) for raw in chosen)


def test_the_preflight_names_the_rendering_that_no_form_reads() -> None:
    (row,) = parse(preflight_query(SCOPE, "xml")).run([message(LEGACY, "ws-1")])
    assert (row["event_id"], row["rendering"], row["is_read"]) == ("22", "text", "no")


def test_a_heartbeat_is_one_row_where_anything_arrives() -> None:
    (row,) = parse(heartbeat_query("*")).run([message("a line", "ws-1"), message("another", "ws-2")])
    assert float(row["_count"] or 0) == 2
    assert parse(heartbeat_query("_sourceCategory=other")).run([message("a line", "ws-1")]) == []


def test_silence_is_counted_by_source_category() -> None:
    (row,) = parse(silence_query(SCOPE)).run([message("a line", "ws-1"), message("another", "ws-2")])
    assert (row["_sourcecategory"], float(row["_count"] or 0)) == ("WinEvents/Sysmon", 2)


@pytest.mark.parametrize("form", SEARCHES)
def test_every_hunt_runs_and_finds_what_it_is_for(form: Form) -> None:
    write = next(write for of, write in RENDERINGS.values() if of == form)
    messages = [message(write(raw.record), raw.record.computer or "-") for raw in corpus()]
    tenants, failed, pretenders, parents = [
        parse(query.partition("\n")[2]).run(messages) for query in hunting_queries(SCOPE, RULES, form).split("\n\n")[2:6]
    ]
    assert "argustest.workers.dev" in str(tenants)
    assert failed == [], "no program of the corpus asks for more than twenty names that do not exist"
    assert [row["process_image"] for row in pretenders] == [
        written("C:\\Users\\amartin\\AppData\\Local\\Temp\\chrome.exe", form)
    ]
    assert written("C:\\Windows\\System32\\mshta.exe", form) in {row["process_image"] for row in parents}


def written(path: str, form: Form) -> str:
    """A path as this form's search gives it."""
    return path.replace("\\", "\\\\") if form == "otel" else path
