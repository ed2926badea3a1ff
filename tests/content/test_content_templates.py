"""Templates as they are written: what is left out, what is refused and with which words, and that the page lists every place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from enricher.content import load, packaged, templates
from enricher.content.templates import read_layouts
from enricher.core import layout
from enricher.core.layout import LINK_PLACES, PLACES, PLAIN, places_in
from enricher.destinations.facts import _FACTS as FACTS
from enricher.errors import ConfigurationError
from enricher.model import Severity

PAGE = (packaged("config").parent / "docs/configuration.md").read_text(encoding="utf-8")


def house(folder: Path, name: str, text: str) -> Path:
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates" / name).write_text(text, encoding="utf-8")
    return folder


def test_the_packaged_templates_say_what_holds_without_any(tmp_path: Path) -> None:
    assert read_layouts(None) == read_layouts(tmp_path) == PLAIN


def test_what_is_left_out_is_as_packaged_and_other_destinations_are_not_touched(tmp_path: Path) -> None:
    text = "rows: {missing: 2}\nnotes: [{text: 'Call {user}', severity: [high]}]\nheadings: {notes: Ours}\n"
    read = read_layouts(house(tmp_path, "slack.yml", text))
    assert (read.jira, read.servicenow) == (PLAIN.jira, PLAIN.servicenow)
    assert read.slack.rows == {"next_steps": 3, "ledger": 20, "missing": 2}
    assert read.slack.summary == PLAIN.slack.summary
    assert read.slack.notes[0].severities == {Severity.HIGH}
    assert (read.slack.heading("notes"), read.slack.heading("next_steps")) == ("Ours", "Next steps")


def test_a_template_changes_no_judgement(tmp_path: Path) -> None:
    assert load(tmp_path).digest == load(house(tmp_path, "jira.yml", "rows: {ledger: 3}\n")).digest


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("jira.yml", "summary: '{title}'", "summary: must name {severity} or {Severity}: nobody should have to open"),
        (
            "jira.yml",
            "summary: '{severity} {tite}'",
            "summary: cannot fill in ['tite']; there are Severity, headline, host",
        ),
        ("jira.yml", "summary: '{severity.value}'", "summary: cannot fill in ['severity.value']"),
        ("jira.yml", "summary: '{severity!r}'", "summary: a name in braces is filled in as it is"),
        ("jira.yml", "summary: '{severity'", "summary: expected '}' before end of string; write a brace twice"),
        ("jira.yml", 'summary: "{severity}\\nx"', "summary: is one line of visible characters"),
        ("jira.yml", 'summary: "{severity}\\u202e"', "summary: is one line of visible characters"),
        ("jira.yml", "sections: [ledger]", "sections: 'facts' cannot be left out"),
        ("jira.yml", "sections: [facts, ledger, ledger]", "sections: 'ledger' stands twice"),
        ("jira.yml", "facts: [severity, host]", "facts: 'case' cannot be left out"),
        ("jira.yml", "facts: [case, host]", "facts: 'severity' cannot be left out"),
        ("servicenow.yml", "sektions: []", "unknown key 'sektions'; did you mean 'sections'?"),
        ("slack.yml", "sections: [lineage]", "sections.0: should be 'facts', 'next_steps', 'notes', 'ledger' or 'missing'"),
        ("slack.yml", "rows: {ledger: 41}", "rows.ledger: should be less than or equal to 40, not 41"),
        (
            "slack.yml",
            "notes: [{text: x, link: 'javascript:alert(1)'}]",
            "notes.0.link: must begin with http:// or https://",
        ),
        ("slack.yml", "notes: [{text: x, link: 'https://{host}/'}]", "notes.0.link: must begin with http:// or https://"),
        ("slack.yml", "notes: [{text: x, link: 'https://a@b/'}]", "notes.0.link: must begin with http:// or https://"),
        (
            "slack.yml",
            "notes: [{text: x, link: 'https://a/{tenant}'}]",
            "notes.0.link: cannot fill in ['tenant']; in a link",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_layouts(house(tmp_path, name, f"{text}\n"))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path}/templates/{name}:1: {said}")


def test_the_words_of_the_file_are_those_of_the_code() -> None:
    assert get_args(templates.Fact) == layout.FACTS == tuple(FACTS)
    assert get_args(templates.Section) == layout.SECTIONS
    assert get_args(templates.SlackSection) == layout.SLACK_SECTIONS
    assert get_args(templates.Counted) == layout.LISTS
    assert get_args(templates.Titled) == tuple(layout.HEADINGS)


def test_the_page_lists_every_place() -> None:
    table = PAGE.partition("| place | becomes |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`\{(\w+)\}`", table)) == PLACES
    assert LINK_PLACES < PLACES


def test_places_in_a_pattern() -> None:
    assert places_in("{host} {{x}} {host}") == {"host"}
    with pytest.raises(ValueError, match="write a brace twice"):
        places_in("}")
