"""The verdict on a case in one sentence, and what the words for a process's identity mean.

What comes out may hold text from logs: whoever shows it makes it harmless.
"""

from __future__ import annotations

from collections.abc import Mapping

from enricher.core.document import CaseDocument, StepDoc

IDENTITY: Mapping[str, str] = {
    "renamed": "the file was compiled under another name than it runs by",
    "masquerade": "it has a system program's or a browser's name, outside that program's folders",
    "user_writable": "it, or a script it runs, lies where a user may write",
    "no_version": "its version information is empty",
    "double_extension": "its name hides what sort of file it is",
}
"""What each word says of a process."""

LARGEST = 3


def sentence(document: CaseDocument) -> str:
    """`Malicious, confidence 0.9: 98 of 100 is critical, chiefly for lineage office child +30, platform score +30.`

    An older case may lack the confidence or the ledger; then nothing is said of it.
    """
    verdict, sure = document["verdict"] or "unknown", document["confidence"]
    said = "Undecided" if verdict == "unknown" else verdict.capitalize()
    confidence = f", confidence {_number(sure)}" if sure else ""
    grade = f"{document['score'] or 0} of 100 is {document['severity'] or 'not graded'}"
    return f"{said}{confidence}: {grade}{_chiefly(document)}{_before_tuning(document)}."


def _chiefly(document: CaseDocument) -> str:
    raising = [step for step in document["ledger"] or () if step["taken"] and (step["points"] or 0) > 0]
    largest = sorted(raising, key=lambda step: -step["points"])[:LARGEST]
    return f", chiefly for {', '.join(map(_step, largest))}" if largest else ""


def _step(step: StepDoc) -> str:
    rule = step["rule"] or step["step"] or "a step without a name"
    return f"{rule.replace('.', ' ').replace('_', ' ')} +{_number(step['points'])}"


def _before_tuning(document: CaseDocument) -> str:
    """What a tuning rule has lowered it from; empty where none did."""
    raw, severity = document["raw_score"], document["raw_severity"]
    if raw is None or (raw, severity) == (document["score"], document["severity"]):
        return ""
    return f"; before tuning it was {raw}, {severity}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
