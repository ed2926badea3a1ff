"""Where there can be a second ticket all the same: exactly this, said in docs/limits.md, counted, and joined where that can be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enricher.destinations.jira import QUIET_S
from enricher.standins import Fault, FaultKind
from enricher.telemetry import CREATES_AFTER_DOUBT
from tests.faults.cells import served
from tests.faults.target import OPENED
from tests.faults.world import World

pytestmark = pytest.mark.slow

KEY = "enricher-eeeeeeeeeeeeeeee"


def after_doubt(destination: str) -> float:
    return float(CREATES_AFTER_DOUBT.labels(destination)._value.get())


def lose_the_answer(w: World, path: str) -> None:
    """The first create gets through, and its answer does not."""
    w.target.service.fail(Fault(kind=FaultKind.DROP, method="POST", path=path, calls=(1,)))


def test_jira_s_search_that_lags_beyond_the_quiet_period_lets_a_twin_in_which_is_counted_and_joined(
    tables_in_sqlite: Callable[[Path], str], tmp_path: Path
) -> None:
    with served("jira", "search lag", tables_in_sqlite(tmp_path / "enricher.db")) as w:
        counted = after_doubt("jira")
        w.target.lag(2 * QUIET_S)
        lose_the_answer(w, "/rest/api/3/issue")
        w.step(KEY, OPENED)
        w.drain()

        assert len(w.target.tickets(KEY)) == 2
        assert after_doubt("jira") == counted + 1

        w.estate.advance(3 * QUIET_S)
        jira: Any = w.destination
        found = jira.twins(KEY)
        first, second = w.target.tickets(KEY)
        assert [ticket.label for ticket in found] == [first["key"], second["key"]]
        assert (first["status"], second["status"]) == ("To Do", "Done")
        assert first["key"] in json.dumps(second["comments"])


def test_slack_repeats_a_critical_case_whose_history_cannot_be_read_and_says_so(
    tables_in_sqlite: Callable[[Path], str], tmp_path: Path
) -> None:
    with served("slack", "403", tables_in_sqlite(tmp_path / "enricher.db")) as w:
        slack: Any = w.target.service
        slack.scopes = frozenset({"chat:write"})
        counted = after_doubt("slack")
        lose_the_answer(w, "/api/chat.postMessage")
        w.step(KEY, OPENED, "critical")
        w.drain()

        first, second = w.target.tickets(KEY)
        assert "possible repeat" not in json.dumps(first)
        assert "possible repeat" in json.dumps(second)
        assert after_doubt("slack") == counted + 1


def test_slack_waits_for_a_person_with_a_case_below_critical(
    tables_in_sqlite: Callable[[Path], str], tmp_path: Path
) -> None:
    with served("slack", "403", tables_in_sqlite(tmp_path / "enricher.db")) as w:
        slack: Any = w.target.service
        slack.scopes = frozenset({"chat:write"})
        lose_the_answer(w, "/api/chat.postMessage")
        w.step(KEY, OPENED)
        w.drain()

        assert len(w.target.tickets(KEY)) == 1
        assert w.reasons() == [("forbidden", "missing_scope")]
