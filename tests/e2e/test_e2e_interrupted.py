"""A worker that is asked to end, or stopped and woken again, while its call is on its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from enricher.core.document import Json
from tests.e2e import alerts
from tests.e2e.harness import DESTINATIONS, START_S, Program, Service, Standins, serving, until
from tests.e2e.holding import await_creates, creates, hold_creates, release_all
from tests.e2e.judge import held, problems

pytestmark = pytest.mark.slow

LEASE_S = 2
SETTINGS = {"ENRICHER_LEASE_SECONDS": str(LEASE_S), "ENRICHER_JIRA_QUIET_SECONDS": "1", "ENRICHER_LOOKUPS": "off"}


@contextmanager
def web_half(environment: dict[str, str], folder: Path) -> Iterator[Service]:
    upgrade = Program(["enricher", "db", "upgrade"], environment, folder / "upgrade.log")
    with upgrade:
        assert upgrade.wait() == 0
    with serving(environment, folder / "web.log", "web") as service:
        yield service


def worker(environment: dict[str, str], log: Path) -> Program:
    return Program(["enricher", "work"], environment, log)


def test_sigterm_lets_a_call_end_that_is_on_its_way(database: str, tmp_path: Path) -> None:
    """The worker hears it, claims nothing more, waits for the answers, stores them, and ends well."""
    with Standins(tmp_path / "standins", "--no-limits") as standins:
        environment = standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": database, "ENRICHER_CONFIG_DIR": "none"}
        with web_half(environment, tmp_path) as web:
            hold_creates(standins)
            first = worker(environment, tmp_path / "first.log")
            with first:
                case = web.case(web.accept(alerts.trigger("held")))
                await_creates(standins, case["key"])
                first.terminate()
                late = web.accept(alerts.trigger("late"))
                release_all(standins)
                assert first.wait() == 0
            assert stored(web, case["key"]) == set(DESTINATIONS)
            assert first.logged("worker_stopped") == 1

            second = worker(environment, tmp_path / "second.log")
            with second:
                key = web.case(late)["key"]
                web.delivered(key)
                assert second.logged("ticket_adopted") == 0  # nothing was left in doubt
                assert creates(standins) == {"jira": 2, "servicenow": 2}
                assert list(problems(web.listed("cases", "cases"), held(standins))) == []


def stored(service: Service, key: str) -> set[str]:
    """The destinations whose ticket the service knows."""
    case: Json = service.get(f"cases/{key}")
    return {one["destination"] for one in case["deliveries"] if one["external_id"]}


def _came_to_an_end(program: Program) -> int:
    return program.logged("case_delivered") + program.logged("claim_left_to_its_lease")


def test_a_worker_that_sleeps_beyond_its_lease_is_taken_over_and_not_listened_to(postgres: str, tmp_path: Path) -> None:
    """Stopped in mid-create, as a machine that is suspended. Another adopts its tickets; then it wakes up with the answers."""
    with Standins(tmp_path / "standins", "--no-limits") as standins:
        environment = standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": postgres, "ENRICHER_CONFIG_DIR": "none"}
        with web_half(environment, tmp_path) as web:
            hold_creates(standins)
            asleep, living = (worker(environment, tmp_path / f"{name}.log") for name in ("asleep", "living"))
            with asleep:
                case = web.case(web.accept(alerts.trigger("held")))
                await_creates(standins, case["key"])
                asleep.pause()
                with living:
                    web.delivered(case["key"])
                    assert living.logged("ticket_adopted") == len(DESTINATIONS)
                    before = web.get(f"cases/{case['key']}")

                    release_all(standins)
                    asleep.resume()
                    # It has its answers, and says so, or is about to send one thing more, and sees that the claim is lost.
                    until(lambda: _came_to_an_end(asleep) == len(DESTINATIONS), "the ends of its three deliveries", START_S)
                    assert web.get(f"cases/{case['key']}") == before

                    again = [alerts.query("held", image=alerts.POWERSHELL.replace("v1.0", "v2"), guid=2)]
                    web.settled(web.accept(alerts.trigger("news", again)))
                    web.delivered(case["key"])
            assert creates(standins) == {"jira": 1, "servicenow": 1}
            assert list(problems(web.listed("cases", "cases"), held(standins))) == []


def test_a_worker_that_sleeps_before_it_creates_does_not_create_when_it_wakes(postgres: str, tmp_path: Path) -> None:
    """It has looked, found nothing, and is stopped. Another opens the tickets. It must look at its claims before it goes on."""
    with Standins(tmp_path / "standins", "--no-limits") as standins:
        environment = standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": postgres, "ENRICHER_CONFIG_DIR": "none"}
        with web_half(environment, tmp_path) as web:
            asleep = Program(
                ["tests.e2e.failing_worker", "before_create", str(len(DESTINATIONS))], environment, tmp_path / "asleep.log"
            )
            living = worker(environment, tmp_path / "living.log")
            with asleep:
                key = web.case(web.accept(alerts.trigger("held")))["key"]
                until(asleep.is_stopped, "a worker asleep")
                with living:
                    web.delivered(key)
                    asleep.resume()
                    until(
                        lambda: asleep.logged("claim_left_to_its_lease") >= len(DESTINATIONS), "three claims left to others"
                    )
                    assert creates(standins) == {"jira": 1, "servicenow": 1}
                    assert list(problems(web.listed("cases", "cases"), held(standins))) == []


def test_a_worker_that_sleeps_before_it_tells_does_not_tell_when_it_wakes(postgres: str, tmp_path: Path) -> None:
    """The same with news for tickets that are there."""
    with Standins(tmp_path / "standins", "--no-limits") as standins:
        environment = standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": postgres, "ENRICHER_CONFIG_DIR": "none"}
        with web_half(environment, tmp_path) as web:
            living = worker(environment, tmp_path / "living.log")
            with living:
                key = web.case(web.accept(alerts.trigger("held")))["key"]
                web.delivered(key)
            asleep = Program(
                ["tests.e2e.failing_worker", "before_update", str(len(DESTINATIONS))], environment, tmp_path / "asleep.log"
            )
            with asleep:
                web.settled(web.accept(alerts.recovery("held")))
                until(asleep.is_stopped, "a worker asleep")
                with living:
                    web.delivered(key)
                    asleep.resume()
                    until(
                        lambda: asleep.logged("claim_left_to_its_lease") >= len(DESTINATIONS), "three claims left to others"
                    )
                    assert list(problems(web.listed("cases", "cases"), held(standins))) == []
