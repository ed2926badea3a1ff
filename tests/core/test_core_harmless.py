from __future__ import annotations

import pytest

from enricher.core.harmless import defang, defanger, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain\ttext\n", "plain\ttext\n", id="tab and line feed stay"),
        pytest.param("a\u202eb", "a⟨U+202E⟩b", id="a bidi override"),
        pytest.param("a\x1b[31m", "a⟨U+001B⟩[31m", id="an escape of a terminal"),
        pytest.param("a\rb", "a⟨U+000D⟩b", id="a carriage return"),
        pytest.param("\ud800", "⟨U+D800⟩", id="half a character"),
    ],
)
def test_hidden_characters_are_written_out(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_name_is_defanged_once() -> None:
    assert defang(defang("a.b.example")) == "a[.]b[.]example"
    assert defang(None) is None


def test_known_names_and_every_url_are_defanged_and_secrets_masked() -> None:
    plain = defanger(["a.example", None, "host"])
    assert plain("A.example HTTPS://x.y/z.txt host") == "A[.]example Hxxps://x[.]y/z.txt host".replace("Hxxps", "HxxPS")
    assert plain("--password hunter2") == "--password [masked]"
    assert plain(None) is None
