"""`enricher canary`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.cli.canary import report_of, rows_of
from enricher.core.canary import WEBHOOK, Canary, Proof, Proved
from enricher.wiring import Application, application
from tests.fakes import NOON

SENT = "01JDFXT5S0ABCDEFGHJKMNPQRS"
WELL = Proved(Proof.PROVED, "", NOON)
WARNED = Proved(Proof.WARNED, "no component", NOON)
REFUSED = Proved(Proof.FAILED, "auth: HTTP 401 \x1b[31m", NOON)


@pytest.fixture(autouse=True)
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    monkeypatch.setenv("ENRICHER_DATABASE_URL", f"sqlite:///{tmp_path}/enricher.db")
    monkeypatch.setenv("ENRICHER_LOOKUPS", "off")
    monkeypatch.setenv("ENRICHER_BIND", "127.0.0.1:1")
    made = application()
    made.store.upgrade()
    yield made
    made.store.close()


def canary(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["canary", *arguments])


def seen(proofs: Mapping[str, Proved], *, settled: bool = True) -> Canary:
    settled_at = NOON + timedelta(seconds=1.26) if settled else None
    return Canary(canary=SENT, sent_at=NOON, settled_at=settled_at, proofs=proofs)


def test_one_line_for_the_way_and_one_for_each_destination() -> None:
    report = report_of(
        SENT, seen({WEBHOOK: WELL, "jira": WELL, "servicenow": WARNED, "slack": REFUSED}), ["jira", "servicenow", "slack"]
    )
    assert rows_of(report) == [
        ("✓", "own_webhook", "proved", ""),
        ("✓", "worker", "settled", "1.3 s after it was sent"),
        ("✓", "jira", "proved", ""),
        ("!", "servicenow", "warned", "no component"),
        ("✗", "slack", "failed", "auth: HTTP 401 \x1b[31m"),
    ]
    assert (report["arrived"], report["failing"]) == (True, ["slack"])


def test_a_destination_that_was_not_checked_in_time_is_missing() -> None:
    report = report_of(SENT, seen({WEBHOOK: WELL, "jira": WELL}), ["jira", "slack"])
    assert rows_of(report)[-3:] == [
        ("✗", f"canary {SENT}", "has not arrived", "through the worker; not checked yet"),
        ("✓", "jira", "proved", ""),
        ("✗", "slack", "missing", ""),
    ]
    assert (report["arrived"], report["failing"]) == (False, ["slack"])


@pytest.mark.parametrize(
    ("found", "stage"),
    [
        pytest.param(seen({}, settled=False), "not known to have been accepted", id="direct, without a worker"),
        pytest.param(seen({WEBHOOK: WELL}, settled=False), "sent; the worker has not taken it", id="without a worker"),
        pytest.param(None, "forgotten", id="a hundred others came after it"),
    ],
)
def test_where_it_stays_is_told(found: Canary | None, stage: str) -> None:
    assert report_of(SENT, found, [])["stage"] == stage


def test_without_a_web_half_it_says_so_and_fails() -> None:
    sent = canary()
    assert sent.exit_code == 1
    headings, refused, stage = sent.stdout.splitlines()
    assert headings.split() == ["what", "state", "detail"]
    assert " ".join(refused.split()).startswith("✗ own_webhook failed connect: ConnectError")
    assert "has not arrived  refused by the webhook: connect" in stage


def test_past_the_webhook_it_waits_for_the_worker(app: Application) -> None:
    sent = canary("--direct", "--timeout", "0", "--json")
    report = json.loads(sent.stdout)
    assert (sent.exit_code, report["arrived"], report["proofs"]) == (1, False, {})
    (waiting,) = app.store.inbox.claim(5)
    assert report["canary"].encode() in waiting.body


def test_one_way_or_the_other() -> None:
    assert canary("--direct", "--url", "https://enricher.corp.example").exit_code == 2


def test_an_address_that_is_none_is_told() -> None:
    assert canary("--url", "file:///etc/passwd").exit_code == 1
