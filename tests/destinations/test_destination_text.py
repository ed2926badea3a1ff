from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.secrets import mask
from enricher.destinations.text import (
    clean,
    cut,
    defang,
    defang_name,
    join_within,
    length,
    neutralise,
    safe_url,
    shorten,
)
from tests.destinations.cases import MARKUP, SECRET_WORDS, SECRETS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\r\n\tb", "a b", id="one line"),
        pytest.param("invoice\u202excod.exe", "invoice[U+202E]xcod.exe", id="right-to-left override"),
        pytest.param("pay\u200bpal\ufeff", "pay[U+200B]pal[U+FEFF]", id="zero width"),
        pytest.param("a\x00b\x1b[31m", "a[U+0000]b[U+001B][31m", id="NUL and escape"),
        pytest.param("\ud800", "[U+D800]", id="lone surrogate"),
        pytest.param("a\U000e0041", "a[U+E0041]", id="tag character"),
        pytest.param("x\ufe0f\uffff", "x[U+FE0F][U+FFFF]", id="variation selector and noncharacter"),
        pytest.param("é\U000e0101", "é[U+E0101]", id="variation selector in what Python calls printable"),
        pytest.param("naïve 日本 😀", "naïve 日本 😀", id="other scripts stay"),
    ],
)
def test_neutralise(text: str, expected: str) -> None:
    assert neutralise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.workers.dev/x.js?y=b.c", "hxxps://a[.]workers[.]dev/x.js?y=b.c"),
        ("HTTP://1.2.3.4:80/", "hxxp://1[.]2[.]3[.]4:80/"),
        ("ftp://a.com", "ftp[:]//a[.]com"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("data:text/html,x but data: seen", "data[:]text/html,x but data: seen"),
        ("mail abuse@cloudflare.com now", "mail abuse@cloudflare[.]com now"),
        ("\\\\evil.com\\share", "\\\\evil[.]com\\share"),
        ("evil。com", "evil[.]com"),
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e[.]com"),
        ("hxxps://a[.]b", "hxxps://a[.]b"),
        ("powershell.exe run.ps1 C:\\x\\tool.py setup.sh a.zip", "powershell.exe run.ps1 C:\\x\\tool.py setup.sh a.zip"),
        ("System.Net.WebClient T1583.007 104.21.48.117 v1.2.3", "System.Net.WebClient T1583.007 104.21.48.117 v1.2.3"),
    ],
)
def test_defang(text: str, expected: str) -> None:
    assert defang(text) == expected


def test_defang_knows_the_suspects_names_and_leaves_the_estates() -> None:
    assert (
        defang("c2.lab.example to ws1.corp.com", names={"c2.lab.example"}, keep={"ws1.corp.com"})
        == "c2[.]lab[.]example to ws1.corp.com"
    )


@pytest.mark.parametrize(
    ("port", "expected"), [(443, "hxxps://a[.]b"), (80, "hxxp://a[.]b"), (8443, "a[.]b"), (None, "hxxps://a[.]b")]
)
def test_defang_name(port: int | None, expected: str) -> None:
    assert defang_name("a.b", port) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl -u bob:hunter2 x", "curl -u bob:[masked] x"),
        ("--password Secret1 next", "--password [masked] next"),
        ("/pass:abc next", "/pass:[masked] next"),
        ("client_secret=abc&x=1", "client_secret=[masked]&x=1"),
        ('"api_key": "abc def"', '"api_key": [masked]'),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [masked]"),
        ("https://bob:pw@host", "https://bob:[masked]@host"),
        ("?sv=1&sig=abc%3D", "?sv=1&sig=[masked]"),
        ("AKIAABCDEFGHIJKLMNOP", "AKIA[masked]"),
        ("/PASS:abc", "/PASS:[masked]"),
        ("pa\u017f\u017fword=abc", "pa\u017f\u017fword=[masked]"),
        ("Reset the password of m.alvarez", "Reset the password of m.alvarez"),
        ("token bucket; secret sauce", "token bucket; secret sauce"),
    ],
)
def test_mask(text: str, expected: str) -> None:
    assert mask(text) == expected


def test_no_secret_survives() -> None:
    shown = clean(SECRETS, 10_000)
    assert not [word for word in SECRET_WORDS if word in shown]


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        pytest.param("short", 5, "short", id="fits"),
        pytest.param("x" * 100, 40, "x" * 20 + "… 80 more, see case", id="says how many more"),
        pytest.param("😀" * 100, 60, "😀" * 20 + "… 80 more, see case", id="never half a character"),
    ],
)
def test_cut(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected
    assert length(expected) <= limit


def test_a_megabyte_is_counted_but_not_looked_at() -> None:
    shown = clean("A" * 1_000_000, 100)
    assert len(shown) <= 100
    assert "999" in shown
    assert shown.endswith("more, see case")


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://service.us2.sumologic.com/ui/#/alert/01", True),
        ("http://127.0.0.1:8080/cases/x", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://user:pw@host/", False),
        ("https://host/|label>", False),
        ("https:///x", False),
        ("https://[::1", False),
        ("https://h/\n", False),
        (f"https://h/{'a' * 2000}", False),
        ("", False),
        (None, False),
    ],
)
def test_safe_url(url: str | None, safe: bool) -> None:  # noqa: FBT001 — a column of the table
    assert (safe_url(url) == url and url is not None) is safe


def test_shorten_and_join_say_how_many_are_left_out() -> None:
    assert shorten(["a", "b", "c", "d"], 3) == ["a", "b", "… 2 more, see case"]
    assert shorten(["a"], 1) == ["a"]
    assert join_within(["a" * 10, "b" * 10, "c" * 10], 32) == "a" * 10 + "\n" + "b" * 10 + "\n" + "c" * 10
    assert join_within(["a" * 10, "b" * 10, "c" * 10], 31) == "a" * 10 + "\n… 2 more, see case"


@given(st.text() | st.text(alphabet="ab.:/\\@-=\"' ").map(lambda text: f"{MARKUP}{text}"), st.integers(40, 400))
def test_clean_is_one_harmless_line_and_stays_so(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert length(shown) <= limit
    assert neutralise(shown) == shown
    assert "http://" not in shown.lower()
    assert "https://" not in shown.lower()
    assert "javascript:" not in shown.lower()
    shown.encode()
