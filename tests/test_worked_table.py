"""The worked table of the severity model, row by row: sum, score, severity and verdict, from the events of the corpus.

The rows stand here as they were printed, so that neither the manifest nor the documentation can drift with the program.
"""

from __future__ import annotations

from functools import cache

import pytest

from enricher.core.finding import Finding
from tests.fakes import caps, case_names, corpus_alert, findings, flow, points

TABLE = """
test1-powershell-workers | cf-workers 30 + shell 15 + flags 15 + url 8 + loop 10 + periodic 10 | 88 | critical | malicious
test1-powershell-workers/seed-claim | cf-workers 15 + shell 15 | 30 | low | unknown
test1-powershell-workers/offline | cf-workers 15 + shell 15 + periodic 10 + failed_burst 8 | 48 | medium | suspicious
test2-python-lambda | aws-lambda-url-seed 16.2 + runtime 10 + url 8 + loop 10 + periodic 10 + failed_burst 8 | 62 | high | suspicious
test2-python-lambda/seed-claim | aws-lambda-url-seed 9 + runtime 10 | 19 | informational | unknown
test2-python-lambda/real-name | aws-lambda-url 30 + runtime 10 + url 8 + loop 10 + periodic 10 | 68 | high | suspicious
test3-wscript-appsscript | gcp-appsscript 30 + script_host 25 + explorer_one_liner 15 + script_writable 15 + url 8 | 93 | critical | malicious
test3-wscript-appsscript/seed-claim | gcp-appsscript 15 + script_host 25 | 40 | medium | suspicious
test4-curl-cloudfunctions (4) | gcp-functions 24 + transfer 10 + explorer_one_liner 15 + url 8 + loop 10 | 67 | high | suspicious
test4-curl-cloudfunctions/seed-claim | gcp-functions 12 + transfer 10 | 22 | low | unknown
benign/node-vite-dev-server | vercel 18 + runtime 10 − ide 15 | 13 | informational | unknown
benign/node-webpack-dev-server | netlify 18 + runtime 10 − ide 15 | 13 | informational | unknown
benign/serverless-framework-deploy | aws-apigw 18 + runtime 10 | 28 | low | unknown
benign/aws-sam-sync | aws-apigw 18 + runtime 10 | 28 | low | unknown
benign/pytest-vscode | gcp-run 24 + runtime 10 − ide 15 | 19 | informational | unknown
benign/pytest-pycharm | az-appservice-unique 18 + runtime 10 − ide 15 | 13 | informational | unknown
benign/pytest-ci-runner | aws-lambda-url 30 + runtime 10 − ci 15 | 25 | low | unknown
benign/powershell-dsc-wmiprvse-hosted | az-appservice 18 + other 5 | 23 | low | unknown
benign/powershell-dsc-wmiprvse-child | az-appservice 18 + shell 15 + wmi_child 20 + flags 5 | 58 | medium | suspicious
benign/azure-automation-hybrid-worker | az-appservice 18 + shell 15 − management 20 + url 8 | 21 | low | unknown
benign/intune-management-extension | az-appservice 18 + verified_task 5 − management 20 | 3 | informational | unknown
benign/edr-agent-python | gcp-functions 24 + verified_task 5 − vendor_service 10 | 19 | informational | unknown
benign/soar-connector-node | cf-workers 30 + verified_task 5 − vendor_service 10 | 25 | low | unknown
benign/browsers | netlify 18 + browser 5, cap.browser | 19 | informational | benign
benign/browsers | az-appservice 18 + browser 5, cap.browser | 19 | informational | benign
benign/browsers | az-appservice 5.4 + browser 5 | 10 | informational | benign
extra-malicious/office-mshta | cf-workers 30 + script_host 25 + office_child 30 + url 8 | 93 | critical | malicious
extra-malicious/browser-masquerade | render 24 + other_elsewhere 10 + browser_outside 30 + no_version 8 + image_writable 15 | 87 | critical | malicious
extra-malicious/renamed-powershell-task | tx-apigw 30 + shell 15 + task_writable 20 + renamed 30 + image_writable 15 + encoded 15 + flags 10 | 100 | critical | malicious
dns-anomalies/rotation (9) | cf-workers 30 + runtime 10 + script_writable 15 + tenant_rotation 10 | 65 | high | suspicious
dns-anomalies/failed-burst | cf-workers 15 + other_elsewhere 10 + no_version 8 + image_writable_more 15 + failed_burst 8 | 56 | medium | suspicious
dns-anomalies/never-connected | gcp-functions 19.2 + script_host 25 + explorer_script 20 + script_writable 15 + never_connected 5 | 84 | critical | malicious
dns-anomalies/busy-benign (9) | vercel 18 + verified_task 5 − vendor_service 10 | 13 | informational | unknown
edge-cases/zero-guid | cf-workers 30 + transfer 10 + url 8 | 48 | medium | suspicious
edge-cases/unknown-process | aws-lambda-url 30 + script_host 25 + office_child 30 + script_writable 15 | 100 | critical | malicious
edge-cases/encoded-url | cf-workers 27 + shell 15 + encoded 15 + flags 15 + url 8 + loop 10 | 90 | critical | malicious
edge-cases/linux-cron-curl | cf-workers 27 + downloader 18 + task_other 5 + flags 5 + url 8 | 63 | high | suspicious
"""
ROWS = [tuple(cell.strip() for cell in line.split("|")) for line in TABLE.strip().splitlines()]


@cache
def judged(case: str) -> list[Finding]:
    return findings(flow(corpus_alert(case)))


def printed(one: Finding) -> tuple[str, str, str, str]:
    """The finding as the table prints it: rule names without their group, the platform's first, then caps that bit."""
    terms = []
    for rule, worth in points(one.graded.ledger).items():
        group, _, name = rule.partition(".")
        shown = one.graded.facts.signal.platform.id if group == "platform" else name
        terms.append(f"{'−' if worth < 0 else '+'} {shown} {abs(worth):g}")
    total = " ".join(terms).removeprefix("+ ")
    return (
        ", ".join([total, *caps(one.graded.ledger)]),
        f"{one.graded.score}",
        one.graded.severity.value,
        one.verdict.value,
    )


@pytest.mark.parametrize(
    ("case", "total", "score", "severity", "verdict"), ROWS, ids=[" ".join(row[:2])[:60] for row in ROWS]
)
def test_the_row_is_what_the_events_give(case: str, total: str, score: str, severity: str, verdict: str) -> None:
    name, _, times = case.partition(" ")
    alike = [one for one in judged(name) if printed(one) == (total, score, severity, verdict)]
    assert len(alike) == (int(times.strip("()")) if times else 1), [printed(one) for one in judged(name)]


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row[:2])[:60] for row in ROWS])
def test_the_row_adds_up(row: tuple[str, ...]) -> None:
    """By the page's own rules: the sum, clamped to 0 to 100 and rounded half up, then the browser's cap."""
    _, total, score, severity, _ = row
    terms, _, cap = total.partition(", ")
    added = 0.0
    for term in terms.replace(" − ", " + -").split(" + "):
        added += float(term.rpartition(" ")[2]) * (-1 if term.startswith("-") else 1)
    at_most = 19 if cap else 100
    assert min(at_most, max(0, int(added + 0.5))) == int(score)
    assert severity == next(
        band
        for band, start in (("critical", 80), ("high", 60), ("medium", 40), ("low", 20), ("informational", 0))
        if int(score) >= start
    )


def test_no_malicious_or_benign_case_is_left_out() -> None:
    """The rest of the corpus are boundaries and rows that leave."""
    there = {row[0].partition(" ")[0] for row in ROWS}
    rest = {case for case in case_names() if case not in there and judged(case)}
    assert there <= set(case_names())
    assert {case.partition("/")[0] for case in rest} <= {"variants", "edge-cases"}
