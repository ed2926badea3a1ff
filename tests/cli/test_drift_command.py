"""`enricher drift`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.wiring import Application, application
from enricher.wiring.flow import submission

PAYLOADS = Path(__file__).parents[1] / "data/sumo-payloads"


@pytest.fixture(autouse=True)
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    monkeypatch.setenv("ENRICHER_DATABASE_URL", f"sqlite:///{tmp_path}/enricher.db")
    monkeypatch.setenv("ENRICHER_LOOKUPS", "off")
    made = application()
    made.store.upgrade()
    yield made
    made.store.close()


def drift(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["drift", *arguments])


@pytest.fixture
def drifted(app: Application) -> None:
    sent = submission((PAYLOADS / "monitor-alert-aggregate.json").read_bytes(), "sumo")
    assert sent is not None
    app.store.inbox.accept(sent)
    (claim,) = app.store.inbox.claim(1)
    app.store.inbox.settle(claim, app.flow().settlement(claim.body, claim.received_at))


def test_no_drift() -> None:
    found = drift("--days", "7")
    assert (found.exit_code, found.stdout) == (0, "no drift in 7 days\n")
    assert json.loads(drift("--json").stdout) == {"days": 30, "drift": [], "queries": []}


@pytest.mark.usefixtures("drifted")
def test_drift_on_one_line_each() -> None:
    lines = drift().stdout.splitlines()
    assert any(all(word in line for word in ("Other Serverless", "Cloudflare Workers", "no_platform")) for line in lines)
    assert any("non-browser process" in line and "sha256:" in line for line in lines)


@pytest.mark.usefixtures("drifted")
def test_drift_as_json() -> None:
    found = json.loads(drift("--json").stdout)
    assert [one["reason"] for one in found["drift"]] == ["no_platform"]
    assert len(found["queries"]) == 1


@pytest.mark.parametrize("days", ["0", "366", "x"])
def test_days_are_bounded(days: str) -> None:
    assert drift("--days", days).exit_code == 2
