"""How often each source is to be heard, by the settings."""

from __future__ import annotations

import pytest

from enricher.errors import ConfigurationError
from enricher.settings import read_settings
from enricher.wiring.watch import rhythms


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("30", {"a": 1_800.0, "b": 1_800.0}, id="one number for all with a token"),
        pytest.param('{"a": 60}', {"a": 3_600.0}, id="by name"),
        pytest.param('{"*": 30, "a": 60}', {"a": 3_600.0, "b": 1_800.0}, id="all, and one of its own"),
    ],
)
def test_rhythms(monkeypatch: pytest.MonkeyPatch, given: str, expected: dict[str, float]) -> None:
    monkeypatch.setenv("ENRICHER_WEBHOOK_TOKENS", "a:secret-one,b:secret-two")
    monkeypatch.setenv("ENRICHER_SILENT_MINUTES", given)
    assert rhythms(read_settings()) == expected


@pytest.mark.parametrize("given", ["0", "true", "often", "[1]", '{"a": 1e9}', '{"a b": 5}'])
def test_what_is_no_interval_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ENRICHER_SILENT_MINUTES", given)
    with pytest.raises(ConfigurationError, match="ENRICHER_SILENT_MINUTES"):
        read_settings()
