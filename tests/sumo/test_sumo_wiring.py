"""The searcher as the service makes it, in real time: seconds, so only what nothing else shows."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from prometheus_client import REGISTRY

from enricher.settings import Settings
from enricher.standins import KEY, running
from enricher.standins.sumo import Behaviour, Message, SumoLogic
from enricher.wiring.searching import searcher
from tests.sumo.fakes import HOST, NOW, Book, event_1, guid


def settings(**given: Any) -> Settings:
    keys = {"sumo_access_id": "su1", "sumo_access_key": KEY}
    return Settings.model_validate(keys | given)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_without_an_address_nobody_asks() -> None:
    assert searcher(Settings.model_validate({}), Book()) is None


@pytest.mark.slow
def test_it_searches_where_it_is_set_and_counts() -> None:
    messages = [
        Message(raw=event_1(1), category="win", at=NOW.timestamp() - 1_800),
        Message(raw=event_1(1, CommandLine="elsewhere"), at=NOW.timestamp() - 1_800),
        Message(raw=event_1(1, host="dc-01.corp.example"), category="win", at=NOW.timestamp() - 1_800),
        Message(raw=event_1(1, CommandLine="too old"), category="win", at=NOW.timestamp() - 4_000),
    ]
    before = counted("enricher_searches_total", status="done")
    ignored = counted("enricher_search_results_ignored_total", reason="other_computer")
    with running(SumoLogic(messages)) as sumo:
        sumo.behaviour = Behaviour(polls=1)
        made = searcher(
            settings(sumo_api_url=f"{sumo.url}/api", sumo_scope="_sourceCategory=win", sumo_lookback_hours=1), Book()
        )
        assert made is not None
        with closing(made):
            found = made.starts(HOST, guid(1), NOW)
        assert [event.command_line for event in found.events] == ["1.exe"]
        assert sumo.left_open() == []
    assert counted("enricher_searches_total", status="done") == before + 1
    assert counted("enricher_search_results_ignored_total", reason="other_computer") == ignored + 1
