"""Templates made for other receivers, as Sumo Logic's documentation has them, from the body to the case."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core import templates
from enricher.core.document import Json
from enricher.core.payload import glance, read, sniff
from enricher.errors import PayloadError
from enricher.lookups import NoLookups
from enricher.model import Alert, Kind
from enricher.wiring.flow import Flow, submission
from tests.fakes import PAYLOADS, START, packaged_programs

TEMPLATES = Path(__file__).parent / "data" / "templates"
NAMES = sorted(path.stem for path in TEMPLATES.iterdir())
FLOW = Flow(packaged_programs, NoLookups(), None, owner=False)

NAME = "T1583.007 Serverless C2 - non-browser process"
ALERT_NAME = f"{NAME} - WS-FIN-0142.corp.example"
REF = "0000000001A2B3C4"
ROW = {"Host": "ws-1", "event_id": "22", "image": r"C:\x\curl.exe", "query_name": "a.example-lab.workers.dev"}


def body(name: str) -> bytes:
    return (TEMPLATES / f"{name}.json").read_bytes()


def sent(**keys: object) -> bytes:
    return json.dumps(keys).encode()


@cache
def cases_of_our_template() -> list[Json]:
    return judged((PAYLOADS / "monitor-alert-aggregate.json").read_bytes())


def judged(raw: bytes) -> list[Json]:
    """The cases, without what a template alone decides: links, and how many rows there were."""
    cases: list[Json] = FLOW.explain(raw, START)["cases"]
    return [{key: value for key, value in case.items() if key not in {"links", "missing"}} for case in cases]


# --- every template -------------------------------------------------------------------------------------------------

ONLY_AGGREGATE = [
    name
    for name in NAMES
    if not name.endswith("-recovery") and name not in {"servicenow-security-incident", "legacy-scheduled-search"}
]


@pytest.mark.parametrize("name", ONLY_AGGREGATE)
def test_the_cases_are_those_of_our_own_template(name: str) -> None:
    assert judged(body(name)) == cases_of_our_template()


@pytest.mark.parametrize("name", ["servicenow-security-incident", "legacy-scheduled-search"])
def test_raw_messages_are_evidence_beside_the_aggregate(name: str) -> None:
    document = FLOW.explain(body(name), START)
    assert document["dropped"] == []
    assert [(case["tenant"], case["rows"]) for case in document["cases"]] == [
        ("example-lab.workers.dev", [0, 1, 3]),
        ("us-central1-example-proj.cloudfunctions.net", [2]),
    ]


WHAT_THEY_SAY = [
    pytest.param(
        "cloud-soar", Kind.MONITOR, "Critical", None, REF, "query query_url source_url", id="Cloud SOAR, Opsgenie"
    ),
    pytest.param("jira", Kind.MONITOR, None, NAME, None, "", id="Jira, results in the description"),
    pytest.param("legacy-flat", Kind.MONITOR, None, f"{NAME} ran over", None, "", id="legacy, flat"),
    pytest.param("legacy-hierarchical", Kind.SCHEDULED_SEARCH, None, NAME, None, "query_url", id="legacy, hierarchical"),
    pytest.param(
        "legacy-scheduled-search", Kind.SCHEDULED_SEARCH, None, NAME, None, "query query_url", id="legacy, search"
    ),
    pytest.param("new-relic", Kind.MONITOR, None, None, None, "query_url", id="New Relic"),
    pytest.param("pagerduty-v1", Kind.MONITOR, "Critical", ALERT_NAME, REF, "query query_url", id="PagerDuty v1"),
    pytest.param("pagerduty-v1-recovery", Kind.RECOVERY, "Resolved", NAME, None, "query", id="PagerDuty v1, recovery"),
    pytest.param("pagerduty-v2", Kind.MONITOR, "Critical", NAME, REF, "query query_url", id="PagerDuty v2"),
    pytest.param("servicenow-incident", Kind.MONITOR, "Critical", NAME, None, "query_url", id="ServiceNow"),
    pytest.param(
        "servicenow-security-incident", Kind.SCHEDULED_SEARCH, None, NAME, None, "query_url", id="ServiceNow, security"
    ),
    pytest.param("slack", Kind.MONITOR, None, NAME, None, "query query_url", id="Slack"),
    pytest.param("slack-blocks", Kind.MONITOR, "Critical", NAME, None, "", id="Slack, blocks"),
    pytest.param("slack-text", Kind.MONITOR, None, None, None, "", id="Slack, results as the text"),
    pytest.param("teams-adaptive-card", Kind.MONITOR, "Critical", NAME, REF, "query", id="Teams, adaptive card"),
    pytest.param("teams-message-card", Kind.MONITOR, "Critical", NAME, None, "query", id="Teams, message card"),
    pytest.param(
        "teams-message-card-recovery",
        Kind.RECOVERY,
        "ResolvedCritical",
        ALERT_NAME,
        None,
        "query",
        id="Teams, recovery",
    ),
]


@pytest.mark.parametrize(("name", "kind", "trigger", "called", "ref", "links"), WHAT_THEY_SAY)
def test_what_a_template_says(
    name: str, kind: Kind, trigger: str | None, called: str | None, ref: str | None, links: str
) -> None:
    alert = read(body(name))
    assert (alert.kind, alert.trigger, alert.alert_ref) == (kind, trigger, ref)
    assert (alert.name or "").startswith(called or "") if called else alert.name is None
    assert [word for word in ("query", "query_url", "source_url") if getattr(alert, word)] == links.split()


def test_every_template_is_in_the_table() -> None:
    assert [row.values[0] for row in WHAT_THEY_SAY] == NAMES


# --- what intake sees -----------------------------------------------------------------------------------------------

BODIES = [path for folder in (TEMPLATES, PAYLOADS) for path in sorted(folder.iterdir())]


def outcome(of: Any, raw: bytes) -> tuple[object, ...]:
    try:
        found = of(raw)
    except PayloadError as error:
        return (error.code,)
    rows = found.rows if isinstance(found, Alert) else found.row_digests
    return found.kind, found.alert_ref, found.trigger, bool(rows)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_glance_agrees_with_reading(path: Path) -> None:
    raw = path.read_bytes()
    assert outcome(glance, raw) == outcome(read, raw)
    assert sniff(raw) == "payload"


@pytest.mark.parametrize("name", NAMES)
def test_a_second_send_is_the_same_alert(name: str) -> None:
    assert submission(body(name), "sumo") == submission(body(name), "sumo") is not None


# --- tests of a connection ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"event_type": "trigger", "details": {"results": "{{ResultsJson}}"}}, id="PagerDuty"),
        pytest.param(
            {"event_type": "resolve", "description": "{{Name}} has recovered at {{TriggerTime}}"}, id="a recovery"
        ),
        pytest.param({"fields": {"summary": "{{Name}}", "description": "{{QueryUrl}}"}}, id="Jira's default"),
        pytest.param({"attachments": [{"fields": [{"title": "Query", "value": "<{{QueryUrl}}|{{Query}}>"}]}]}, id="Slack"),
        pytest.param({"sections": [{"facts": [{"name": "Results", "value": "{{ResultsJson}}"}]}]}, id="Teams"),
    ],
)
def test_a_connection_under_test(keys: dict[str, Any]) -> None:
    assert read(sent(**keys)).kind is Kind.TEST


def test_the_places_stand_in_the_documentation() -> None:
    section = (
        (Path(__file__).parents[1] / "docs" / "evidence.md")
        .read_text()
        .partition("\n## Templates of other receivers\n")[2]
        .partition("\n## ")[0]
    )
    named = {place.replace("[]", "").replace("_", "") for place in re.findall(r"`([a-z_.\[\]]+)`", section)}
    assert {".".join(place) for place in templates.PLACES} <= named


# --- what is no alert -----------------------------------------------------------------------------------------------

LIST = json.dumps([ROW])


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(
            {"fields": {"summary": "x", "description": "https://service.sumologic.com/x"}}, id="Jira's default, filled"
        ),
        pytest.param({"text": "deployed [{curl}] to production"}, id="a chat message"),
        pytest.param({"text": 'see [{"a": 1}]'}, id="a text with JSON of something else"),
        pytest.param({"description": "[{", "details": "}]"}, id="brackets"),
        pytest.param({"issue": {"fields": {"description": LIST}}}, id="Jira's own webhook"),
        pytest.param({"event": {"text": LIST}}, id="a place that is not listed"),
        pytest.param({"details": {"details": {"results": LIST}}}, id="a listed place, deeper"),
        pytest.param({"attachments": [[{"fields": [{"title": "Results", "value": LIST}]}]]}, id="lists within lists"),
        pytest.param({"attachments": [{}] * 20 + [{"text": LIST}]}, id="the 21st attachment"),
        pytest.param({"blocks": [{"elements": [{"text": LIST}]}]}, id="an element of Slack's blocks"),
        pytest.param({"payload": "payload", "fields": [1, None], "sections": {"facts": 7}}, id="places of other types"),
    ],
)
def test_no_alert(keys: dict[str, Any]) -> None:
    for look in (read, glance):
        with pytest.raises(PayloadError) as refused:
            look(sent(**keys))
        assert refused.value.code == "no_rows"


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"text": LIST}, id="a list as the text"),
        pytest.param({"text": json.dumps(ROW)}, id="an object as the text"),
        pytest.param({"comments": f"Rows:\n{{code}}{LIST}{{code}}"}, id="a list within a comment"),
        pytest.param({"fields": {"description": [ROW], "results": [ROW]}}, id="rows that are no text"),
        pytest.param(
            {"blocks": [{"text": {"text": "x"}}, {"text": {"text": f"*Rows* {LIST}"}}]}, id="the second text of several"
        ),
        pytest.param({"details": f"name: x, results: {LIST}"}, id="all in one text"),
        pytest.param({"details": [{"results": LIST}]}, id="a list where an object was meant"),
    ],
)
def test_an_alert(keys: dict[str, Any]) -> None:
    (case,) = FLOW.explain(sent(**keys), START)["cases"]
    assert (case["tenant"], case["rows"]) == ("example-lab.workers.dev", [0])


def test_the_top_wins_over_a_container() -> None:
    alert = read(sent(name="top", details={"name": "below", "triggerType": "Critical", "results": LIST}, triggerType=""))
    assert (alert.name, alert.trigger) == ("top", "Critical")


def test_a_body_with_rows_at_its_top_is_not_looked_into() -> None:
    alert = read(sent(results=LIST, details={"triggerType": "Critical", "results": json.dumps([ROW, ROW])}))
    assert (len(alert.rows), alert.trigger) == (1, None)


def test_a_client_url_leads_to_the_alert_or_to_the_query() -> None:
    alert = read(sent(client_url=f"https://service.sumologic.com/ui/#/alert/{REF}", details={"results": LIST}))
    assert (alert.alert_ref, alert.query_url) == (REF, None)
    search = read(sent(client_url="https://service.sumologic.com/ui/#/search/x", details={"results": LIST}))
    assert (search.alert_ref, search.query_url) == (None, "https://service.sumologic.com/ui/#/search/x")


# --- whatever comes -------------------------------------------------------------------------------------------------

WORDS = (
    "details payload custom_details fields attachments content body facts sections title value "
    "name text description work_notes query client_url event_type triggerType Results summary"
)
WORD = st.sampled_from(WORDS.split())
LEAF = st.sampled_from(
    [LIST, "[{", "resolve", "Results", "{{x}}", "<https://a/|b>", f"x {LIST}", "Monitor Alert: Critical on x", 7, None]
)
TREE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(WORD, TREE, max_size=6))
def test_whatever_is_nested_is_seen_alike_by_both(keys: dict[str, Any]) -> None:
    raw = sent(**keys)
    assert outcome(glance, raw) == outcome(read, raw)
