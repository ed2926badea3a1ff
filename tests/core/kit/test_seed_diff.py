"""The replaced query, line by line: every verdict has its reason and what stands in its place, and that really stands there."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from enricher.core.kit.queries import detection_queries
from enricher.core.kit.seed_diff import SeedLine, SeedVerdict, seed_diff
from tests.fakes import packaged_programs

LINES = seed_diff()
XML = "\n".join(query.text for query in detection_queries(packaged_programs().rules, "_sourceCategory=*sysmon*", "xml"))
QUOTED = [
    "_sourceCategory=*sysmon*",
    'parse regex "<EventID[^>]*>(?<event_id>3|22)<"',
    'if(event_id="22",q,t) as h',
    'd="workers.dev"',
    'd="pages.dev"',
    r"h matches /^[^.]+\.lambda-url\.[^.]+\.on\.aws$/",
    r"h matches /^[^.]+\.execute-api\.[^.]+\.amazonaws\.com$/",
    'h="script.google.com"',
    'h="script.googleusercontent.com"',
    r"where !(i matches /(?i)^C:\\+Program Files( \(x86\))?\\(.*\\)?(",
    '"1","0") as is_suspicious',
    r"py(w|thon(w|[23]|[23]\.\d\d?)?)?",
    r")(\.(exe|com|scr))?$",
    "count, min(_messageTime) as first_seen, max(_messageTime) as last_seen by",
]
"""What `instead` quotes from the generated searches."""


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.line[:40])
def test_every_line_has_a_verdict_and_its_reason(line: SeedLine) -> None:
    assert line.verdict in get_args(SeedVerdict)
    assert bool(line.wrong) == (line.verdict != "right")
    assert line.line
    assert line.instead


@pytest.mark.parametrize("quoted", QUOTED)
def test_what_stands_instead_stands_in_the_searches(quoted: str) -> None:
    assert quoted in XML
    assert any(quoted in line.instead for line in LINES)


def test_both_evals_are_invalid_and_nothing_of_them_is_in_a_search() -> None:
    assert [line.line.split()[2] for line in LINES if line.verdict == "invalid"] == ["is_suspicious", "serverless_platform"]
    assert not re.search(r"\beval\b", XML)


def test_every_verdict_occurs() -> None:
    assert {line.verdict for line in LINES} == set(get_args(SeedVerdict))
