"""What the estate file says of a host and an account, however they are spelled, and when its windows are open."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from enricher.core.document import EstateDoc
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
    assert Estate().service_account("CORP\\svc-ci") is None


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param("CORP\\SVC-CI", True, id="in any case"),
        pytest.param("svc-ci", False, id="another domain's, or none's"),
        pytest.param("CORP\\svc-ci2", False, id="a longer name"),
        pytest.param(None, None, id="no user known"),
    ],
)
def test_service_accounts(user: str | None, *, expected: bool | None) -> None:
    assert ESTATE.service_account(user) is expected


SPELLINGS = Estate(
    entries=tuple(
        Entry(hosts=(host,), role=role)
        for host, role in [
            ("B\u00dcRO-*.corp.example", "workstation"),
            ("xn--bcher-kva.corp.example", "server"),
            ("Print.Corp.Example", "build"),
            ("10.1.2.*", "jump_host"),
            ("a*b*c", "developer"),
            ("**-dc", "domain_controller"),
            ("f[a-z]?", "server"),
        ]
    )
)


@pytest.mark.parametrize(
    ("host", "role"),
    [
        pytest.param("b\u00fcro-7.corp.example", "workstation", id="a letter of another alphabet"),
        pytest.param("bu\u0308ro-7.corp.example", "workstation", id="the same, put together from two"),
        pytest.param("XN--BRO-7-KVA.corp.example.", "workstation", id="the same, as DNS spells it"),
        pytest.param("b\u00fccher.corp.example", "server", id="an entry as DNS spells it"),
        pytest.param("xn--bcher-kva.corp.example", "server", id="both as DNS spells it"),
        pytest.param("xn--\u00fc.corp.example", None, id="no spelling of anything"),
        pytest.param(" PRINT.corp.example. ", "build", id="case, a dot at the end, blanks"),
        pytest.param("print", None, id="a whole name is not its first label"),
        pytest.param("10.1.2.3", "jump_host", id="an address"),
        pytest.param("10.1.22.3", None, id="another address"),
        pytest.param("axbxc", "developer", id="two stars"),
        pytest.param("abbcc.corp.example", "developer", id="a literal that comes twice"),
        pytest.param("abc", "developer", id="a star for nothing"),
        pytest.param("acb", None, id="the wrong order"),
        pytest.param("a.b.c", None, id="a star does not cross a dot"),
        pytest.param("eu-dc", "domain_controller", id="two stars in a row are one"),
        pytest.param("eu-dcx", None, id="the end is the end"),
        pytest.param("f[a-z]?", "server", id="nothing else is a pattern"),
        pytest.param("fab", None, id="not even what looks like one"),
        pytest.param("", None, id="no name"),
        pytest.param("abc" + "x" * 300, None, id="longer than a name can be"),
    ],
)
def test_spellings(host: str, role: str | None) -> None:
    found = SPELLINGS.about(host)
    assert (found and found.role) == role


def test_an_address_has_no_short_name() -> None:
    assert Estate(entries=(Entry(hosts=("10",), role="server"),)).about("10.1.2.3") is None


def test_the_order_of_the_file_decides_whichever_is_a_pattern() -> None:
    pattern, whole = Entry(hosts=("ws-*",), role="developer"), Entry(hosts=("ws-1",), role="server", owner="team-x")
    first, second = Estate(entries=(pattern, whole)).about("ws-1"), Estate(entries=(whole, pattern)).about("ws-1")
    assert (first and first.role, second and second.role) == ("developer", "server")
    assert first is not None
    assert first.owner == "team-x", "the first that names one"


def test_an_entry_counts_once_however_often_it_names_the_host() -> None:
    found = Estate(entries=(Entry(hosts=("ws-1", "ws-*", "*-1", "WS-1"), maintenance=(NIGHT,)),)).about("ws-1")
    assert found is not None
    assert found.maintenance == (NIGHT,)


def test_a_host_is_looked_for_once_among_thousands_of_entries() -> None:
    estate = Estate(entries=tuple(Entry(hosts=(f"h{number}-*.corp.example",)) for number in range(3_000)))
    first = estate.about("h7-1.corp.example")
    assert first is not None
    assert all(estate.about(spelled) is first for spelled in ("h7-1.corp.example", "H7-1.CORP.example."))
    assert estate.about("h8-1.corp.example") is not first


@given(st.text("ab.*", max_size=6), st.text("ab.", max_size=8))
@example("a*b*c.a", "abbc.a")
def test_stars_are_read_as_by_trying_everything(pattern: str, name: str) -> None:
    pattern, name = f"x{pattern}x", f"x{name}x"
    expected = _fits(pattern, name) or _fits(pattern, name.partition(".")[0])
    assert (Estate(entries=(Entry(hosts=(pattern,)),)).about(name) is not None) == expected


def _fits(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return _fits(pattern[1:], name) or (bool(name) and name[0] != "." and _fits(pattern, name[1:]))
    return bool(name) and name[0] == pattern[0] and _fits(pattern[1:], name[1:])


DOC = EstateDoc(role="developer", groups=["developers", "kiosks"], owner="team-x", maintenance=False, service_account=False)


@pytest.mark.parametrize(
    ("host", "user", "expected"),
    [
        pytest.param("ws-dev-7.corp.example", "CORP\\x", DOC, id="a host"),
        pytest.param("ws-dev-7.corp.example", None, DOC | {"service_account": None}, id="and no user"),
        pytest.param("ws-dev-7.corp.example", "corp\\SVC-ci", DOC | {"service_account": True}, id="and an account"),
        pytest.param("elsewhere", "CORP\\x", None, id="neither"),
        pytest.param(
            "elsewhere",
            "CORP\\svc-ci",
            EstateDoc(role=None, groups=[], owner=None, maintenance=False, service_account=True),
            id="an account alone",
        ),
    ],
)
def test_described(host: str, user: str | None, expected: EstateDoc | None) -> None:
    assert ESTATE.described(host, user, [datetime(2026, 11, 29, 2, tzinfo=UTC)]) == expected


SATURDAY_NIGHT, SUNDAY = datetime(2026, 11, 28, 23, tzinfo=UTC), datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_one_contact_in_a_window_is_said_and_all_of_them_are_needed_to_count() -> None:
    host = "ws-dev-7.corp.example"
    facts = ESTATE.about(host)
    assert facts is not None
    described = ESTATE.described(host, None, [SUNDAY, SATURDAY_NIGHT])
    assert described is not None
    assert described["maintenance"]
    assert facts.only_in_maintenance([(SATURDAY_NIGHT, None), (SATURDAY_NIGHT, None)])
    assert not facts.only_in_maintenance([(SUNDAY, None), (SATURDAY_NIGHT, None)])
    assert not facts.only_in_maintenance([(None, None), (SATURDAY_NIGHT, None)])
    assert not facts.only_in_maintenance([(SATURDAY_NIGHT, SUNDAY)])
    assert not facts.only_in_maintenance([])


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(datetime(2026, 11, 28, 22, tzinfo=UTC), True, id="Saturday night"),
        pytest.param(datetime(2026, 11, 29, 1, 59, tzinfo=UTC), True, id="past midnight"),
        pytest.param(datetime(2026, 11, 29, 2, tzinfo=UTC), False, id="the end is outside"),
        pytest.param(datetime(2026, 11, 28, 1, tzinfo=UTC), False, id="the small hours before it"),
        pytest.param(datetime(2026, 11, 29, 22, tzinfo=UTC), False, id="the night after"),
        pytest.param(datetime(2026, 11, 28, 17, tzinfo=timezone(timedelta(hours=-5))), True, id="another zone's afternoon"),
        pytest.param(datetime(2026, 11, 28, 22, tzinfo=timezone(timedelta(hours=2))), False, id="another zone's night"),
        pytest.param(datetime(2026, 3, 28, 22, tzinfo=UTC), True, id="the night the clocks go forward"),
        pytest.param(datetime(2026, 10, 25, 1, 59, 59, tzinfo=UTC), True, id="the night they go back"),
    ],
)
def test_maintenance(at: datetime, *, expected: bool) -> None:
    facts = ESTATE.about("ws-dev-7.corp.example")
    assert isinstance(facts, HostFacts)
    assert facts.in_maintenance(at) is expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param((24, 22, 0), (25, 1, 59), True, id="from its beginning to its end"),
        pytest.param((24, 22, 0), (25, 2, 0), False, id="until it closes"),
        pytest.param((24, 22, 0), (24, 22, 0), True, id="a moment"),
        pytest.param((25, 1, 0), (25, 1, 30), True, id="after midnight"),
        pytest.param((24, 23, 0), (25, 23, 0), False, id="until the next evening"),
        pytest.param((17, 23, 0), (24, 23, 0), False, id="until the next week's"),
        pytest.param((24, 21, 59), (24, 23, 0), False, id="from before it opened"),
        pytest.param((24, 23, 0), (24, 22, 0), False, id="an end before its beginning"),
    ],
)
def test_what_a_window_covers(first: tuple[int, int, int], last: tuple[int, int, int], *, expected: bool) -> None:
    """Tuesday evening until Wednesday at two, November 2026."""
    window = Window(frozenset({1}), time(22), time(2))
    begins, ends = (datetime(2026, 11, *moment, tzinfo=UTC) for moment in (first, last))
    assert window.covers(begins, ends) is expected
    there = timezone(timedelta(hours=9))
    assert window.covers(begins.astimezone(there), ends.astimezone(there)) is expected


def test_a_window_within_one_day() -> None:
    window = Window(frozenset({0}), time(9), time(17))
    assert window.open_at(datetime(2026, 11, 30, 9, tzinfo=UTC))
    assert not window.open_at(datetime(2026, 11, 30, 17, tzinfo=UTC))
    assert not window.open_at(datetime(2026, 12, 1, 9, tzinfo=UTC))


def test_a_window_from_sunday_into_monday() -> None:
    window = Window(frozenset({6}), time(23), time(1))
    assert window.open_at(datetime(2026, 11, 30, 0, 59, tzinfo=UTC))
    assert not window.open_at(datetime(2026, 11, 29, 0, 59, tzinfo=UTC))


def test_a_window_that_ends_at_midnight() -> None:
    window = Window(frozenset({0}), time(22), time(0))
    assert window.open_at(datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC))
    assert not window.open_at(datetime(2026, 12, 1, tzinfo=UTC))


def test_a_window_that_ends_when_it_begins_lasts_a_day() -> None:
    window = Window(frozenset({0}), time(0), time(0))
    assert window.open_at(datetime(2026, 11, 30, tzinfo=UTC))
    assert window.open_at(datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    assert not window.open_at(datetime(2026, 12, 1, tzinfo=UTC))
