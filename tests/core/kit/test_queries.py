"""The detection as a search of Sumo Logic: what its text is, and what it makes of real events."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from enricher.content import packaged
from enricher.core.fields import fold
from enricher.core.kit.queries import FORMS, Form, Query, detection_queries, hunting_queries
from enricher.core.kit.selection import expression, looked_for, names_of
from enricher.core.normalise import normalise
from enricher.errors import Unsearchable
from enricher.model import Alert, DnsQuery, Kind, Row
from tests.fakes import packaged_programs

RULES = packaged_programs().rules
SCOPE = "_sourceCategory=*sysmon*"
QUERIES = {f"{form}-{query.name}": query for form in FORMS for query in detection_queries(RULES, SCOPE, form)}
LIMIT = 4_000
NO_OPERATOR = re.compile(r"\|\s*(?:eval|sort|order)\b")


def every(form: Form) -> Iterator[Query]:
    return (query for query in QUERIES.values() if query.form == form)


def lines(query: Query) -> list[str]:
    return query.text.split("\n| ")


def fitted(query: Query) -> str:
    """The expression that a host name must fit."""
    (line,) = [line for line in lines(query) if line.startswith("where dest_hostname matches /")]
    return line.removeprefix("where dest_hostname matches /").removesuffix("/")


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_fits_a_monitor_and_is_sound(name: str) -> None:
    query = QUERIES[name]
    assert len(query.text) <= LIMIT
    assert re.fullmatch(r"[a-z0-9-]+", query.name)
    unescaped = re.sub(r"\\.", "", query.text)
    assert unescaped.count('"') % 2 == 0
    assert unescaped.count("(") == unescaped.count(")")
    assert unescaped.count("'") % 2 == 0
    assert not NO_OPERATOR.search(query.text)
    assert lines(query)[0].startswith(f"({SCOPE}) (")
    assert lines(query)[-1].startswith("count, ")


@pytest.mark.parametrize("name", QUERIES)
def test_no_expression_of_a_query_repeats_a_repetition(name: str) -> None:
    for found in re.findall(r"/(.*)/|parse regex \"(.*)\"", QUERIES[name].text):
        assert not re.search(r"[*+]\)[*+?{]|\)[*+]|[*+][*+]", "".join(found))


@pytest.mark.parametrize("form", FORMS)
def test_every_platform_is_looked_for_once(form: Form) -> None:
    listed = [platform for query in every(form) for platform in query.platforms]
    assert sorted(listed) == sorted(platform.id for platform in looked_for(RULES))
    for query in every(form):
        platforms = [RULES.catalog.platforms[name] for name in query.platforms]
        assert fitted(query) == expression(name for platform in platforms for name in names_of(platform))
        for host in (host for platform in platforms for host in platform.exclude):
            assert f'"{host}"' in query.text


def test_the_same_catalog_gives_the_same_text() -> None:
    assert detection_queries(RULES, SCOPE, "xml") == detection_queries(packaged_programs().rules, SCOPE, "xml")


def test_platforms_can_be_chosen() -> None:
    (query,) = detection_queries(RULES, SCOPE, "xml", [RULES.catalog.platforms["cf-workers"]])
    assert fitted(query) == r"^(.+\.(workers\.dev))\.?$"
    assert lines(query)[0] == f'({SCOPE}) ("workers.dev")'
    assert "dest_hostname in" not in query.text


@pytest.mark.parametrize("scope", ["", " ", "a | count", "a\nb", "x" * 1_001])
def test_a_scope_that_is_none_is_refused(scope: str) -> None:
    with pytest.raises(Unsearchable):
        detection_queries(RULES, scope, "xml")
    with pytest.raises(Unsearchable):
        hunting_queries(scope)


def test_the_longest_scope_that_settings_allow_leaves_room_for_every_platform() -> None:
    queries = detection_queries(RULES, "x" * 1_000, "xml")
    assert sum(len(query.platforms) for query in queries) == len(looked_for(RULES))
    assert max(len(query.text) for query in queries) <= LIMIT


# --- what the parse lines make of real events -----------------------------------------------------------------------


def parsed(query: Query, raw: str) -> dict[str, str] | None:
    """What the query's `parse regex` lines read out of a message; None where one that may not drops it."""
    found: dict[str, str] = {}
    for line in lines(query):
        given = re.fullmatch(r'parse regex "(.*)"( nodrop)?', line)
        if given is None:
            continue
        matched = re.search(given[1].replace('\\"', '"').replace("(?<", "(?P<"), raw)
        if matched is None and given[2] is None:
            return None
        found |= matched.groupdict() if matched else {}
    return found


def events(number: str) -> list[str]:
    """Real Sysmon events of the corpus, as XML."""
    root = packaged("corpus") / "sysmon-events"
    return [
        event
        for path in sorted(root.rglob("*.xml"))
        for event in re.findall(r"(?s)<Event[ >].*?</Event>", path.read_text())
        if f">{number}</EventID>" in event
    ]


def test_a_real_query_event_is_read_whole() -> None:
    found = events("22")
    assert found
    for event in found:
        read = parsed(QUERIES["xml-functions"], event)
        assert read is not None
        assert {"event_id", "computer", "process_image", "process_guid", "process_id", "query_name"} <= read.keys()
        assert "dst_host" not in read
        assert read["event_id"] == "22"
    written_again = found[0].replace("'", '"')
    assert parsed(QUERIES["xml-functions"], written_again) == parsed(QUERIES["xml-functions"], found[0])


def test_a_real_connection_is_read_whole() -> None:
    found = events("3")
    assert found
    for event in found:
        read = parsed(QUERIES["xml-functions"], event)
        assert read is not None
        assert {"dest_ip", "dest_port", "process_image"} <= read.keys()


@pytest.mark.parametrize("form", FORMS)
def test_what_a_query_counts_by_is_read_here_as_the_event_it_was(form: Form) -> None:
    query = QUERIES[f"{form}-functions"]
    keys = lines(query)[-1].partition(" by ")[2].split(", ")
    row = dict.fromkeys(keys, "-") | {
        "_sourceHost": "collector-1",
        "computer": "WS-1.corp.example",
        "event_id": "22",
        "dest_hostname": "x.example-lab.workers.dev",
        "process_image": "C:\\Windows\\System32\\curl.exe",
        "process_guid": "{7C1E2B40-96D1-65F0-3B12-00000000A100}",
        "query_status": "9003",
        "first_seen": "1795485127412",
        "_count": "3",
    }
    read = normalise(Alert(kind=Kind.MONITOR, rows=(Row(index=0, columns={fold(k): v for k, v in row.items()}),)))
    assert read.dropped == ()
    (event,) = read.events
    assert isinstance(event, DnsQuery)
    assert (event.computer, event.name, event.status) == ("ws-1.corp.example", "x.example-lab.workers.dev", 9003)
    assert event.guid == "7C1E2B40-96D1-65F0-3B12-00000000A100"


def test_what_is_no_event_is_dropped() -> None:
    assert parsed(QUERIES["xml-functions"], "a line of text with workers.dev in it") is None


def test_json_is_read_by_sysmons_own_names() -> None:
    line = lines(QUERIES["json-functions"])[1]
    fields = re.findall(r'"([^"]+)"', line)
    names = line.partition(" as ")[2].removesuffix(" nodrop").split(", ")
    assert dict(zip(fields, names, strict=True)) == {
        "EventID": "event_id",
        "Computer": "computer",
        "EventData.Image": "process_image",
        "EventData.ProcessGuid": "process_guid",
        "EventData.ProcessId": "process_id",
        "EventData.User": "username",
        "EventData.QueryName": "query_name",
        "EventData.QueryStatus": "query_status",
        "EventData.DestinationHostname": "dst_host",
        "EventData.DestinationIp": "dest_ip",
        "EventData.DestinationPort": "dest_port",
    }


def test_the_hunting_queries_are_those_of_a_case() -> None:
    text = hunting_queries(SCOPE)
    assert f'({SCOPE}) "TENANT" | count by _sourceHost' in text
    assert f'({SCOPE}) "PROCESS-GUID-WITHOUT-BRACES"' in text
