from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from enricher.core.estate import Entry, Estate, HostFacts, Window

NIGHT = Window(frozenset({5}), time(22), time(2))
ESTATE = Estate(
    entries=(
        Entry(hosts=("ws-dev-*.corp.example", "ci-*"), groups=frozenset({"developers"}), role="developer"),
        Entry(
            hosts=("ws-dev-7.corp.example",),
            groups=frozenset({"kiosks"}),
            role="server",
            owner="team-x",
            maintenance=(NIGHT,),
        ),
    ),
    service_accounts=frozenset({"corp\\svc-ci"}),
)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("ws-dev-1.corp.example", (frozenset({"developers"}), "developer", None), id="a pattern"),
        pytest.param(
            "WS-DEV-7.corp.example.", (frozenset({"developers", "kiosks"}), "developer", "team-x"), id="entries add up"
        ),
        pytest.param("ci-9.build.example", (frozenset({"developers"}), "developer", None), id="a short name, any domain"),
        pytest.param("ci-9", (frozenset({"developers"}), "developer", None), id="a short name alone"),
        pytest.param("ws-dev-1.evil.corp.example", None, id="a star is one label"),
        pytest.param("xws-dev-1.corp.example", None, id="anchored"),
        pytest.param("ws-dev-1xcorp.example", None, id="a dot is a dot"),
    ],
)
def test_about(host: str, expected: tuple[frozenset[str], str | None, str | None] | None) -> None:
    found = ESTATE.about(host)
    assert (found and (found.groups, found.role, found.owner)) == expected


def test_an_empty_estate_knows_nothing() -> None:
    assert Estate().about("ws-dev-1.corp.example") is None
    assert not Estate().is_service_account("CORP\\svc-ci")


def test_service_accounts_in_any_case() -> None:
    assert ESTATE.is_service_account("CORP\\SVC-CI")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(datetime(2026, 11, 28, 22, tzinfo=UTC), True, id="Saturday night"),
        pytest.param(datetime(2026, 11, 29, 1, 59, tzinfo=UTC), True, id="past midnight"),
        pytest.param(datetime(2026, 11, 29, 2, tzinfo=UTC), False, id="the end is outside"),
        pytest.param(datetime(2026, 11, 28, 1, tzinfo=UTC), False, id="the small hours before it"),
        pytest.param(datetime(2026, 11, 29, 22, tzinfo=UTC), False, id="the night after"),
    ],
)
def test_maintenance(at: datetime, *, expected: bool) -> None:
    facts = ESTATE.about("ws-dev-7.corp.example")
    assert isinstance(facts, HostFacts)
    assert facts.in_maintenance(at) is expected


def test_a_window_within_one_day() -> None:
    window = Window(frozenset({0}), time(9), time(17))
    assert window.open_at(datetime(2026, 11, 30, 9, tzinfo=UTC))
    assert not window.open_at(datetime(2026, 11, 30, 17, tzinfo=UTC))
    assert not window.open_at(datetime(2026, 12, 1, 9, tzinfo=UTC))
