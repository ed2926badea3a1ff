"""A canary through real processes: by hand and by the clock, with a destination that refuses, and without a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from enricher.core.document import Json
from tests.e2e.harness import CREATE, DESTINATIONS, PATIENCE_S, Service, Standins, serving, until

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(standins: Standins, tmp_path: Path) -> dict[str, str]:
    return standins.environment() | {
        "ENRICHER_DATABASE_URL": f"sqlite:///{tmp_path}/enricher.db",
        "ENRICHER_WEBHOOK_TOKENS": "sumo:a-token-that-nobody-guesses",
        "ENRICHER_LOOKUPS": "off",
        "ENRICHER_CONFIG_DIR": "none",
    }


@pytest.fixture
def alone(environment: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    with serving(environment, tmp_path / "service.log") as running:
        yield running


def canary(environment: Mapping[str, str], service: Service, *arguments: str) -> tuple[int, Json]:
    """`enricher canary --json`: its exit code and its report."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ENRICHER_", "PROMETHEUS_"))}
    bound = {"ENRICHER_BIND": f"127.0.0.1:{service.port}"}
    command = [sys.executable, "-m", "enricher", "canary", "--json", *arguments]
    ended = subprocess.run(command, env=kept | dict(environment) | bound, capture_output=True, timeout=120, check=False)
    report: Json = json.loads(ended.stdout)
    return ended.returncode, report


def made(standins: Standins) -> dict[str, int]:
    """How often each destination was asked to make something."""
    return {
        name: sum(one["method"] == "POST" and one["path"] == path for one in standins.store(name)["requests"])
        for name, path in CREATE.items()
    }


def test_it_proves_every_destination_and_leaves_nothing_there(
    environment: dict[str, str], alone: Service, standins: Standins
) -> None:
    before = made(standins)
    code, report = canary(environment, alone)
    assert (code, report["arrived"], report["failing"]) == (0, True, [])
    assert list(report["proofs"]) == ["own_webhook", *DESTINATIONS]
    assert made(standins) == before
    assert alone.get("cases")["cases"] == []
    assert [one["source"] for one in alone.get("sources")["sources"]] == ["canary"]


def test_a_destination_that_refuses_is_named(
    environment: dict[str, str], alone: Service, faults: Callable[..., None]
) -> None:
    faults("jira", {"kind": "deny", "status": 401})
    code, report = canary(environment, alone)
    assert (code, report["arrived"], report["failing"]) == (1, True, ["jira"])
    assert report["proofs"]["jira"]["detail"].startswith("auth: HTTP 401")
    assert 'enricher_canary_failing{destination="jira"} 1.0' in alone.client.get("/metrics").text


def test_without_a_worker_it_says_where_it_stays(environment: dict[str, str], alone: Service, tmp_path: Path) -> None:
    alone.kill()
    with serving(environment, tmp_path / "web.log", "web") as web:
        code, report = canary(environment, web, "--timeout", "1")
    assert (code, report["arrived"], report["stage"]) == (1, False, "sent; the worker has not taken it")
    assert report["proofs"]["own_webhook"]["state"] == "proved"


def test_the_service_sends_them_itself(environment: dict[str, str], tmp_path: Path) -> None:
    often = environment | {"ENRICHER_CANARY_MINUTES": "0.01"}
    with serving(often, tmp_path / "service.log") as service:

        def proved() -> bool | None:
            shown = service.client.get("/metrics").text
            names = ("own_webhook", *DESTINATIONS)
            wanted = [f'enricher_canary_last_proved_timestamp_seconds{{destination="{name}"}}' for name in names]
            return all(line in shown for line in wanted) or None

        until(proved, "a canary of its own", PATIENCE_S)
        assert service.program.logged("canary_failed") == 0
