"""The evidence in tickets: whose child, whose address, how regular, how new; each fact once, and no text of it markup."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from enricher.core.document import CaseDocument, News
from enricher.destinations import adf, servicenow_body
from tests.destinations.cases import CRITICAL, EMPTY, LOW, MARKUP, MISSING_PARENT, ancestor, lookup
from tests.destinations.test_destination_render import CHECKS, RENDERERS, check_harmless, jira, jira_datacenter, slack, snow


def case(**changes: Any) -> CaseDocument:
    return cast("CaseDocument", {**CRITICAL, **changes})


def depths(node: dict[str, Any], depth: int = 0) -> list[tuple[int, str]]:
    """Every item of nested lists: how deep, and its first paragraph."""
    if node["type"] == "listItem":
        own, *below = node["content"]
        return [(depth, adf.plain(own).replace("\n", "")), *(d for child in below for d in depths(child, depth))]
    inner = depth + 1 if node["type"] == "bulletList" else depth
    return [d for child in node.get("content", ()) if child["type"] != "text" for d in depths(child, inner)]


def lineage(document: CaseDocument) -> list[tuple[int, str]]:
    content = jira(document)["fields"]["description"]["content"]
    at = next(i for i, node in enumerate(content) if adf.plain(node) == "Process lineage")
    return depths(content[at + 1])


def test_jira_shows_each_process_below_its_parent_with_its_source() -> None:
    assert lineage(LOW) == [
        (1, "not known (missing) GUID 7C1E2B40-11AA-65F0-0401-00000000A100"),
        (2, "explorer.exe (columns) explorer.exe"),
        (3, "cmd.exe (history) cmd.exe"),
        (4, "cmd.exe (observed) cmd.exe /c sam sync"),
        (
            5,
            'python.exe "C:\\Program Files\\Amazon\\AWSSAMCLI\\runtime\\python.exe" -m samcli sync --watch --stack-name orders-dev',
        ),
    ]


def test_jira_is_never_given_deeper_lists_than_its_editor_indents() -> None:
    deepest = lineage(case(lineage=[ancestor(f"p{n}.exe", "x", "search") for n in range(50)]))
    assert max(depth for depth, _ in deepest) == 5
    assert "(Sumo search)" in deepest[0][1]


def test_wiki_markup_has_the_same_depths() -> None:
    lines = jira_datacenter(LOW)["fields"]["description"].split("\n")
    stars = [line.split(" ")[0] for line in lines if line.startswith("*") and not line.startswith("*Low")]
    assert stars[:5] == ["*", "**", "***", "****", "*****"]


def test_servicenow_indents_each_process() -> None:
    lines = snow(LOW)["description"].split("\n")
    at = lines.index("PROCESS LINEAGE") + 1
    assert [len(line) - len(line.lstrip()) for line in lines[at : at + 5]] == [0, 2, 4, 6, 8]
    assert lines[at] == "not known (missing): GUID 7C1E2B40-11AA-65F0-0401-00000000A100"
    assert lines[at + 2] == "    └ cmd.exe (history): cmd.exe"


def test_slack_names_a_source_only_where_it_is_not_the_alert_itself() -> None:
    given = [ancestor("mshta.exe", ""), ancestor("EXCEL.EXE", "", "search"), MISSING_PARENT]
    chain = slack(case(lineage=given))["blocks"][1]["text"]["text"]
    assert "not known (missing) → EXCEL.EXE (Sumo search) → mshta.exe → powershell.exe" in chain


def test_slack_does_not_repeat_the_chain_of_its_summary() -> None:
    told = case(summary="EXCEL.EXE → mshta.exe → powershell.exe on ws-fin-0142 contacted a tenant once.")
    text = slack(told)["blocks"][1]["text"]["text"]
    assert text.count("EXCEL.EXE") == 1
    assert "*`hxxps://beacon-7f[.]example-lab[.]workers[.]dev`*" in text


def test_names_of_rules_are_not_taken_for_names_of_hosts() -> None:
    news: News = {
        "seq": 2,
        "kind": "severity",
        "at": "",
        "text": "Up.",
        "lines": ["+15 process.shell: process.shell", "+9 evil.shell: x"],
    }
    lines = servicenow_body.render_note(CRITICAL, news)["work_notes"].split("\n")
    assert lines[1:3] == ["- +15 process.shell: process[.]shell", "- +9 evil[.]shell: x"]


def test_slack_shows_no_more_than_four_that_are_missing() -> None:
    (said,) = slack(case(missing=[f"fact {n}: why" for n in range(9)]))["blocks"][-1]["elements"]
    assert said["text"].endswith("missing: fact 0: why; fact 1: why; fact 2: why; … 6 more, see case")


def printed(document: CaseDocument, destination: str) -> str:
    return json.dumps(RENDERERS[destination](document), ensure_ascii=False).replace("&#43;", "+").replace("&#40;", "(")


EVERYWHERE = list(RENDERERS)


@pytest.mark.parametrize("destination", EVERYWHERE)
@pytest.mark.parametrize(
    "said",
    [
        "24 contacts in 11 min 32 s, every 30.1 s ± 4.2 %",
        "first seen here with this case; by this host alone; history since 2026",
        "workstation, groups finance, owner it",
        "104.21.48.117 is in a range that Cloudflare publishes",
        "by Team Cymru",
        "no answer in 5 s",
    ],
)
def test_a_fact_is_said_once(destination: str, said: str) -> None:
    assert printed(CRITICAL, destination).count(said) == 1


@pytest.mark.parametrize("destination", EVERYWHERE)
def test_an_unknown_owner_is_said_once(destination: str) -> None:
    why = "the look-ups of addresses are switched off"
    to = {**CRITICAL["destination"], "consistent": None, "consistency": why, "asn": None, "holder": None}
    missing = [f"owner of the address: {why}"]
    off = [lookup("asn", "disabled", reason=why), lookup("ptr", "disabled", reason=why)]
    assert printed(case(destination=to, missing=missing, enrichments=off), destination).count(why) == 1


@pytest.mark.parametrize("destination", EVERYWHERE)
def test_a_mismatch_is_said_whatever_is_missing(destination: str) -> None:
    to = {**CRITICAL["destination"], "consistent": False, "consistency": "AS64500 announces the address"}
    assert "AS64500 announces the address" in printed(
        case(destination=to, missing=["owner of the address: x"]), destination
    )


@pytest.mark.parametrize("destination", ["jira", "jira-datacenter", "servicenow"])
def test_an_old_answer_says_how_old(destination: str) -> None:
    answers = [lookup("asn", "stale", {"origin": "cymru"}, age_s=180_000), lookup("ptr", "ok", {"names": ["a.b.com"]})]
    said = printed(case(enrichments=answers), destination)
    assert "Owner" in said
    assert "stale, 2 d old" in said
    assert "by Team Cymru" in said
    assert "a[.]b[.]com" in said.replace("&#91;", "[").replace("&#93;", "]")


@pytest.mark.parametrize("destination", EVERYWHERE)
def test_a_case_from_before_has_no_new_labels(destination: str) -> None:
    said = printed(EMPTY, destination)
    assert "History" not in said
    assert "Estate" not in said


HARM = f"{MARKUP} {'x' * 8000}"


@pytest.mark.parametrize(
    "changes",
    [
        {"contacts": [HARM] * 200},
        {"estate": {"role": HARM, "groups": [HARM] * 50, "owner": HARM, "maintenance": True, "service_account": True}},
        {"first_seen_estate": HARM, "history_since": HARM, "prevalence": 21, "shared_hosts": [HARM] * 20},
        {"lineage": [{**MISSING_PARENT, "guid": HARM}] * 4},
        {"lineage": [{**MISSING_PARENT, "name": HARM, "command_line": HARM, "source": HARM}] * 4},
        {"destination": {**CRITICAL["destination"], "consistency": HARM, "origin": HARM, "ptr": HARM}},
        {"enrichments": [lookup(HARM, HARM, {"names": [HARM]}, HARM, 9)] * 20},
        {"enrichments": [lookup("ptr", "ok", {"names": [HARM, None, 7]}), lookup("ranges", "ok", {"provider": HARM})]},
        {"beacon": {**dict.fromkeys(CRITICAL["beacon"] or (), HARM), "period_s": 1.0, "jitter": None, "score": None}},
        {"missing": [f"{HARM}: {HARM}"] * 40},
    ],
    ids=[
        "contacts",
        "estate",
        "history",
        "GUID",
        "lineage",
        "destination",
        "look-ups of no known source",
        "answers",
        "beacon",
        "missing",
    ],
)
@pytest.mark.parametrize("destination", EVERYWHERE)
def test_hostile_evidence_is_cut_and_inert(destination: str, changes: dict[str, Any]) -> None:
    body = RENDERERS[destination](case(**changes))
    CHECKS[destination](body)
    check_harmless(body)
