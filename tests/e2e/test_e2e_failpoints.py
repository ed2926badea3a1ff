"""A worker killed at every point between claim and commit: whoever comes next finishes, and nobody can tell."""

from __future__ import annotations

import ast
import signal
from pathlib import Path

import pytest

from tests.e2e import alerts
from tests.e2e.harness import Program, Service, Standins, pause, serving, until
from tests.e2e.judge import held, problems

pytestmark = pytest.mark.slow

SETTINGS = {
    "ENRICHER_LEASE_SECONDS": "1",
    "ENRICHER_JIRA_QUIET_SECONDS": "1",
    "ENRICHER_LOOKUPS": "off",
    "ENRICHER_CONFIG_DIR": "none",
}
POINTS = (
    "alert_claimed",
    "investigated",
    "settled",
    "claimed",
    "before_create",
    "created",
    "looked_up",
    "ticket_stored",
    "before_update",
    "updated",
    "before_delivered",
)
"""In such an order that each finds, in what the one before it has left lying, what it takes to be reached."""
WORKER = Path(__file__).parents[2] / "enricher" / "worker"


def test_these_are_all_points() -> None:
    """What is added to the worker must be killed too."""
    named = {
        call.args[0].value
        for path in WORKER.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in {"at", "_at"}
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert named == set(POINTS)


def test_killed_at_every_point(database: str, tmp_path: Path) -> None:
    """One worker after the other dies, each at the next point, with what its predecessors held and with a case of its own."""
    with Standins(tmp_path / "standins", "--no-limits", "--search-lag=0.25") as standins:
        environment = standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": database}
        upgrade = Program(["enricher", "db", "upgrade"], environment, tmp_path / "upgrade.log")
        with upgrade:
            assert upgrade.wait() == 0
        with serving(environment, tmp_path / "web.log", "web") as web:
            taken = []
            for point in POINTS:
                taken += send(web, point)
                if point == "ticket_stored":
                    settle_without_telling(web, taken, environment, tmp_path)
                doomed = Program(["tests.e2e.failing_worker", point], environment, tmp_path / f"{point}.log")
                with doomed:
                    assert doomed.wait() == -signal.SIGKILL, point
            last = Program(["enricher", "work"], environment, tmp_path / "last.log")
            with last:
                ended = [web.settled(alert_id) for alert_id in taken]
                until(lambda: not waiting(web), "the end of all deliveries")
            cases = web.listed("cases", "cases")
            found = held(standins)

    assert [one["state"] for one in ended] == ["done"] * len(taken)
    assert len(cases) == len(POINTS)
    assert list(problems(cases, found)) == []
    assert sum((tmp_path / f"{point}.log").read_text().count("ticket_adopted") for point in POINTS) > 0


def send(web: Service, point: str) -> list[str]:
    """A case, news of a second process, and its recovery."""
    name = point.replace("_", "-")
    again = [alerts.query(name, image=alerts.POWERSHELL.replace("v1.0", "v2"), guid=2)]
    return [web.accept(body) for body in (alerts.trigger(name), alerts.trigger(f"{name}+", again), alerts.recovery(name))]


def settle_without_telling(web: Service, taken: list[str], environment: dict[str, str], folder: Path) -> None:
    """Everything is judged while no destination is told: so a case has news beside its opening before it has a ticket."""
    pause(environment["ENRICHER_DATABASE_URL"], hours=1)
    with Program(["enricher", "work"], environment, folder / "judging.log"):
        for alert in taken:
            web.settled(alert)
    pause(environment["ENRICHER_DATABASE_URL"], hours=0)


def waiting(web: Service) -> bool:
    states = ("pending", "sending", "unknown")
    return any(web.get("deliveries", state=state, limit="1")["deliveries"] for state in states)
