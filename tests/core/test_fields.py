from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core import fields

AT = datetime(2026, 3, 12, 14, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("key", ["QueryURL", "queryUrl", "query_url", "Query-Url", "QUERY URL"])
def test_keys_fold_to_one(key: str) -> None:
    assert fields.fold(key) == "queryurl"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("", None, id="empty"),
        pytest.param(" - ", None, id="dash"),
        pytest.param("?", None, id="question mark"),
        pytest.param("a\x00b\x1bc\x7f\r\n\td", "abc\n\td", id="control characters leave, tab and newline stay"),
        pytest.param("\x00", None, id="nothing but a NUL"),
        pytest.param("x\ud83dy", "x\ufffdy", id="half a surrogate pair"),
        pytest.param("Prüfstand – 検査", "Prüfstand – 検査", id="other alphabets stay"),
        pytest.param("cmd.exe ", "cmd.exe ", id="blanks of a command line stay"),
        pytest.param("x" * 70_000, "x" * 65_536 + " …[cut at 65536 characters]", id="cut visibly"),
    ],
)
def test_text(value: str | None, expected: str | None) -> None:
    assert fields.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("svc &amp; kiosk", "svc & kiosk", id="entity"),
        pytest.param("&amp;lt;", "&lt;", id="once, not twice"),
        pytest.param("?a=1&copy=2&lt", "?a=1&copy=2&lt", id="a query string is left alone"),
        pytest.param("&#65;&#x42;", "AB", id="by number"),
        pytest.param("&#9999999;", "&#9999999;", id="no such character"),
    ],
)
def test_unescape(value: str, expected: str) -> None:
    assert fields.unescape(value) == expected


@pytest.mark.parametrize("value", ["<unknown process>", "&lt;unknown process&gt;", "-", "", "?", None])
def test_null_image(value: str | None) -> None:
    assert fields.image(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("WS-FIN-0142.corp.example", "ws-fin-0142.corp.example", id="upper case"),
        pytest.param("ws-1.corp.example.", "ws-1.corp.example", id="trailing dot"),
        pytest.param("ws-1.corp.example:5985", "ws-1.corp.example", id="port"),
        pytest.param("10.1.2.3", "10.1.2.3", id="address"),
        pytest.param("fe80::1", "fe80::1", id="an IPv6 address has no port"),
        pytest.param("-", "", id="dash"),
        pytest.param(None, "", id="absent"),
    ],
)
def test_computer(value: str | None, expected: str) -> None:
    assert fields.computer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("{7c1e2b40-96d1-65f0-3b12-00000000a100}", "7C1E2B40-96D1-65F0-3B12-00000000A100", id="braces"),
        pytest.param("7C1E2B40-96D1-65F0-3B12-00000000A100", "7C1E2B40-96D1-65F0-3B12-00000000A100", id="bare"),
        pytest.param("{00000000-0000-0000-0000-000000000000}", None, id="all zeros is no key"),
        pytest.param('" OR 1=1', None, id="no GUID"),
        pytest.param("-", None, id="dash"),
    ],
)
def test_guid(value: str, expected: str | None) -> None:
    assert fields.guid(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7316", 7316),
        ("1,545", 1545),
        ("1.0", 1),
        (" 4 ", 4),
        ("1.5", None),
        ("-1", None),
        ("9" * 30, None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_number(value: str, expected: int | None) -> None:
    assert fields.number(value) == expected


def test_number_keeps_to_its_most() -> None:
    assert fields.number("65536", 65_535) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("1", True), ("1.0", True), ("False", False), ("0", False), ("0.0", False), ("-", None), (None, None)],
)
def test_flag(value: str | None, expected: bool | None) -> None:  # noqa: FBT001 - a table's column
    assert fields.flag(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("2026-03-12 14:05:01.000", AT, id="Sysmon's UtcTime"),
        pytest.param("2026-03-12T14:05:01.0000000Z", AT, id="seven digits"),
        pytest.param("2026-03-12T14:05:01.000000000Z", AT, id="nine digits"),
        pytest.param("2026-03-12T14:05:01+000000000Z", AT, id="Sumo's collector"),
        pytest.param("2026-03-12T15:05:01+01:00", AT, id="another zone"),
        pytest.param("1773324301", AT, id="epoch seconds"),
        pytest.param("1773324301000", AT, id="epoch milliseconds"),
        pytest.param("1,773,324,301,000", AT, id="with commas"),
        pytest.param("1.773324301E12", AT, id="as a double"),
        pytest.param("1773324301000000000", AT, id="epoch nanoseconds"),
        pytest.param("03/12/2026 02:05:01 PM UTC", AT, id="American, UTC"),
        pytest.param("03/12/2026 12:05:01 AM UTC", AT.replace(hour=0), id="American midnight"),
        pytest.param("03/12/2026 02:05:01 PM UTC.", AT, id="American, as the documentation prints it"),
        pytest.param("03/12/2026 10:05:01 AM -0400", AT, id="American, an offset"),
        pytest.param("03/12/2026 03:05:01 PM GMT+01:00", AT, id="American, an offset from GMT"),
        pytest.param("03/12/2026 02:05:01 PM CDT", None, id="an abbreviation says nothing for sure"),
        pytest.param("03/12/2026 02:05:01 PM UTCX", None, id="no abbreviation of UTC"),
        pytest.param("03/12/2026 02:05:01 PM", None, id="American without a zone"),
        pytest.param("2026-03-12 14:05:01 UTC", AT, id="ISO, UTC apart"),
        pytest.param("2026-03-12 07:05:01,000 -0700", AT, id="as log4j writes it"),
        pytest.param("2026-03-12 14:05:01 CET", None, id="ISO, an abbreviation"),
        pytest.param("20260312140501.000000-000", AT, id="WMI"),
        pytest.param("20260312220501.000000+480", AT, id="WMI, minutes east"),
        pytest.param("20261312140501.000000-000", None, id="WMI, a 13th month"),
        pytest.param("1773324301.0", AT, id="epoch seconds as a double"),
        pytest.param("0001-01-01T00:00:00+23:59", None, id="before the calendar"),
        pytest.param("9999-12-31 23:59:59", None, id="sums with it would overflow"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("1e300", None, id="far away"),
        pytest.param("yesterday", None, id="a word"),
        pytest.param("", None, id="empty"),
    ],
)
def test_moment(value: str, expected: datetime | None) -> None:
    assert fields.moment(value) == expected


@pytest.mark.parametrize(
    ("value", "answers", "cnames"),
    [
        pytest.param("::ffff:104.21.48.117;", ("104.21.48.117",), (), id="mapped IPv4"),
        pytest.param(
            "204.79.197.203;2606:4700::6815:3075;", ("204.79.197.203", "2606:4700::6815:3075"), (), id="plain and IPv6"
        ),
        pytest.param(
            "type:  5 a.example;type:  5 b.example.;::ffff:1.2.3.4;", ("1.2.3.4",), ("a.example", "b.example"), id="CNAMEs"
        ),
        pytest.param("type:  12 ptr.example;type:  16 ;", (), (), id="other types"),
        pytest.param("1.2.3.4;1.2.3.4;", ("1.2.3.4",), (), id="twice is once"),
        pytest.param("-", (), (), id="nothing"),
        pytest.param("rubbish;; ;999.1.1.1", (), (), id="neither address nor record"),
    ],
)
def test_query_results(value: str, answers: tuple[str, ...], cnames: tuple[str, ...]) -> None:
    assert fields.query_results(value) == (answers, cnames)


def test_hashes() -> None:
    assert fields.hashes("SHA1=AB,IMPHASH=-,MD5=Cd") == {"sha1": "ab", "md5": "cd"}
    assert fields.hashes("MD5=cd, IMPHASH=-, SHA1=ab") == {"sha1": "ab", "md5": "cd"}, "in any order"
    assert fields.hashes("-") == {}


@given(st.text())
def test_no_value_raises(value: str) -> None:
    for read in (fields.text, fields.image, fields.computer, fields.guid, fields.number, fields.flag, fields.moment):
        read(value)
    fields.hashes(value)
    fields.query_results(value)
    fields.unescape(value)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_text_is_always_clean(value: str) -> None:
    said = fields.text(value)
    assert said is None or not {c for c in said if ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF} - {"\t", "\n"}
