"""What the three destinations print: kept as golden files, within every limit, and inert whatever a case holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from enricher.core.document import CaseDocument, News
from enricher.core.issue_fields import Option
from enricher.destinations import adf, jira_body, servicenow, slack_body
from enricher.destinations.jira_fields import SiteFields
from enricher.destinations.jira_flavour import DATA_CENTER, adf_size
from enricher.destinations.text import length, neutralise
from tests.destinations import adf_schema, golden_files
from tests.destinations.cases import CRITICAL, ELSEWHERE, EMPTY, LOW, MARKUP, RECOVERY, SECRET_WORDS, hostile

BODIES = Path(__file__).parent.parent / "data" / "destination-bodies"
BASE = "https://enricher.corp.example"
OUTSIDE = ("https://service.us2.sumologic.com", "https://attack.mitre.org/techniques/")
SOC = SiteFields(components=(Option("SOC"),))
CASES = {"critical": CRITICAL, "low": LOW, "empty": EMPTY, "hostile": hostile()}


def jira(document: CaseDocument) -> dict[str, Any]:
    return jira_body.render(document, project="SEC", fields=SOC, base_url=BASE)


def jira_datacenter(document: CaseDocument) -> dict[str, Any]:
    return jira_body.render(document, project="SEC", fields=SOC, flavour=DATA_CENTER, base_url=BASE)


def snow(document: CaseDocument) -> dict[str, Any]:
    return servicenow.render(document, servicenow.Form(fields={"category": "network"}), base_url=BASE)


def sir(document: CaseDocument) -> dict[str, Any]:
    form = servicenow.Form("sn_si_incident", send_risk_score=True)
    return servicenow.render(document, form, remarks=["No configuration item is set: none is called ws-1."], base_url=BASE)


def slack(document: CaseDocument) -> dict[str, Any]:
    mention = {"critical": "S0SOC"}.get(document["severity"])
    return slack_body.render(document, channel="C0SOC", base_url=BASE, mention=mention, buttons=True, tickets=ELSEWHERE)


RENDERERS = {
    "jira": jira,
    "jira-datacenter": jira_datacenter,
    "servicenow": snow,
    "servicenow-sir": sir,
    "slack": slack,
}


def replies(document: CaseDocument, news: News) -> dict[str, dict[str, Any]]:
    return {
        "jira": jira_body.render_comment(document, news),
        "jira-datacenter": jira_body.render_comment(document, news, DATA_CENTER),
        "servicenow": servicenow.render_note(document, news),
        "servicenow-sir": servicenow.render_note(document, news),
        "slack": slack_body.render_reply(document, news, channel="C0SOC", thread="1.0"),
    }


# --- golden files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", RENDERERS)
@pytest.mark.parametrize("case", CASES)
def test_golden(destination: str, case: str) -> None:
    golden_files.check(f"{destination}.{case}", RENDERERS[destination](CASES[case]))


@pytest.mark.parametrize("destination", RENDERERS)
def test_golden_news(destination: str) -> None:
    golden_files.check(f"{destination}.recovery", replies(CRITICAL, RECOVERY)[destination])


# --- the example bodies ---------------------------------------------------------------------------------------------


def example(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((BODIES / f"{name}.json").read_text(encoding="utf-8"))
    return body


def headings(description: dict[str, Any]) -> list[str]:
    return [adf.plain(node) for node in description["content"] if node["type"] == "heading"]


def labels(description: dict[str, Any]) -> list[str]:
    """The labels of the facts, which stand in two tables, in order."""
    tables = [node["content"] for node in description["content"] if node["type"] == "table"]
    pairs = [row["content"] for rows in tables for row in rows if row["content"][1]["type"] == "tableCell"]
    return [adf.plain(label) for label, *_ in pairs if label["type"] == "tableHeader"]


def test_jira_prints_the_facts_of_the_example() -> None:
    wanted = example("jira-v3-create.critical")["fields"]["description"]
    ours = jira(CRITICAL)["fields"]["description"]
    assert set(labels(wanted)) <= set(labels(ours))
    assert set(headings(wanted)) <= set(headings(ours))


def test_what_to_do_stands_before_what_is_long() -> None:
    ours = jira(CRITICAL)["fields"]["description"]
    assert headings(ours)[0] == "Next steps"
    assert ours["content"][0]["type"] == "panel"
    assert labels(ours)[:4] == ["Case", "Severity", "Detection", "Host"]
    lines = snow(CRITICAL)["description"].split("\n")
    assert lines[0].startswith("Critical, 98 of 100, verdict malicious. Excel started mshta")
    assert lines.index("NEXT STEPS") < lines.index("PROCESS LINEAGE") < lines.index("WHY THIS SEVERITY")


def test_servicenow_prints_the_facts_of_the_example() -> None:
    moved = {"First / last seen (UTC)": "First / last seen", "Lineage (observed)": "Lineage"}
    beside_their_processes = "Command lines"
    wanted = [line.partition(":")[0] for line in example("servicenow-incident-create.critical")["description"].split("\n")]
    known = [moved.get(label, label) for label in wanted if re.fullmatch(r"[A-Z][\w /]+(\([\w]+\))?", label)]
    known.remove(beside_their_processes)
    assert len(known) == 17
    known.remove("Tuning")
    assert "Tuning: no rule matched." in snow(CRITICAL)["description"]
    headed = {"Ledger": "WHY THIS SEVERITY", "Lineage": "PROCESS LINEAGE"}
    printed = {line.partition(":")[0].upper() for line in snow(CRITICAL)["description"].split("\n")}
    assert {headed.get(label, label.upper()) for label in known} <= printed


def shape(body: dict[str, Any]) -> list[tuple[str, ...]]:
    blocks = [(b["type"], *(e["text"].split("\n")[0] for e in b.get("fields", ()))) for b in body["blocks"]]
    return [*blocks, *(("attachment", a["color"]) for a in body["attachments"])]


@pytest.mark.parametrize(("name", "document"), [("critical", CRITICAL), ("low", LOW)])
def test_slack_has_the_shape_of_the_example(name: str, document: CaseDocument) -> None:
    ours = slack(document)
    ours["blocks"] = [
        block for block in ours["blocks"] if not block["block_id"].startswith("nxt-")
    ]  # the examples have none
    assert shape(ours) == shape(example(f"slack-chat-postMessage.{name}"))


@pytest.mark.parametrize("name", ["critical", "low"])
def test_the_keys_are_those_of_the_examples(name: str) -> None:
    ours = jira(CASES[name])
    theirs = example(f"jira-v3-create.{name}")
    ours_snow, theirs_snow = snow(CASES[name]), example(f"servicenow-incident-create.{name}")
    for field in ("labels", "priority", "project", "issuetype"):
        assert ours["fields"][field] == theirs["fields"][field]
    for field in ("sys_id", "correlation_id", "correlation_display", "impact", "urgency"):
        assert ours_snow[field] == theirs_snow[field]
    assert ours_snow["short_description"] == theirs_snow["short_description"]


@pytest.mark.parametrize("file", sorted(BODIES.glob("jira-*.json")), ids=lambda file: file.stem)
def test_the_examples_are_valid_by_our_schema(file: Path) -> None:
    body = json.loads(file.read_text(encoding="utf-8"))
    assert adf_schema.faults(body.get("body") or body["fields"]["description"]) == []


@pytest.mark.parametrize(
    "node",
    [
        {"type": "text", "text": ""},
        {"type": "bulletList", "content": []},
        {"type": "bulletList", "content": [{"type": "paragraph", "content": []}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "x", "marks": [{"type": "code"}, {"type": "strong"}]}]},
        {
            "type": "paragraph",
            "content": [{"type": "text", "text": "x", "marks": [{"type": "link", "attrs": {"href": "javascript:x"}}]}],
        },
        {"type": "paragraph", "content": [], "colour": "red"},
        {"type": "script"},
    ],
)
def test_our_schema_refuses(node: dict[str, Any]) -> None:
    assert adf_schema.faults({"type": "doc", "version": 1, "content": [node]})


# --- limits and harm ------------------------------------------------------------------------------------------------


def texts(body: object) -> list[str]:
    """Every string value in a body."""
    if isinstance(body, dict):
        return [text for value in body.values() for text in texts(value)]
    if isinstance(body, list):
        return [text for value in body for text in texts(value)]
    return [body] if isinstance(body, str) else []


def hrefs(body: object) -> list[str]:
    if isinstance(body, dict):
        own = [str(body[name]) for name in ("href", "url") if name in body]
        return [*own, *(url for value in body.values() for url in hrefs(value))]
    return [url for value in body for url in hrefs(value)] if isinstance(body, list) else []


OUR_MARKUP = re.compile(
    r"<!subteam\^S0SOC> |<!date\^\d+\^\{date_short_pretty\} \{time_secs\}\|[^<>|]+>|<https?://[^<>|]+\|[^<>]+>"
)


def check_jira(body: dict[str, Any]) -> None:
    fields = body["fields"]
    assert adf_schema.faults(fields["description"]) == []
    assert adf_size(fields["description"]) <= 30_000
    assert length(fields["summary"]) <= 255
    assert all(re.fullmatch(r"[a-z0-9-]{1,255}", label) for label in fields["labels"])
    assert "Missing" in [adf.plain(node) for node in fields["description"]["content"] if node["type"] == "heading"]
    assert length(json.dumps(body["properties"])) < 32_768


OUR_WIKI = re.compile(
    r"^(\{panel:borderColor=#\w{6}\|bgColor=#\w{6}\}|\{panel\}|h3\. |[*#]+ )"  # blocks
    r"| ?\|{1,2} ?"  # cells
    r"|\{color:#\w{6}\}\*(?=[A-Z])|\*\{color\}|\{\{(?=\S)|(?<=\S)\}\}(?=\W|$)|(?<![^\s])\*(?=\S)|(?<=\S)\*(?= |$)"  # effects
    r"|\[(?:&#\d+;|[^\\{}\[\]()*+^~?!|#@<>&\n])+\|https?://[^\]\s|]+\]"  # links
    r"|&#\d+;",  # characters
    re.MULTILINE,
)


def check_markup(text: str) -> None:
    """Nothing in the text is markup but what we have put there."""
    assert length(text) <= 30_000
    left = OUR_WIKI.sub("", text)
    assert not re.search(r"[\\{}\[\]()*+^~?!|#@<>&]", left), left
    assert not re.search(r"(?<![^\W_])[_-]|[_-](?![^\W_])", left), left
    assert all(link.startswith((BASE, *OUTSIDE)) for link in re.findall(r"\|(https?:[^\]]+)\]", text))


def check_datacenter(body: dict[str, Any]) -> None:
    fields = body["fields"]
    check_markup(fields["description"])
    assert set(body) == {"fields"}
    assert length(fields["summary"]) <= 255
    assert "\nh3. Missing\n" in fields["description"]


def check_snow(body: dict[str, Any]) -> None:
    assert length(body["short_description"]) <= 160
    assert length(body["description"]) <= 4000
    assert length(body["correlation_id"]) <= 100
    assert length(body["correlation_display"]) <= 100
    assert length(body["work_notes"]) <= 4000
    assert "\nMISSING\n" in body["description"]
    assert not re.search(r"<[A-Za-z/!?]|\[/?code\]", json.dumps(body, ensure_ascii=False), re.IGNORECASE)


def check_blocks(body: dict[str, Any]) -> None:
    assert slack_body.blocks_size(body) < 10_000
    assert length(body["text"]) <= 4000
    every = [*body["blocks"], *(block for attachment in body.get("attachments", ()) for block in attachment["blocks"])]
    assert [block.to_dict() for block in Block.parse_all(every)] == every  # which checks every limit
    for block in every:
        sections = [block["text"]] if "text" in block else []
        for text in [*sections, *block.get("fields", ()), *block.get("elements", ())]:
            said = text["text"]["text"] if isinstance(text["text"], dict) else text["text"]
            most = {"header": 150, "actions": 75}.get(block["type"], 2000 if text in block.get("fields", ()) else 3000)
            assert 1 <= length(said) <= most
            if text["type"] == "mrkdwn":
                assert not re.search("[<>]", OUR_MARKUP.sub("", said)), said
    assert not re.search("[<>]", OUR_MARKUP.sub("", body["text"]))


def check_harmless(body: dict[str, Any]) -> None:
    assert all(url.startswith((BASE, *OUTSIDE, "https://acme.atlassian.net")) for url in hrefs(body))
    shown = [text for text in texts(body) if text not in hrefs(body)]
    for text in shown:
        assert all(neutralise(line.strip()) == " ".join(line.split()) for line in text.split("\n"))
        assert "javascript:" not in text.lower()
    assert not [word for word in SECRET_WORDS for text in shown if word in text]
    json.dumps(body, ensure_ascii=False).encode()


CHECKS = {
    "jira": check_jira,
    "jira-datacenter": check_datacenter,
    "servicenow": check_snow,
    "servicenow-sir": check_snow,
    "slack": check_blocks,
}


@pytest.mark.parametrize("destination", RENDERERS)
@pytest.mark.parametrize("case", CASES)
def test_within_limits_and_inert(destination: str, case: str) -> None:
    body = RENDERERS[destination](CASES[case])
    CHECKS[destination](body)
    check_harmless(body)


def everything_at_its_longest(char: str) -> CaseDocument:
    """A case that is as long as can be in every place at once."""

    def stretch(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stretch(item) for key, item in value.items()}
        if isinstance(value, list):
            return [stretch(item) for item in (value or ["x"]) for _ in range(30)]
        return char * 3000 if isinstance(value, str) else value

    document = stretch({**CRITICAL, "exceptions": LOW["exceptions"], "evidence": [], "rows": [], "beacon": LOW["beacon"]})
    ours = ("key", "detection", "severity", "raw_severity")
    document |= {name: CRITICAL[name] for name in ours}  # type: ignore[literal-required]  # names of a TypedDict in a loop
    document["destination"]["ptr"] = document["process"]["original_file_name"] = char * 3000
    document["links"] = {"sumo_alert": f"https://service.us2.sumologic.com/{'&' * 250}"}
    return cast("CaseDocument", document)


@pytest.mark.parametrize("char", ["A", "&", '"', "\\", "<", "\x00", "😀", "a.co "])
@pytest.mark.parametrize("destination", RENDERERS)
def test_the_longest_case_fits(destination: str, char: str) -> None:
    document = everything_at_its_longest(char)
    body = RENDERERS[destination](document)
    CHECKS[destination](body)
    check_harmless(body)


@pytest.mark.parametrize("destination", RENDERERS)
def test_long_and_hostile_news_fits(destination: str) -> None:
    news: News = {**RECOVERY, "text": MARKUP * 100, "lines": [MARKUP * 100] * 500}
    body = replies(hostile(), news)[destination]
    check_harmless(body)
    if destination == "jira":
        assert adf_schema.faults(body["body"]) == []
        assert adf_size(body["body"]) <= 30_000
    elif destination == "jira-datacenter":
        check_markup(body["body"])
    elif destination.startswith("servicenow"):
        assert length(body["work_notes"]) <= 4000
    else:
        check_blocks(body)


TEXT = st.text(max_size=300) | st.sampled_from(
    [MARKUP, "`" * 50, "<!here>" * 30, "&" * 300, "https://evil.com/<x|y>", "{code}", "\u202e"]
)


@st.composite
def documents(draw: st.DrawFn) -> CaseDocument:
    """The critical case with any text in any of its texts, null where a fact may be null, and lists of any length."""

    def vary(value: Any, *, may_be_null: bool = False) -> Any:
        if isinstance(value, dict):
            return {key: vary(item, may_be_null=True) for key, item in value.items()}
        if isinstance(value, list):
            return [vary(item) for item in value[: draw(st.integers(0, len(value)))]]
        if isinstance(value, str):
            return None if may_be_null and draw(st.booleans()) else draw(TEXT)
        return value

    fixed = (
        "key",
        "severity",
        "raw_severity",
        "title",
        "summary",
        "host",
        "verdict",
        "ledger",
        "ledger_digest",
        "detection",
        "enrichments",
    )
    document = {name: value if name in fixed else vary(value) for name, value in CRITICAL.items()}
    document |= {name: draw(TEXT) for name in ("title", "summary", "host", "ledger_digest", "detection")}
    document["severity"] = draw(st.sampled_from(["informational", "low", "medium", "high", "critical"]))
    document["ledger"] = [{**step, "evidence": draw(TEXT), "step": draw(TEXT)} for step in CRITICAL["ledger"]]
    document["links"] = {"sumo_alert": draw(st.none() | TEXT)}
    return cast("CaseDocument", document)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
@pytest.mark.slow
def test_any_text_in_any_field_stays_within_limits_and_inert(document: CaseDocument) -> None:
    for destination, render in RENDERERS.items():
        body = render(document)
        CHECKS[destination](body)
        assert all(url.startswith((BASE, "https://acme.atlassian.net")) for url in hrefs(body))
        json.dumps(body, ensure_ascii=False).encode()


def test_without_a_console_there_is_no_link() -> None:
    body = slack_body.render(CRITICAL, channel="C1")
    assert "case page" not in json.dumps(body)
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "section", "section", "context"]


def test_a_tuned_case_says_what_the_rule_did() -> None:
    rule = {**LOW["exceptions"][0], "mode": "live"}
    document = cast("CaseDocument", {**LOW, "score": 19, "severity": "informational", "exceptions": [rule]})
    assert "28 low → 19 informational" in snow(document)["description"]
    assert "before tuning 28/100 low" in adf.plain(jira(document)["fields"]["description"])
