from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from markupsafe import Markup

from enricher.web import text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("plain ünïcode → 日本", "plain ünïcode → 日本", id="letters of any script stay"),
        pytest.param("a\tb\nc", "a\tb\nc", id="tab and line feed stay"),
        pytest.param("cod\u202egnp.exe", "cod⟨U+202E⟩gnp.exe", id="right-to-left override"),
        pytest.param("a\u2066b\u2069\u200f\u061c", "a⟨U+2066⟩b⟨U+2069⟩⟨U+200F⟩⟨U+061C⟩", id="isolates and marks"),
        pytest.param("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩", id="zero width"),
        pytest.param("a\x00\x1b[31m\r\x9b", "a⟨U+0000⟩⟨U+001B⟩[31m⟨U+000D⟩⟨U+009B⟩", id="control characters"),
        pytest.param("\ud800", "⟨U+D800⟩", id="lone surrogate"),
        pytest.param("\U000e0041", "⟨U+E0041⟩", id="tag character"),
        pytest.param(None, "–", id="nothing"),
        pytest.param(7, 7, id="a number"),
    ],
)
def test_visible(given: object, shown: object) -> None:
    assert text.visible(given) == shown


def test_markup_of_ours_is_left_alone() -> None:
    assert text.visible(Markup("<b>x</b>")) == Markup("<b>x</b>")


def test_defanger() -> None:
    plain = text.defanger(["c2.lab.workers.dev", "lab.workers.dev", None, "localhost"])
    assert plain("iwr HTTPS://C2.lab.workers.dev/a.b?c=d.e") == "iwr HxxPS://C2[.]lab[.]workers[.]dev/a.b?c=d.e"
    assert plain("x.lab.workers.dev and lab.workers.dev") == "x.lab[.]workers[.]dev and lab[.]workers[.]dev"
    assert plain("C:\\a.b\\c.exe 10.0.0.1") == "C:\\a.b\\c.exe 10.0.0.1"
    assert plain("http://other.example:8080/") == "hxxp://other[.]example:8080/"
    assert plain(None) is None
    assert text.defanger([])("lab.workers.dev") == "lab.workers.dev"


def test_defang_twice_is_defang_once() -> None:
    assert text.defang("a.b.c") == text.defang(text.defang("a.b.c")) == "a[.]b[.]c"


@pytest.mark.parametrize(
    ("url", "below", "link"),
    [
        ("https://jira.example/browse/SEC-1", None, True),
        ("javascript:alert(1)", None, False),
        (" javascript:alert(1)", None, False),
        ("data:text/html,x", None, False),
        ("//evil.example", None, False),
        ("https:", None, False),
        ("https://snow.example:8443?a=b", None, True),
        ("http://[::1]:8080/x", None, True),
        ("https://a.example/x\n", None, False),
        ("https://[", None, False),
        (None, None, False),
        ("https://service.us2.sumologic.com/ui/#/alert/1", "sumologic.com", True),
        ("https://evilsumologic.com/", "sumologic.com", False),
        ("https://sumologic.com@evil.example/", "sumologic.com", False),
        ("https://sumologic.com.evil.example/", "sumologic.com", False),
        ("https://evil.example\\.sumologic.com/", "sumologic.com", False),
    ],
)
def test_outward(url: str | None, below: str | None, *, link: bool) -> None:
    assert text.outward(url, below=below) == (url if link else None)


def test_when_is_utc() -> None:
    at = datetime(2026, 11, 24, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    assert text.when(at) == text.when("2026-11-24T02:04:05.9Z") == "2026-11-24 02:04:05 UTC"
    assert text.when(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 00:00:00 UTC"
    assert text.when("yesterday <b>") == "yesterday <b>"
    assert text.when(None) == "–"
    assert text.when(at, seconds=False) == "2026-11-24 02:04 UTC"


def test_moment_is_for_machines() -> None:
    at = datetime(2026, 11, 24, 3, 4, 5, 999, tzinfo=timezone(timedelta(hours=1)))
    assert text.moment(at) == text.moment("2026-11-24T02:04:05.9Z") == "2026-11-24T02:04:05Z"
    assert text.moment("yesterday <b>") is None
    assert text.moment(None) is None


def test_thousands() -> None:
    assert (text.thousands(1234567), text.thousands(12), text.thousands(None)) == ("1,234,567", "12", "–")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0, "0 s"), (0.25, "0.25 s"), (30, "30 s"), (245, "4 min 5 s"), (3600, "1 h"), (183_845, "2 d 3 h")],
)
def test_span(seconds: float | None, said: str) -> None:
    assert text.span(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (1.0, "1"), (0.9, "0.9"), (30.104, "30.1"), (0.0, "0"), (100, "100")]
)
def test_number(value: float | None, said: str) -> None:
    assert text.number(value) == said
