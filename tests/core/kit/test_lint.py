"""The linter of payload templates: what it finds, on which line, and what it lets pass."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.kit.lint import Remark, lint, lint_headers, lint_query
from enricher.core.kit.variables import LEGACY, VARIABLES, Sender, fill, uses
from enricher.core.payload import read
from enricher.model import Kind

ROOT = Path(__file__).parents[3]
ROWS = json.dumps([{"dest_hostname": "a.workers.dev", "Count": 2}, {"dest_hostname": 'b"\\c', "Count": 1}])
GOOD = '{"name": "{{Name}}", "triggerType": "{{TriggerType}}", "link": "", "alertResponseUrl": "{{AlertResponseUrl}}"'


def errors(text: str, *, sender: Sender | None = None) -> list[tuple[int, str]]:
    return [(one.line, one.text) for one in lint(text, sender=sender) if one.level == "error"]


def notes(text: str) -> list[str]:
    return [one.text for one in lint(text) if one.level == "note"]


def template(more: str) -> str:
    return f"{GOOD},\n{more}}}"


# --- what passes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "config/sumo").glob("*.json")), ids=lambda path: path.name)
def test_what_is_shipped_passes(path: Path) -> None:
    assert errors(path.read_text()) == []


def test_a_template_is_read_as_what_it_would_be() -> None:
    text = template('"results": "{{ResultsJson}}"')
    assert errors(text) == []
    assert notes(text) == ["read as an alert of a monitor with 1 row"]
    assert notes(GOOD + "}") == ["read as a recovery"]
    search = '{"kind": "scheduled_search", "searchName": "{{SearchName}}", "aggregateResults": "{{AggregateResultsJson}}"}'
    assert notes(search) == ["read as an alert of a scheduled search with 1 row"]


def test_an_alert_group_may_come_empty_and_that_is_no_error() -> None:
    text = template('"results": "{{ResultsJson}}",\n"alertGroup": "{{AlertGroup}}"')
    assert errors(text) == []
    assert Remark(3, "note", "{{AlertGroup}} may come empty: it is documented for playbooks, not for webhooks") in lint(
        text
    )


def test_names_are_taken_without_case_and_fields_of_rows_with_an_index() -> None:
    text = template('"results": "{{resultsjson}}", "first": "{{ResultsJson.dest_hostname}}[0]", "n": "{{NUMQUERYRESULTS}}"')
    assert errors(text) == []


# --- what does not --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        pytest.param('"results": {{ResultsJson}}', 2, 'write "{{ResultsJson}}"', id="rows without quotes"),
        pytest.param('"n": {{NumQueryResults}}', 2, "outside quotes", id="a number without quotes"),
        pytest.param('"a": "{{ResultJson}}"', 2, "did you mean {{ResultsJson}}?", id="nearly a variable"),
        pytest.param('"a": "{{Hostname}}"', 2, "{{Hostname}} is no variable", id="no variable"),
        pytest.param('"a": "{{AlertID}}"', 2, "{{AlertResponseUrl}} does", id="only of metrics monitors"),
        pytest.param('"a": "{{SearchName}}"', 2, "{{Name}} does", id="an old name"),
        pytest.param('"a": "{{Name.host}}"', 2, "has no fields", id="a field of what has none"),
        pytest.param('"a": "{{ResultsJson.a-b}}"', 2, "letters, digits, _ and blanks", id="a field's name that is none"),
        pytest.param('"a": "{{Name}"', 2, "braces that do not close", id="half a variable"),
        pytest.param('"a": "b",', 2, "no JSON before it is filled", id="no JSON"),
        pytest.param('"a": [1, {]', 2, "no JSON before it is filled", id="no JSON inside"),
    ],
)
def test_each_fault_is_told_with_its_line(more: str, line: int, said: str) -> None:
    found = errors(template(f"{more}"), sender="monitor")
    assert any(at == line and said in text for at, text in found), found


def test_a_variable_that_only_a_monitor_fills_is_none_of_a_search() -> None:
    text = '{"kind": "scheduled_search", "results": "{{ResultsJson}}", "triggerType": "{{TriggerType}}"}'
    assert any("is not filled by a scheduled search" in said for _, said in errors(text))
    assert errors(text.replace(', "triggerType": "{{TriggerType}}"', "")) == []


def test_rows_in_no_place_of_rows_are_told() -> None:
    text = '{"name": "{{Name}}", "alertResponseUrl": "{{AlertResponseUrl}}", "triggerType": "{{TriggerType}}", "x": "{{ResultsJson}}"}'
    assert any("no rows" in said for _, said in errors(text))


def test_without_its_link_a_recovery_finds_no_alert() -> None:
    text = '{"name": "{{Name}}", "triggerType": "{{TriggerType}}", "results": "{{ResultsJson}}"}'
    assert [said for _, said in errors(text)] == ["no {{AlertResponseUrl}}: a recovery cannot be matched with its alert"]
    assert errors(text, sender="scheduled-search") != []


def test_a_template_whose_test_would_open_a_case_is_told() -> None:
    text = '{"name": "{{Name}}", "triggerType": "Critical", "results": "{{ResultsJson}}", "alertResponseUrl": "{{AlertResponseUrl}}"}'
    assert any("a test of the connection would be taken for" in said for _, said in errors(text))


@pytest.mark.parametrize("text", ["", "hello", "[]", "7", '"{{Name}}"', "{" * 100_000, "\x00", "{{", "<<EOT"])
def test_what_is_no_template_is_an_error_and_nothing_worse(text: str) -> None:
    assert errors(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{Name}}" * 100_000,
        '{"a": "' + "{{" * 200_000,
        '"payload": "' * 50_000,
        "payload = <<A\n" * 3_000,
        'headers = { a = "' * 20_000,
        "{" + '"' * 500_000,
    ],
    ids=["variables", "braces", "texts", "heredocs", "headers", "quotes"],
)
def test_a_hostile_file_takes_no_time(text: str) -> None:
    began = process_time()
    assert errors(text)
    lint_query('json "a"' + " " * 50_000 + text[:50_000])
    assert process_time() - began < 5


@given(st.text(alphabet='{}"\\[]:,. NameResultsJson\n0', max_size=200))
def test_nothing_makes_it_fail(text: str) -> None:
    assert lint(text) is not None


# --- where a template stands ----------------------------------------------------------------------------------------


def test_in_a_rest_body_the_payloads_are_found_on_their_lines() -> None:
    payload = json.dumps({"results": "{{ResultsJson}}", "a": "{{Nmae}}", "alertResponseUrl": "{{AlertResponseUrl}}"})
    body = json.dumps({"type": "WebhookDefinition", "defaultPayload": payload, "resolutionPayload": payload}, indent=1)
    assert [line for line, said in errors(body) if "{{Nmae}} is no variable" in said] == [3, 4]


def test_in_a_terraform_file_too_quoted_or_as_a_heredoc() -> None:
    text = """resource "sumologic_connection" "enricher" {
  default_payload = <<-EOT
    {
      "name": "{{Name}}",
      "triggerType": "{{TriggerType}}",
      "alertResponseUrl": "{{AlertResponseUrl}}",
      "x": "{{Nmae}}",
      "results": "{{ResultsJson}}"
    }
  EOT
  resolution_payload = "{\\"triggerType\\": \\"{{TriggerTpye}}\\", \\"alertResponseUrl\\": \\"{{AlertResponseUrl}}\\"}"
}
"""
    found = errors(text)
    assert (7, "{{Nmae}} is no variable; did you mean {{Name}}?") in found
    assert (11, "{{TriggerTpye}} is no variable; did you mean {{TriggerType}}?") in found


def test_a_comma_in_a_header_of_a_terraform_file() -> None:
    text = (
        'default_payload = "{\\"results\\": \\"{{ResultsJson}}\\", \\"a\\": \\"{{AlertResponseUrl}}\\"}"\n'
        'headers = {\n  Authorization = "Bearer ${var.token}"\n  "X-Two" = "sec,ret"\n}\n'
    )
    assert errors(text) == [(4, "a comma in the header X-Two: commas separate headers")]


# --- the search and the headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '| parse regex "<Name>(?<name>[^<]*)</Name>"',
        '| json "a", "b" as x, Query nodrop',
        '| json field=_raw "EventData.Description"',
        "| count as id by host",
        '| parse "a * b" as playbook',
    ],
)
def test_a_field_that_takes_a_variables_place(line: str) -> None:
    (found,) = lint_query(f"_sourceCategory=x\n{line}")
    assert (found.line, found.level) == (2, "error")


def test_fields_of_other_names_take_nobodys() -> None:
    text = '_source\n| parse regex "name as id (?<process_name>x)"\n| "as name" as host\n| json "Name" as process'
    assert lint_query(text) == ()


def test_headers() -> None:
    assert lint_headers(["Authorization: Bearer abc", "X-Enricher-Token: abc"]) == ()
    (comma,) = lint_headers(["Authorization: Bearer sec,ret"])
    assert "comma" in comma.text
    assert "sec" not in comma.text
    assert len(lint_headers([f"X-{n}: 1" for n in range(6)])) == 1
    assert lint_headers(["Authorization"])[0].text == "a header is Name: value"


# --- filling --------------------------------------------------------------------------------------------------------


def test_filling_keeps_json_whatever_the_values_hold() -> None:
    hostile = 'a"b\\c\n</x>\x00☃'
    body = fill(template('"results": "{{ResultsJson}}", "q": "{{query}}"'), {"ResultsJson": ROWS, "Query": hostile})
    assert json.loads(body)["q"] == hostile
    assert len(read(body.encode()).rows) == 2


def test_a_field_of_a_row_and_what_has_no_value() -> None:
    values = {"ResultsJson": ROWS}
    assert fill("{{ResultsJson.Dest_Hostname}}[1]|{{ResultsJson.Count}}|{{ResultsJson.none}}", values) == 'b\\"\\\\c|2|'
    assert fill("{{Name}}", {}, unresolved='""') == '""'
    assert [use.name for use in uses("{{A}}[0] {{B.c}}[1]")] == ["A", "B"]
    assert fill("{{Name}}[0]", {"name": "x"}) == "x[0]"


def test_every_legacy_name_points_to_one_in_force() -> None:
    assert {one.instead for one in LEGACY.values()} <= VARIABLES.keys()
    assert not {name.lower() for name in LEGACY} & {name.lower() for name in VARIABLES}


def test_the_shipped_template_unfilled_is_a_test() -> None:
    assert read((ROOT / "config/sumo/connection-template.json").read_bytes()).kind is Kind.TEST
