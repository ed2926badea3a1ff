"""The table that is printed when searches and core have been compared: events, found, agreed, different by name."""

from __future__ import annotations

from typing import Any

import pytest

LINE = "searches and core"
"""The property by which a test hands on its line; it travels with the test's report, from whatever process."""


def show(terminal: Any) -> None:
    """Print each line once, if any was written."""
    reports = [one for found in terminal.stats.values() for one in found if isinstance(one, pytest.TestReport)]
    noted = {str(line) for one in reports if one.when == "call" for name, line in one.user_properties if name == LINE}
    if noted:
        terminal.section("searches of Sumo Logic and the core, event by event (each under every reading of the language)")
        for line in sorted(noted):
            terminal.write_line(line)
