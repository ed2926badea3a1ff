"""In CI a skipped test is a failed test: there, everything a test needs can be installed.

Loaded by `-p tests.plugins.no_skips`; does nothing unless `CI` or `ENRICHER_CI` is set. Elsewhere a skip stays a skip, and
`-rs` names it. An expected failure (`xfail`) is no skip.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


def _in_ci() -> bool:
    return any(os.environ.get(name, "").lower() not in {"", "0", "false"} for name in ("CI", "ENRICHER_CI"))


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that says which test it was and what it wanted."""
    if report.skipped and not hasattr(report, "wasxfail") and _in_ci():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} may not be skipped in CI. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module may skip itself as a whole while it is imported."""
    report = yield
    _refuse(report)
    return report
