"""Paths folded to one form, the folders that say something, and the paths in a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.paths import Places, folder_of, glob, name_of, path_form, paths_in, without_urls
from tests.fakes import packaged_programs

PLACES = Places(packaged_programs().rules.folders)
HOME = "/" + "home/r.iyer"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("C:\\Windows\\System32\\CMD.EXE", "c:\\windows\\system32\\cmd.exe"),
        ("C:/Windows/System32/cmd.exe", "c:\\windows\\system32\\cmd.exe"),
        ('"C:\\Program Files\\a.exe"', "c:\\program files\\a.exe"),
        ("\\\\?\\C:\\Windows\\a.exe", "c:\\windows\\a.exe"),
        ("\\??\\C:\\Windows\\a.exe", "c:\\windows\\a.exe"),
        ("\\SystemRoot\\System32\\smss.exe", "c:\\windows\\system32\\smss.exe"),
        ("\\Device\\HarddiskVolume3\\Windows\\a.exe", "c:\\windows\\a.exe"),
        ("C:\\PROGRA~1\\v\\a.exe", "c:\\program files\\v\\a.exe"),
        ("C:\\PROGRA~2\\v\\a.exe", "c:\\program files (x86)\\v\\a.exe"),
        ("C:\\a\\.\\b\\\\c\\..\\d.exe", "c:\\a\\b\\d.exe"),
        ("C:\\..\\..\\Windows\\System32\\cmd.exe", "c:\\windows\\system32\\cmd.exe"),
        ("C:\\Program Files\\..\\Users\\Public\\a.exe", "c:\\users\\public\\a.exe"),
        ("%TEMP%/a.exe", "%temp%\\a.exe"),
        ("\\\\server\\share\\a.exe", "\\\\server\\share\\a.exe"),
        ("/usr/bin/../../tmp//x", "/tmp/x"),
        ("/../tmp/x", "/tmp/x"),
        ("\\\\?\\UNC\\server\\share\\a.exe", "\\\\server\\share\\a.exe"),
        ("\\??\\UNC\\server\\share\\a.exe", "\\\\server\\share\\a.exe"),
        ("\\\\.\\C:\\Windows\\a.exe", "c:\\windows\\a.exe"),
        ("\\\\?\\GLOBALROOT\\Device\\HarddiskVolume3\\a.exe", "c:\\a.exe"),
        ("\\\\?\\GLOBALROOT\\SystemRoot\\a.exe", "c:\\windows\\a.exe"),
        ("\\\\?\\Volume{b75e2c83}\\a.exe", "\\volume{b75e2c83}\\a.exe"),
        ("\\Device\\HarddiskVolumeShadowCopy1\\a.exe", "\\device\\harddiskvolumeshadowcopy1\\a.exe"),
        ("\\Device\\Mup\\server\\share\\a.exe", "\\\\server\\share\\a.exe"),
        ("\\Device\\Mup\\;LanmanRedirector\\;Z:0001f\\server\\share\\a.exe", "\\\\server\\share\\a.exe"),
        ("\\Device\\LanmanRedirector\\;Z:0001f\\server\\share\\a.exe", "\\\\server\\share\\a.exe"),
        ("\\Device\\RdpDr\\;:1\\tsclient\\C\\a.exe", "\\\\tsclient\\c\\a.exe"),
        ("\\\\host@SSL\\DavWWWRoot\\a.exe", "\\\\host@ssl\\davwwwroot\\a.exe"),
        ("\\Device\\WebDavRedirector\\;Z:1\\host@8080\\DavWWWRoot\\a.exe", "\\\\host@8080\\davwwwroot\\a.exe"),
        ("\\\\tsclient\\c\\..\\..\\..\\a.exe", "\\\\tsclient\\c\\a.exe"),
        ("//server/share/a.exe", "/server/share/a.exe"),
        ("/usr/bin/../../tmp/a\\..\\b", "/tmp/a\\..\\b"),
        ("C:\\PROGRA~3\\a.exe", "c:\\programdata\\a.exe"),
        ("C:\\Users\\ADMINI~1\\DOWNLO~1\\a.exe", "c:\\users\\admini~1\\downloads\\a.exe"),
        ("C:\\x\\STARTM~1\\Programs\\Startup\\a.exe", "c:\\x\\start menu\\programs\\startup\\a.exe"),
        ("C:\\$RECYC~1.BIN\\S-1\\a.exe", "c:\\$recycle.bin\\s-1\\a.exe"),
        ("C:\\MICROS~1\\a.exe", "c:\\micros~1\\a.exe"),
        ("C:\\x\\cmd.exe.", "c:\\x\\cmd.exe"),
        ("C:\\x\\cmd.exe. . ", "c:\\x\\cmd.exe"),
        ("cmd.exe.", "cmd.exe"),
        ("C:\\x\\...", "c:\\x\\..."),
        ("C:\\Windows \\System32\\a.exe", "c:\\windows \\system32\\a.exe"),
        ("C:\\Windows.\\System32\\a.exe", "c:\\windows.\\system32\\a.exe"),
        ("C:\\x\\a.txt:evil.exe", "c:\\x\\a.txt:evil.exe"),
        ("C:a\\..\\b.exe", "b.exe"),
        ("/usr/bin/curl (deleted)", "/usr/bin/curl"),
        ("/memfd:x (deleted)", "/memfd:x"),
        ("C:\\x\\a (deleted)", "c:\\x\\a (deleted)"),
        ("/opt/v./a.", "/opt/v./a."),
        ("powershell.exe", "powershell.exe"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_path_form(written: str, form: str) -> None:
    assert path_form(written) == form


PARTS = ["c:", "\\", "/", "..", ".", " ", "a", "b.exe", "progra~1", "%temp%", " (deleted)", "~1"]


@given(st.sampled_from(["c:\\", "\\", "\\\\", "/", "%temp%\\"]), st.lists(st.sampled_from(PARTS)))
def test_a_path_in_path_form_stays_as_it_is(root: str, parts: list[str]) -> None:
    form = path_form(root + "".join(parts))
    if form == form.strip() and not form.endswith(" (deleted)"):  # a file may be called that, and be deleted
        assert path_form(form) == form


def test_a_path_of_the_longest_windows_takes() -> None:
    path = "C:\\" + "a\\..\\" * 8_000 + "Users\\Public\\a.exe"
    assert PLACES.writable(path_form(path))
    assert PLACES.more(path_form("C:\\" + "x" * 32_000))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("C:\\x\\PowerShell.EXE", "powershell"),
        ("C:\\x\\a.exe.exe", "a.exe"),
        ("/usr/bin/python3.11", "python"),
        ("C:\\x\\pythonw.exe", "python"),
        ("py.exe", "python"),
        ("pyw.exe", "python"),
        ("python2", "python"),
        ("pythonista.exe", "pythonista"),
        ("C:\\x\\saver.scr", "saver"),
        ("C:\\x\\more.com", "more"),
        ("pwsh.dll", "pwsh.dll"),
        ("C:\\x\\", "x"),
        ("C:\\x\\PowerShell.exe.", "powershell"),
        ("\\\\?\\UNC\\h\\s\\cmd.exe", "cmd"),
        ("/usr/bin/python3.12 (deleted)", "python"),
        ("/proc/self/fd/3", "3"),
        ("/tmp/a\\bash", "a\\bash"),
        ("\uff50owershell.exe", "\uff50owershell"),
        ("p\u043ewershell.exe", "p\u043ewershell"),
        ("cmd.exe\u200b", "cmd.exe\u200b"),
        ("", ""),
    ],
)
def test_name_of(path: str, name: str) -> None:
    assert name_of(path) == name


def test_folder_of() -> None:
    assert folder_of("c:\\a\\b.exe") == "c:\\a\\"
    assert folder_of("/usr/bin/b") == "/usr/bin/"
    assert folder_of("b.exe") == ""


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Windows\\System32\\a.exe",
        "C:\\Windows\\explorer.exe",
        "C:\\Program Files\\v\\a.exe",
        "C:\\Program Files (x86)\\v\\a.exe",
        "/usr/bin/a",
        "/bin/a",
        "/sbin/a",
        "/lib/a",
        "/lib64/a",
        "/opt/v/a",
        "/snap/a/1/a",
        "/nix/store/h/a",
        "/var/lib/flatpak/a",
        "/var/lib/snapd/a",
        "/Applications/A.app/Contents/MacOS/a",
        "/System/a",
        "/Library/a",
    ],
)
def test_protected(path: str) -> None:
    form = path_form(path)
    assert PLACES.protected(form)
    assert PLACES.at_home(form)
    assert not PLACES.away(form)


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Windows\\Temp\\a.exe",
        "C:\\Windows\\Tasks\\a.exe",
        "C:\\Windows\\Fonts\\a.exe",
        "C:\\Windows\\tracing\\a.exe",
        "C:\\Windows\\debug\\a.exe",
        "C:\\Windows\\System32\\Tasks\\a.exe",
        "C:\\Windows\\System32\\spool\\drivers\\color\\a.exe",
        "C:\\Program Files Evil\\a.exe",
        "D:\\Windows\\System32\\a.exe",
        "C:\\Windows2\\a.exe",
        "C:\\Users\\Public\\Windows\\System32\\a.exe",
        "\\\\server\\c$\\windows\\system32\\a.exe",
        "\\\\?\\UNC\\server\\c$\\windows\\system32\\a.exe",
        "\\\\host@SSL\\DavWWWRoot\\windows\\system32\\a.exe",
        "\\\\?\\Volume{b75e2c83}\\Windows\\System32\\a.exe",
        "C:\\Windows \\System32\\a.exe",
        "C:\\Windows.\\System32\\a.exe",
        "C:\\\u0174indows\\System32\\a.exe",
        "C:\\PROGRA~1 \\a.exe",
        "C:\\WINDOW~1\\a.exe",
        "/proc/self/exe",
        "/memfd:x (deleted)",
        "/var/lib/other/a",
        f"{HOME}/usr/bin/a",
    ],
)
def test_not_protected(path: str) -> None:
    assert not PLACES.protected(path_form(path))
    assert PLACES.away(path_form(path))


@pytest.mark.parametrize(
    "path",
    [
        "C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18\\MsMpEng.exe",
        "C:\\WindowsAzure\\a.exe",
        "C:\\Packages\\Plugins\\x\\a.exe",
        "C:\\Users\\r\\AppData\\Local\\Programs\\v\\a.exe",
        "C:\\Users\\r\\AppData\\Local\\Microsoft\\OneDrive\\a.exe",
        "C:\\Users\\r\\AppData\\Local\\JetBrains\\Toolbox\\apps\\a.exe",
    ],
)
def test_usual_is_at_home_and_not_protected(path: str) -> None:
    form = path_form(path)
    assert PLACES.at_home(form)
    assert not PLACES.protected(form)


@pytest.mark.parametrize(
    "path", ["C:\\Users\\r\\AppData\\Local\\Programs\\a.exe", "C:\\Users\\r\\AppData\\Roaming\\npm\\a.cmd"]
)
def test_neither_at_home_nor_writable(path: str) -> None:
    form = path_form(path)
    assert PLACES.away(form)
    assert not PLACES.writable(form)
    assert not PLACES.more(form)


def test_a_bare_name_is_neither_at_home_nor_outside() -> None:
    assert not PLACES.at_home("powershell.exe")
    assert not PLACES.away("powershell.exe")


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Users\\r\\AppData\\Local\\Temp\\a.exe",
        "C:\\Users\\r\\AppData\\Local\\Temp\\deep\\er\\a.exe",
        "C:\\Windows\\Temp\\a.exe",
        "E:\\Temp\\a.exe",
        "E:\\tmp\\x\\a.exe",
        "%TEMP%\\a.exe",
        "%tmp%\\a.exe",
        "%PUBLIC%\\a.exe",
        "D:\\Downloads\\a.exe",
        "C:\\Users\\r\\Downloads\\a.exe",
        "C:\\Users\\Public\\a.exe",
        "C:\\PerfLogs\\a.exe",
        "C:\\Windows\\Tasks\\a.exe",
        "C:\\Windows\\Fonts\\a.exe",
        "C:\\$Recycle.Bin\\S-1\\a.exe",
        "C:\\Users\\r\\AppData\\Roaming\\a.exe",
        "C:\\Users\\r\\AppData\\Local\\a.exe",
        "C:\\ProgramData\\a.exe",
        "/tmp/a",
        "/var/tmp/a",
        "/dev/shm/a",
        "/private/tmp/a",
        "/private/var/tmp/a",
        f"{HOME}/Downloads/a",
    ],
)
def test_writable(path: str) -> None:
    assert PLACES.writable(path_form(path))


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Users\\r\\AppData\\Roaming\\vendor\\a.exe",
        "C:\\ProgramData\\vendor\\a.exe",
        "C:\\Temperature\\a.exe",
        "C:\\x\\Downloads.exe",
        "/tmpfs/a",
        "/usr/bin/a",
    ],
)
def test_not_writable(path: str) -> None:
    assert not PLACES.writable(path_form(path))


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("C:\\Users\\r\\Desktop\\a.exe", True),
        ("C:\\Users\\r\\Documents\\x\\a.exe", True),
        ("C:\\Users\\r\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\a.exe", True),
        ("C:\\ProgramData\\vendor\\a.exe", True),
        ("C:\\ProgramData\\Microsoft\\x\\a.exe", False),
        ("C:\\ProgramData\\Microsoft2\\x\\a.exe", True),
        ("C:\\ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp\\a.exe", True),
        ("C:\\PROGRA~3\\vendor\\a.exe", True),
        ("\\\\?\\UNC\\tsclient\\c\\a.exe", True),
        ("\\Device\\Mup\\tsclient\\c\\a.exe", True),
        ("C:\\a.exe", True),
        ("C:\\a\\b.exe", False),
        ("\\\\tsclient\\c\\a.exe", True),
        ("\\\\other\\c\\a.exe", False),
        ("C:\\x\\INetCache\\IE\\a.exe", True),
        ("C:\\x\\Content.IE5\\a.exe", True),
        ("C:\\x\\Temporary Internet Files\\a.exe", True),
        ("/Users/Shared/a", True),
    ],
)
def test_more(path: str, *, more: bool) -> None:
    assert PLACES.more(path_form(path)) is more


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("curl https://a.example/c:/x/y", ()),
        ('"C:\\a b\\c.exe" -f D:\\x.ps1', ("c:\\a b\\c.exe", "d:\\x.ps1")),
        ("cmd /c C:\\a.bat & type C:\\b.txt", ("c:\\a.bat & type", "c:\\b.txt")),
        ("run %TEMP%\\x.js,Entry", ("%temp%\\x.js",)),
        ("sh /tmp/x.sh -v", ("/tmp/x.sh -v",)),
        ("net use \\\\server\\share", ("\\\\server\\share",)),
        ("a=/opt/x/y", ("/opt/x/y",)),
        ("either/or", ()),
        ("tool -x:C:\\y\\z", ("c:\\y\\z",)),
    ],
)
def test_paths_in(line: str, paths: tuple[str, ...]) -> None:
    assert tuple(path.strip() for path in paths_in(line)) == paths


def test_without_urls() -> None:
    assert without_urls('get "https://a.example/x y" and ftp://b/c').split() == ["get", '"', 'y"', "and"]


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("c:\\a\\**", ["c:\\a\\b", "c:\\a\\b\\c"], ["c:\\a", "c:\\ab\\c", "xc:\\a\\b"]),
        ("**\\a\\*", ["a\\b", "c:\\x\\a\\b"], ["c:\\xa\\b", "c:\\a\\b\\c"]),
        ("c:\\{x, y}\\?", ["c:\\x\\1", "c:\\ y\\1"], ["c:\\y\\1", "c:\\x\\12"]),
        ("a.b", ["a.b"], ["axb", "a.b\n"]),
        ("c:\\!a\\**", ["c:\\b\\c", "c:\\ab\\c"], ["c:\\a\\c", "c:\\\\c"]),
        ("**\\!a", ["b", "c:\\b", "c:\\a\\ab"], ["a", "c:\\b\\a"]),
        ("c:\\!{a,b}\\c!d", ["c:\\!a\\c!d"], ["c:\\x\\c!d"]),
    ],
)
def test_glob(pattern: str, fits: list[str], does_not: list[str]) -> None:
    assert [path for path in (*fits, *does_not) if glob(pattern).match(path)] == fits


def test_no_pattern_fits_nothing() -> None:
    assert glob().match("") is None
