from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from enricher.core.document import CaseDocument
from enricher.core.verdict import REASONS, sentence
from tests.web.fakes import bare_document, critical_document

CHIEFLY = "chiefly for a serverless platform (+30), an Office program as its parent (+30) and a shell (+15)"
SEVERITY = Path(__file__).parents[2] / "docs" / "severity.md"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, f"Malicious, confidence 0.9: 98 of 100 is critical, {CHIEFLY}.", id="as it is"),
        pytest.param(
            {"score": 39, "severity": "low"},
            f"Malicious, confidence 0.9: 39 of 100 is low, {CHIEFLY}; before tuning it was 98, critical.",
            id="tuned",
        ),
        pytest.param({"ledger": [], "confidence": None}, "Malicious: 98 of 100 is critical.", id="without a ledger"),
        pytest.param(
            {"ledger": [], "verdict": None, "severity": None, "score": None, "raw_score": None, "confidence": None},
            "Undecided: 0 of 100 is not graded.",
            id="an older case",
        ),
    ],
)
def test_the_verdict_is_one_sentence(changes: Any, expected: str) -> None:
    assert sentence(cast("CaseDocument", {**critical_document(), **changes})) == expected


def test_steps_that_were_not_taken_or_lower_it_are_not_what_it_is_for() -> None:
    said = sentence(critical_document())
    assert "lolbin" not in said
    assert "command most" not in said
    assert sentence(bare_document()) == "Undecided: 0 of 100 is informational."


def test_every_rule_that_raises_a_score_has_a_reason_in_words() -> None:
    """The page of the rules is held to the policy by a test of its own."""
    rows = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (\S+)", SEVERITY.read_text(), re.MULTILINE)
    raising = {rule for rule, points in rows if not points.startswith(("-", "0")) and not rule.startswith("cap.")}
    assert len(raising) > 40
    assert raising - set(REASONS) == set()
