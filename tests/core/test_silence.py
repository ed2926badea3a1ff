"""Silence: hostile intervals, what an alert says of its source, and what counts as too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from enricher.core.payload import read
from enricher.core.silence import Vital, Watched, every_of, is_silent, up_since, vital_of
from enricher.model import Kind

NOW = datetime(2026, 11, 24, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900.0),
        (" 1H ", 3_600.0),
        ("7d", 604_800.0),
        ("60s", 60.0),
        pytest.param("59s", None, id="under a minute"),
        pytest.param("8d", None, id="over a week"),
        pytest.param("365d", None, id="a year"),
        pytest.param("0", None, id="none"),
        pytest.param("-5m", None, id="negative"),
        pytest.param("١٥m", None, id="other digits"),
        pytest.param("9" * 10_000 + "m", None, id="endless"),
        pytest.param("soon", None, id="text"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_every(text: str | None, seconds: float | None) -> None:
    assert every_of(text) == seconds


@pytest.mark.parametrize(
    ("body", "kind", "vital"),
    [
        pytest.param(
            {"schema": "enricher/1", "kind": "heartbeat", "name": "Beat", "every": "15m", "numQueryResults": "1"},
            Kind.HEARTBEAT,
            Vital(what="heartbeat", name="Beat", every_s=900.0),
            id="heartbeat",
        ),
        pytest.param(
            {"name": "Enricher heartbeat 1", "every": "never", "numQueryResults": "1"},
            Kind.HEARTBEAT,
            Vital(what="heartbeat", name="Enricher heartbeat 1"),
            id="heartbeat by name, with no interval that is one",
        ),
        pytest.param(
            {"kind": "monitor", "name": "Sysmon", "triggerType": "Missing Data"},
            Kind.MONITOR,
            Vital(what="logs", name="Sysmon"),
            id="missing data",
        ),
        pytest.param(
            {"kind": "monitor", "name": "Sysmon", "triggerType": "ResolvedMissingData"},
            Kind.RECOVERY,
            Vital(what="logs", name="Sysmon", ended=True),
            id="data again",
        ),
        pytest.param(
            {"kind": "monitor", "name": "Any", "triggerType": "Critical", "results": "[]", "every": "1m"},
            Kind.MONITOR,
            None,
            id="an alert",
        ),
    ],
)
def test_what_an_alert_says_of_its_source(body: dict[str, str], kind: Kind, vital: Vital | None) -> None:
    alert = read(orjson.dumps(body))
    assert (alert.kind, vital_of(alert)) == (kind, vital)


@pytest.mark.parametrize(
    ("heard_min", "up_min", "silent"),
    [
        pytest.param(35, 600, False, id="two intervals and the grace"),
        pytest.param(35.1, 600, True, id="a little more"),
        pytest.param(600, 10, False, id="not of the time that we were away"),
        pytest.param(600, 36, True, id="nor for ever after"),
    ],
)
def test_too_long(heard_min: float, up_min: float, silent: bool) -> None:  # noqa: FBT001 - a column of the table
    heard_at = NOW - timedelta(minutes=heard_min)
    one = Watched(what="heartbeat", source="sumo", name="Beat", every_s=900.0, heard_at=heard_at)
    assert is_silent(one, NOW - timedelta(minutes=up_min), NOW) is silent


def test_a_gap_between_looks_is_our_own_silence() -> None:
    before = NOW - timedelta(hours=3)
    assert up_since(NOW - timedelta(minutes=5), before, NOW) == before
    assert up_since(NOW - timedelta(minutes=6), before, NOW) == NOW
    assert up_since(None, None, NOW) == NOW
