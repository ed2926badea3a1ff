"""The searches for Sumo Logic: they fit a monitor, name every platform once, and give the rows that are read here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from enricher.core.catalog import Catalog
from enricher.core.fields import fold
from enricher.core.kit.queries import (
    FORMS,
    SEARCHES,
    Form,
    Query,
    detection_queries,
    heartbeat_query,
    hunting_queries,
    preflight_query,
    process_queries,
    silence_query,
)
from enricher.core.kit.selection import looked_for, names_of
from enricher.core.normalise import normalise
from enricher.core.rules import Platform, Rules
from enricher.errors import Unsearchable
from enricher.model import Alert, DnsQuery, Kind, ProcessCreate, Row
from tests.fakes import packaged_programs

RULES = packaged_programs().rules
SCOPE = "_sourceCategory=*sysmon*"
QUERIES = {
    f"{form}-{query.name}": query
    for form in FORMS
    for query in (*detection_queries(RULES, SCOPE, form), *process_queries(RULES, SCOPE, form))
}
AS_SEARCHES = {name: query for name, query in QUERIES.items() if query.form != "cloud-siem"}
LIMIT = 4_000
NO_OPERATOR = re.compile(r"\|\s*(?:eval|sort|order)\b")
COLUMNS = {
    "_sourceHost",
    "event_id",
    "computer",
    "process_image",
    "process_guid",
    "process_id",
    "username",
    "dest_hostname",
    "query_status",
    "dest_ip",
    "dest_port",
    "serverless_platform",
    "is_suspicious",
}
MOST = {"xml": 10, "json": 10, "otel": 11, "cloud-siem": 5}
"""How many searches the packaged catalog takes in each form: a search more is another monitor to keep, so it is seen."""


def lines(query: Query) -> list[str]:
    return query.text.split("\n| ")


def detections(form: Form) -> Iterator[Query]:
    return (query for query in QUERIES.values() if query.form == form and not query.name.startswith("starts-"))


def counted_by(query: Query) -> list[str]:
    return lines(query)[-1].partition(" by ")[2].split(",")


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_fits_a_monitor_and_is_sound(name: str) -> None:
    query = QUERIES[name]
    assert len(query.text) <= LIMIT
    assert re.fullmatch(r"[a-z0-9-]+", query.name)
    unescaped = re.sub(r"\\.", "", query.text)
    assert unescaped.count('"') % 2 == 0
    assert unescaped.count("(") == unescaped.count(")")
    assert unescaped.count("'") % 2 == 0


@pytest.mark.parametrize("name", AS_SEARCHES)
def test_a_search_is_an_aggregate_of_documented_operators(name: str) -> None:
    query = AS_SEARCHES[name]
    assert not NO_OPERATOR.search(query.text)
    assert lines(query)[0].startswith(f"({SCOPE}) (")
    assert lines(query)[-1].startswith(
        "count, min(_messageTime) as first_seen, max(_messageTime) as last_seen by _sourceHost,"
    )


@pytest.mark.parametrize("name", QUERIES)
def test_no_expression_of_a_query_repeats_a_repetition(name: str) -> None:
    for found in re.findall(r"matches /(.*?)/|parse regex (?:field=\w+ )?\"(.*)\"", QUERIES[name].text):
        assert not re.search(r"[*+]\)[*+{]|\)[*+]|[*+][*+]", "".join(found))


@pytest.mark.parametrize("form", FORMS)
def test_every_platform_is_looked_for_once(form: Form) -> None:
    listed = [platform for query in detections(form) for platform in query.platforms]
    assert sorted(listed) == sorted(platform.id for platform in looked_for(RULES))
    for query in detections(form):
        for platform in (RULES.catalog.platforms[name] for name in query.platforms):
            assert form == "cloud-siem" or f'"{platform.name}"' in query.text
            for host in platform.exclude:
                assert host in query.text


@pytest.mark.parametrize("form", FORMS)
def test_no_more_searches_than_the_limit_asks_for(form: Form) -> None:
    assert len([*detections(form)]) == MOST[form]


@pytest.mark.parametrize("form", SEARCHES)
def test_a_search_has_the_columns_that_are_read_here(form: Form) -> None:
    for query in detections(form):
        assert set(counted_by(query)) == COLUMNS


def test_the_same_catalog_gives_the_same_text() -> None:
    assert detection_queries(RULES, SCOPE, "xml") == detection_queries(packaged_programs().rules, SCOPE, "xml")


def test_platforms_can_be_chosen() -> None:
    (query,) = detection_queries(RULES, SCOPE, "xml", [RULES.catalog.platforms["cf-workers"]])
    assert lines(query)[0] == f'({SCOPE}) ("workers.dev")'
    assert 'if(d="workers.dev","Cloudflare Workers","-") as serverless_platform' in lines(query)
    assert 'where serverless_platform != "-"' in lines(query)
    (companion,) = process_queries(RULES, SCOPE, "xml", [RULES.catalog.platforms["cf-workers"]])
    assert (companion.name, companion.platforms) == ("starts-functions", ("cf-workers",))


def test_what_another_row_takes_first_is_left_out() -> None:
    """`x.scm.azurewebsites.net` is context here; the search for App Service's unique names would call it App Service."""
    (query,) = detection_queries(RULES, SCOPE, "xml", [RULES.catalog.platforms["az-appservice-unique"]])
    (chain,) = [line for line in lines(query) if line.endswith(" as serverless_platform")]
    context = r'if(h matches /^.+\.scm\.azurewebsites\.net$/,"--"'
    assert chain.index(context) < chain.index('"Azure App Service unique default hostname"')
    assert 'where serverless_platform not in ("-","--")' in lines(query)


def test_rows_of_one_search_are_asked_in_the_order_of_the_catalog() -> None:
    chosen = [RULES.catalog.platforms[name] for name in ("valtown-any", "valtown")]
    (query,) = detection_queries(RULES, SCOPE, "json", chosen)
    (line,) = [line for line in lines(query) if line.endswith("as serverless_platform")]
    assert line.index('"Val Town"') < line.index('"Val Town other roots"')
    assert line.count('"--"') == 1, "docs.val.run is the provider's own, and nothing else is in the way"


def test_the_providers_own_hosts_are_no_platforms() -> None:
    (query,) = detection_queries(RULES, SCOPE, "json", [RULES.catalog.platforms["deno"]])
    (chain,) = [line for line in lines(query) if line.endswith(" as serverless_platform")]
    assert chain.startswith('if(h="apiland.deno.dev","--",')


def own_platform(pattern: str, name: str = 'Quoted "name" \\ of ours') -> Rules:
    platform = Platform(id="own", name=name, provider="own", category="function", family="own", pattern=pattern)
    return replace(RULES, catalog=Catalog([platform], lambda host: host))


def test_a_name_of_an_operators_own_cannot_end_its_quotes() -> None:
    (query,) = detection_queries(own_platform("**.apps.example.net"), SCOPE, "json")
    assert '"Quoted \\"name\\" \\\\ of ours"' in query.text


def test_a_pattern_with_alternatives_is_asked_once() -> None:
    (query,) = detection_queries(own_platform("*.{a|b}.example", "Own"), SCOPE, "json")
    assert 'if(e in ("a.example","b.example"),"Own","-") as serverless_platform' in lines(query)


@pytest.mark.parametrize("scope", ["", " ", "a | count", "a\nb", "x" * 1_001])
def test_a_scope_that_is_none_is_refused(scope: str) -> None:
    makers = (
        lambda: detection_queries(RULES, scope, "xml"),
        lambda: process_queries(RULES, scope, "xml"),
        lambda: hunting_queries(scope),
        lambda: preflight_query(scope, "xml"),
        lambda: heartbeat_query(scope),
        lambda: silence_query(scope),
    )
    for make in makers:
        with pytest.raises(Unsearchable):
            make()


@pytest.mark.parametrize("form", FORMS)
def test_the_longest_scope_that_settings_allow_leaves_room_for_every_platform(form: Form) -> None:
    queries = detection_queries(RULES, "x" * 1_000, form)
    assert sum(len(query.platforms) for query in queries) == len(looked_for(RULES))
    assert max(len(query.text) for query in queries) <= LIMIT


def test_a_platform_without_room_is_said_so() -> None:
    name = "n" * 3_000
    with pytest.raises(Unsearchable, match="4000 is the limit"):
        detection_queries(own_platform("**.apps.example.net", name), SCOPE, "xml")


# --- what is counted is read here -----------------------------------------------------------------------------------


def read(keys: list[str], **values: str) -> object:
    row = {**dict.fromkeys(keys, "-"), "_sourceHost": "collector-1", "_count": "3", "first_seen": "1795485127412", **values}
    found = normalise(Alert(kind=Kind.MONITOR, rows=(Row(index=0, columns={fold(k): v for k, v in row.items()}),)))
    assert found.dropped == ()
    return found.events[0]


@pytest.mark.parametrize("form", SEARCHES)
def test_what_a_query_counts_by_is_read_here_as_the_event_it_was(form: Form) -> None:
    event = read(
        counted_by(QUERIES[f"{form}-functions-1"]),
        computer="WS-1.corp.example",
        event_id="22",
        dest_hostname="x.example-lab.workers.dev",
        process_image="C:\\Windows\\System32\\curl.exe",
        process_guid="{7C1E2B40-96D1-65F0-3B12-00000000A100}",
        query_status="9003",
    )
    assert isinstance(event, DnsQuery)
    assert (event.computer, event.name, event.status) == ("ws-1.corp.example", "x.example-lab.workers.dev", 9003)
    assert event.guid == "7C1E2B40-96D1-65F0-3B12-00000000A100"


@pytest.mark.parametrize("form", SEARCHES)
def test_what_a_companion_counts_by_is_read_here_as_a_start(form: Form) -> None:
    event = read(
        counted_by(next(one for one in AS_SEARCHES.values() if one.form == form and one.name.startswith("starts-"))),
        computer="WS-1.corp.example",
        event_id="1",
        process_image="C:\\Windows\\System32\\curl.exe",
        process_guid="{7C1E2B40-96D1-65F0-3B12-00000000A100}",
        command_line="curl https://x.example-lab.workers.dev/",
        original_file_name="curl.exe",
        parent_image="C:\\Windows\\System32\\cmd.exe",
        parent_command_line="cmd /c x.bat",
        parent_process_guid="{7C1E2B40-96D1-65F0-3B12-00000000A000}",
    )
    assert isinstance(event, ProcessCreate)
    assert (event.command_line, event.parent_image) == (
        "curl https://x.example-lab.workers.dev/",
        "C:\\Windows\\System32\\cmd.exe",
    )
    assert (event.version_info["original_file_name"], event.parent_guid) == (
        "curl.exe",
        "7C1E2B40-96D1-65F0-3B12-00000000A000",
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_companions_name_every_platform(form: Form) -> None:
    found = process_queries(RULES, SCOPE, form)
    listed = [platform for query in found for platform in query.platforms]
    assert sorted(listed) == (sorted(platform.id for platform in looked_for(RULES)) if form in SEARCHES else [])
    for query in found:
        for name in (name for platform in query.platforms for name in names_of(RULES.catalog.platforms[platform])):
            assert name.rpartition("*")[2].lstrip(".").replace(".", "\\.") in query.text


# --- hunting --------------------------------------------------------------------------------------------------------


def test_the_hunting_queries_are_those_of_a_case() -> None:
    text = hunting_queries(SCOPE)
    assert f'({SCOPE}) "TENANT" | count by _sourceHost' in text
    assert f'({SCOPE}) "PROCESS-GUID-WITHOUT-BRACES"' in text


@pytest.mark.parametrize("form", SEARCHES)
def test_with_the_catalog_there_are_more(form: Form) -> None:
    text = hunting_queries(SCOPE, RULES, form)
    assert text.startswith(hunting_queries(SCOPE))
    asked = [line for line in text.splitlines() if line.startswith("// ")]
    assert len(asked) == 6
    assert all(len(query) <= LIMIT for query in text.split("\n\n"))
    assert hunting_queries(SCOPE, RULES, "cloud-siem") == hunting_queries(SCOPE)


def test_a_scope_that_leaves_a_hunt_no_room_is_said_so() -> None:
    heavy = replace(RULES, catalog=Catalog([replace(one, weight=5) for one in looked_for(RULES)], lambda host: host))
    with pytest.raises(Unsearchable, match="4000 is the limit"):
        hunting_queries("x" * 1_000, heavy)
