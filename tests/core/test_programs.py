"""What a program is: its class and points, whether it is what it says, and the files its line names."""

from __future__ import annotations

from itertools import product

import pytest

from enricher.core.paths import path_form
from enricher.core.programs import Program
from tests.fakes import CHROME, CMD, NODE, POWERSHELL, SYSTEM32, packaged_programs, program

PROGRAMS = packaged_programs()
VENDOR = "C:\\Program Files\\Vendor\\"

TABLE = {
    "script_host": (25, "mshta wscript cscript hh msxsl scrcons osascript"),
    "lolbin": (
        25,
        (
            "regsvr32 rundll32 installutil regasm regsvcs msbuild cmstp odbcconf xwizard presentationhost ieexec addinutil "
            "imewdbld dialer eqnedt32 control pcalua forfiles microsoft.workflow.compiler dfsvc finger mobsync winlogon notepad "
            "wordpad wuauclt dllhost mavinject register-cimprovider"
        ),
    ),
    "downloader": (
        18,
        (
            "certutil certreq certoc bitsadmin desktopimgdownldr mpcmdrun esentutl expand extrac32 findstr makecab diantz ftp "
            "cmdl32 configsecuritypolicy datasvcutil squirrel update appinstaller ldifde xsd"
        ),
    ),
    "shell": (15, "powershell powershell_ise pwsh pwsh.dll cmd wmic wsl bash sh dash zsh ksh"),
    "runtime": (10, "python pypy node deno bun java javaw ruby perl php lua dotnet autoit3 autohotkey"),
    "transfer": (10, "curl wget aria2c rclone scp winscp nscurl http"),
    "office": (
        12,
        "winword excel powerpnt outlook olk onenote onenotem msaccess mspub visio acrord32 acrobat foxitreader foxitpdfreader",
    ),
    "tunnel": (
        25,
        "cloudflared ngrok devtunnel code-tunnel chisel frpc pinggy playit tailscale tailscaled nc nc64 ncat netcat socat plink",
    ),
    "agent": (
        0,
        (
            "msmpeng mpdefendercoreservice nissrv mssense sensendr senseir smartscreen securityhealthservice sysmon sysmon64 "
            "elastic-endpoint elastic-agent csfalconservice sentinelagent cbdefense taniumclient ccmexec monitoringhost "
            "healthservice qualysagent splunkd winlogbeat filebeat nxlog windowsazureguestagent waappagent amazon-ssm-agent"
        ),
    ),
}
"""The table of the severity model, written out a second time so that a slip in the YAML shows."""

OWN_POINTS = {"deno": 14, "bun": 14, "autohotkey": 16, "autoit3": 20, "rclone": 14, "tailscale": 10, "tailscaled": 10}


def test_the_yaml_has_the_tables_classes_and_names() -> None:
    assert {kind: set(names) for kind, names in PROGRAMS.rules.processes.classes.items()} == {
        kind: set(names.split()) for kind, (_, names) in TABLE.items()
    }


@pytest.mark.parametrize(
    ("kind", "name", "points"),
    [
        pytest.param(kind, name, OWN_POINTS.get(name, points), id=f"{kind}-{name}")
        for kind, (points, names) in TABLE.items()
        for name in names.split()
    ],
)
def test_class_and_points(kind: str, name: str, points: float) -> None:
    """By its image, with and without extension, and by its OriginalFileName."""
    for image in (f"{VENDOR}{name}.exe", f"{VENDOR}{name.upper()}.EXE", f"/usr/bin/{name}"):
        found = program(image)
        assert (found.kind, found.points, found.known_as) == (kind, points, name)
    renamed = program(f"{VENDOR}innocent.exe", original=f"{name}.exe")
    assert renamed.known_as == ("innocent" if kind == "agent" else name)
    assert renamed.kind == ("other" if kind == "agent" else kind)


@pytest.mark.parametrize(
    ("image", "line", "kind", "points"),
    [
        (f"{SYSTEM32}wbem\\wmic.exe", "wmic os get /FORMAT:x.xsl", "script_host", 25),
        (f"{SYSTEM32}wbem\\wmic.exe", "wmic os get", "shell", 15),
        (f"{SYSTEM32}msiexec.exe", "msiexec /i HTTPS://x/y.msi", "downloader", 18),
        (f"{SYSTEM32}msiexec.exe", "msiexec /i C:\\y.msi", "other", 5),
        ("C:\\x\\unknown.exe", None, "other", 10),
        ("unknown.exe", None, "other", 5),
        (None, None, "other", 5),
        ("C:\\x\\MsMpEng.exe", None, "other", 10),
        ("C:\\Tools\\sqlcmd.exe", None, "other", 10),
        ("C:\\Tools\\anynode.exe", None, "other", 10),
        ("C:\\python\\tools\\foo.exe", None, "other", 10),
        ("/usr/bin/python3.11", None, "runtime", 10),
        ("C:\\x\\teams.exe", None, "other", 10),
    ],
)
def test_conditions_a_table_cannot_hold(image: str | None, line: str | None, kind: str, points: float) -> None:
    found = program(image, line)
    assert (found.kind, found.points) == (kind, points)


@pytest.mark.parametrize("cron", ["cron", "crond", "anacron", "atd"])
@pytest.mark.parametrize("tool", ["curl", "wget"])
def test_transfers_under_cron_are_downloads(tool: str, cron: str) -> None:
    assert program(f"/usr/bin/{tool}", ancestors=("sh", cron)).kind == "downloader"
    assert program(f"/usr/bin/{tool}", ancestors=("sh", "sshd")).kind == "transfer"
    assert program("/usr/bin/scp", ancestors=(cron,)).kind == "transfer"


def test_the_class_with_more_points_wins_and_the_image_on_a_tie() -> None:
    assert program(CMD, original="MSHTA.EXE").kind == "script_host"
    assert program(f"{SYSTEM32}mshta.exe", original="Cmd.Exe").kind == "script_host"
    tie = program(f"{SYSTEM32}wscript.exe", original="regsvr32.exe")
    assert (tie.kind, tie.known_as) == ("script_host", "wscript")


# --- browsers -------------------------------------------------------------------------------------------------------

PF = ("C:\\Program Files\\", "C:\\Program Files (x86)\\")
LA = "C:\\Users\\r.iyer\\AppData\\Local\\"
BROWSERS = {
    "chrome": [
        *(f"{pf}Google\\Chrome{ch}\\Application\\" for pf in PF for ch in ("", " Beta", " Dev", " SxS")),
        *(f"{LA}Google\\Chrome{ch}\\Application\\" for ch in ("", " Beta", " Dev", " SxS")),
    ],
    "msedge": [
        *(f"{pf}Microsoft\\Edge{ch}\\Application\\" for pf in PF for ch in ("", "Core", " Beta", " Dev")),
        *(f"{LA}Microsoft\\Edge{ch}\\Application\\" for ch in (" SxS", " Beta", " Dev")),
    ],
    "msedgewebview2": [
        *(f"{pf}Microsoft\\Edge{ch}\\Application\\120\\" for pf in PF for ch in ("", "WebView", "Core")),
        "C:\\Windows\\System32\\Microsoft-Edge-WebView\\",
    ],
    "iexplore": [f"{pf}Internet Explorer\\" for pf in PF],
    "microsoftedge": ["C:\\Windows\\SystemApps\\Microsoft.MicrosoftEdge_8wekyb3d8bbwe\\"],
    "microsoftedgecp": ["C:\\Windows\\SystemApps\\Microsoft.MicrosoftEdge_8wekyb3d8bbwe\\", SYSTEM32],
    "microsoftedgesh": ["C:\\Windows\\SystemApps\\Microsoft.MicrosoftEdge_8wekyb3d8bbwe\\", SYSTEM32],
    "firefox": [
        *(f"{pf}Mozilla Firefox\\" for pf in PF),
        f"{LA}Mozilla Firefox\\",
        "C:\\Program Files\\WindowsApps\\Mozilla.Firefox_120_x64\\",
        "D:\\Tor Browser\\Browser\\",
    ],
    "brave": [*(f"{pf}BraveSoftware\\Brave-Browser\\Application\\" for pf in PF), f"{LA}BraveSoftware\\x\\"],
    "opera": [*(f"{pf}Opera GX\\" for pf in PF), f"{LA}Programs\\Opera\\"],
    "vivaldi": [*(f"{pf}Vivaldi\\Application\\" for pf in PF), f"{LA}Vivaldi\\Application\\"],
    "zen": [*(f"{pf}Zen Browser\\" for pf in PF), f"{LA}Zen Browser\\"],
    "arc": ["C:\\Program Files\\WindowsApps\\TheBrowserCompany.Arc_1_x64\\"],
    "duckduckgo": ["C:\\Program Files\\WindowsApps\\DuckDuckGo.DesktopBrowser_1_x64\\"],
}


@pytest.mark.parametrize(("name", "folder"), [(name, folder) for name, folders in BROWSERS.items() for folder in folders])
def test_a_browser_in_its_folder_is_verified(name: str, folder: str) -> None:
    found = program(f"{folder}{name}.exe", original=f"{name}.exe")
    assert (found.kind, found.points, found.verified_browser) == ("browser", 5, True)
    assert PROGRAMS.masquerade(found) is None


@pytest.mark.parametrize(
    "image",
    [
        *(
            f"/{folder}/x/{name}"
            for folder, name in product(["usr/lib", "opt", "snap", "app"], ["firefox", "chromium-browser"])
        ),
        "/usr/bin/google-chrome-stable",
        "/usr/lib64/firefox/firefox",
        "/var/lib/flatpak/x/brave",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Users/r/Applications/Brave Browser.app/Contents/MacOS/Brave Browser",
        "/System/Applications/Safari.app/Contents/MacOS/Safari",
    ],
)
def test_browsers_elsewhere_than_windows(image: str) -> None:
    assert program(image).verified_browser


@pytest.mark.parametrize(("name", "folder"), [(name, folders[0]) for name, folders in BROWSERS.items()])
def test_a_planted_copy_is_not(name: str, folder: str) -> None:
    """In another folder, or below a folder that only looks like the browser's."""
    for planted in ("C:\\Users\\r.iyer\\AppData\\Local\\Temp\\", f"C:\\ProgramData\\{folder[3:]}", f"E:\\{folder[3:]}x\\"):
        found = program(f"{planted}{name}.exe", original=f"{name}.exe")
        if "tor browser" not in planted.lower():
            assert not found.verified_browser
            assert found.kind == "other"
            assert PROGRAMS.masquerade(found) == "browser_outside"


@pytest.mark.parametrize(
    ("image", "original", "verified"),
    [
        pytest.param(CHROME, None, True, id="protected folder, no OriginalFileName"),
        pytest.param(CHROME, "chrome.exe", True, id="protected folder, its own"),
        pytest.param(CHROME, "powershell.exe", False, id="protected folder, another program's"),
        pytest.param(f"{LA}Google\\Chrome\\Application\\chrome.exe", None, False, id="per user, unproved"),
        pytest.param(f"{LA}Google\\Chrome\\Application\\chrome.exe", "chrome.exe", True, id="per user, proved"),
        pytest.param("D:\\Tor Browser\\Browser\\firefox.exe", None, False, id="Tor, unproved"),
        pytest.param("chrome.exe", "chrome.exe", False, id="no folder"),
        pytest.param("C:\\Program Files\\Google\\Chrome\\Application\\notchrome.exe", None, False, id="another name"),
        pytest.param("C:\\Program Files\\librewolf\\librewolf.exe", None, False, id="a browser without a row"),
    ],
)
def test_verified(image: str, original: str | None, *, verified: bool) -> None:
    found = program(image, original=original)
    assert found.verified_browser is verified
    assert found.kind == ("browser" if verified else "shell" if original == "powershell.exe" else "other")


def test_in_its_folder_but_not_proved_is_no_masquerade() -> None:
    assert PROGRAMS.masquerade(program(f"{LA}Google\\Chrome\\Application\\chrome.exe")) is None


# --- identity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "original", "real"),
    [
        pytest.param("C:\\Users\\Public\\svc.exe", "PowerShell.EXE", "powershell", id="a shell under another name"),
        pytest.param("C:\\Program Files\\x\\svc.exe", "PowerShell.EXE", "powershell", id="at home too"),
        pytest.param("C:\\x\\svc.exe", "chrome.exe", "chrome", id="a browser"),
        pytest.param("C:\\x\\svc.exe", "lsass.exe", "lsass", id="a system program"),
        pytest.param("C:\\x\\svc.exe", "Advanced Port Scanner", "advanced port scanner", id="any other, away from home"),
        pytest.param("C:\\Program Files\\x\\svc.exe", "Advanced Port Scanner", None, id="any other, at home"),
        pytest.param("C:\\x\\scanner.exe", "Scanner-Pro.exe", None, id="the first five letters agree"),
        pytest.param("C:\\x\\setup-1.exe", "Advanced.exe", None, id="the image is a carrier"),
        pytest.param("C:\\x\\slack.exe", "electron.exe", None, id="Electron"),
        pytest.param("C:\\x\\app.exe", "Squirrel.exe", None, id="Squirrel"),
        pytest.param("C:\\x\\app.exe", "7zS.sfx.exe", None, id="a self-extractor"),
        pytest.param("C:\\x\\pip.exe", "MyLauncher", None, id="a launcher"),
        pytest.param("C:\\x\\pythonw.exe", "python.exe", None, id="one family: python"),
        pytest.param("C:\\x\\javaw.exe", "java.exe", None, id="one family: java"),
        pytest.param(POWERSHELL, "PowerShell_ISE.EXE", None, id="one family: PowerShell"),
        pytest.param("C:\\Program Files\\PowerShell\\7\\pwsh.exe", "pwsh.dll", None, id="one family: pwsh"),
        pytest.param("C:\\x\\ncat.exe", "nc.exe", None, id="one family: netcat"),
        pytest.param("C:\\x\\svc.exe", None, None, id="no OriginalFileName"),
        pytest.param("C:\\x\\svc.exe", "PowerShell.EXE. ", "powershell", id="dots and blanks behind it"),
        pytest.param("C:\\x\\\uff50owershell.exe", "PowerShell.EXE", "powershell", id="a look-alike"),
        pytest.param("C:\\x\\powershell.exe.", "PowerShell.EXE", None, id="a dot that Windows does not see"),
        pytest.param(
            "C:\\x\\\u0438\u043c\u044f.exe",
            "\u0434\u0440\u0443\u0433.exe",
            "\u0434\u0440\u0443\u0433",
            id="letters of any script",
        ),
        pytest.param("C:\\x\\scan-ner.exe", "SCAN_NER2.exe", None, id="only letters and digits are compared"),
        pytest.param("/usr/bin/innocent", "curl", "curl", id="elsewhere than Windows"),
        pytest.param(None, "PowerShell.EXE", None, id="no image"),
    ],
)
def test_renamed(image: str | None, original: str | None, real: str | None) -> None:
    assert PROGRAMS.renamed(program(image, original=original)) == real


CARRIERS = "electron nw squirrel update setup* install* *installer wextract 7z*sfx* sfx* stub *launcher"
TOOLS = "script_host lolbin downloader shell runtime transfer tunnel"
FAMILIES = {
    "javaw": "java",
    "bash": "sh",
    "nc64": "nc",
    "ncat": "nc",
    "netcat": "nc",
    "powershell_ise": "powershell",
    "pwsh.dll": "pwsh",
    "sysmon64": "sysmon",
}


def test_the_yaml_has_the_carriers_the_families_and_the_tool_classes() -> None:
    processes = PROGRAMS.rules.processes
    assert set(processes.carriers) == set(CARRIERS.split())
    assert processes.families == FAMILIES
    assert processes.tool_classes == set(TOOLS.split())


@pytest.mark.parametrize(
    "carrier",
    [
        "electron",
        "nw",
        "squirrel",
        "update",
        "setup-2",
        "installer",
        "AcmeInstaller",
        "wextract",
        "7zS.sfx",
        "sfxcab",
        "stub",
    ],
)
def test_a_carrier_is_not_renamed_whichever_of_the_two_it_is(carrier: str) -> None:
    assert PROGRAMS.renamed(program(f"C:\\x\\{carrier}.exe", original="Advanced.exe")) is None
    assert PROGRAMS.renamed(program("C:\\x\\advanced.exe", original=f"{carrier}.exe")) is None


SYSTEM_NAMES = """
svchost lsass explorer services winlogon csrss smss wininit taskhostw dllhost conhost spoolsv sihost runtimebroker consent mmc
taskmgr ctfmon dwm rundll32 cmd
"""


def test_the_yaml_has_the_system_names() -> None:
    assert PROGRAMS.rules.processes.system_names == set(SYSTEM_NAMES.split())


@pytest.mark.parametrize("name", SYSTEM_NAMES.split())
def test_a_system_program_outside(name: str) -> None:
    assert PROGRAMS.masquerade(program(f"C:\\Users\\Public\\{name}.exe")) == "system_outside"
    assert PROGRAMS.masquerade(program(f"C:\\Windows\\Temp\\{name}.exe")) == "system_outside"
    for folder in ("System32", "SysWOW64", "Sysnative", "WinSxS\\x", "servicing"):
        assert PROGRAMS.masquerade(program(f"C:\\Windows\\{folder}\\{name}.exe")) is None
    assert PROGRAMS.masquerade(program(f"{name}.exe")) is None, "a bare name is neither"
    assert PROGRAMS.masquerade(program(f"/usr/bin/{name}")) is None, "no Windows path"


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param("\\\\server\\c$\\Windows\\System32\\", id="a share"),
        pytest.param("\\\\?\\UNC\\server\\c$\\Windows\\System32\\", id="a share, the long way"),
        pytest.param("\\Device\\Mup\\server\\c$\\Windows\\System32\\", id="a share, as a device"),
        pytest.param("\\\\host@SSL\\DavWWWRoot\\Windows\\System32\\", id="WebDAV"),
        pytest.param("\\\\?\\Volume{b75e2c83}\\Windows\\System32\\", id="a volume that nobody knows"),
        pytest.param("C:\\Windows \\System32\\", id="a blank"),
        pytest.param("C:\\Windows.\\System32\\", id="a dot"),
        pytest.param("C:\\Windows\\System32\\..\\Temp\\", id="up and down again"),
        pytest.param("C:\\Windows\\System32x\\", id="a longer name"),
        pytest.param("D:\\Windows\\System32\\", id="another drive"),
    ],
)
def test_a_folder_that_only_looks_like_the_systems(folder: str) -> None:
    for name in ("svchost.exe", "SVCHOST.EXE.", "svchost.scr"):
        assert PROGRAMS.masquerade(program(f"{folder}{name}")) == "system_outside"


def test_explorer_lives_in_windows() -> None:
    assert PROGRAMS.masquerade(program("C:\\Windows\\explorer.exe")) is None
    assert PROGRAMS.masquerade(program("C:\\Windows\\svchost.exe")) == "system_outside"


@pytest.mark.parametrize(
    ("image", "line", "found"),
    [
        ("C:\\x\\invoice.pdf.exe", None, "invoice.pdf.exe"),
        ("C:\\x\\a.docx.scr", None, "a.docx.scr"),
        ("C:\\x\\a.jpeg .exe", None, "a.jpeg .exe"),
        ("C:\\x\\report      .exe", None, "report      .exe"),
        ("C:\\x\\report  .exe", None, None),
        ("C:\\x\\a.b.exe", None, None),
        ("C:\\x\\setup.zip.msi", None, None),
        ("C:\\x\\invoice.pdf.exe.", None, "invoice.pdf.exe"),
        ("C:\\x\\invoice.PDF.EXE", None, "invoice.pdf.exe"),
        ("C:\\x\\report.pdf\u00a0\u00a0\u00a0.exe", None, "report.pdf\u00a0\u00a0\u00a0.exe"),
        ("C:\\x\\report\u00a0\u00a0\u00a0.bat", None, "report\u00a0\u00a0\u00a0.bat"),
        ("C:\\invoice.pdf\\a.exe", None, None),
        (f"{SYSTEM32}wscript.exe", 'wscript "invoice.pdf      .js"', "blanks before an extension"),
        (f"{SYSTEM32}wscript.exe", 'wscript "C:\\x\\invoice      .js"', "invoice      .js"),
        (f"{SYSTEM32}wscript.exe", 'wscript "invoice" //B   .js', None),
        (f"{SYSTEM32}wscript.exe", "wscript C:\\x\\a.pdf.js.", "a.pdf.js"),
        ("/tmp/invoice.pdf.js", None, "invoice.pdf.js"),
        (f"{SYSTEM32}wscript.exe", 'wscript "C:\\x\\a.pdf.js"', "a.pdf.js"),
        (f"{SYSTEM32}wscript.exe", "wscript a.txt.vbs", "a.txt.vbs"),
        (f"{SYSTEM32}wscript.exe", "wscript C:\\x\\a.js", None),
        (f"{SYSTEM32}wscript.exe", "wscript C:\\a.pdf\\b.js", None),
        ("C:\\x\\inv\u202efdp.exe", None, "right-to-left override"),
        (CMD, "cmd /c a\u202ecod.js", "right-to-left override"),
    ],
)
def test_double_extension(image: str, line: str | None, found: str | None) -> None:
    assert PROGRAMS.double_extension(program(image, line)) == found


@pytest.mark.parametrize(
    ("image", "info", "expected"),
    [
        pytest.param("C:\\x\\a.exe", {"company": None, "original_file_name": None}, True, id="both empty"),
        pytest.param(
            "C:\\x\\a.exe",
            {"company": None, "product": None, "description": None, "original_file_name": None},
            True,
            id="all empty",
        ),
        pytest.param("C:\\x\\a.exe", {"company": None, "original_file_name": None, "product": "x"}, False, id="one filled"),
        pytest.param("C:\\x\\a.exe", {"company": None}, False, id="one not delivered"),
        pytest.param("C:\\x\\a.exe", {}, False, id="none delivered"),
        pytest.param(f"{VENDOR}a.exe", {"company": None, "original_file_name": None}, False, id="at home"),
        pytest.param("a.exe", {"company": None, "original_file_name": None}, False, id="no folder"),
        pytest.param("/tmp/a", {"company": None, "original_file_name": None}, False, id="no Windows path"),
        pytest.param(None, {"company": None, "original_file_name": None}, False, id="no image"),
    ],
)
def test_no_version(image: str | None, info: dict[str, str | None], *, expected: bool) -> None:
    assert PROGRAMS.no_version(PROGRAMS.program(image=image, version_info=info)) is expected


# --- files ----------------------------------------------------------------------------------------------------------


def files(line: str, folder: str | None = None, image: str = NODE) -> tuple[str, ...]:
    return PROGRAMS.files(program(image, line, current_directory=folder))


@pytest.mark.parametrize(
    ("line", "folder", "found"),
    [
        ('"C:\\Program Files\\nodejs\\node.exe" C:\\app\\x.js --port 1', None, ("c:\\app\\x.js",)),
        ('node "C:\\my app\\x.mjs"', None, ("c:\\my app\\x.mjs",)),
        ("node x.js", "C:\\app\\", ("c:\\app\\x.js",)),
        ("node x.js", None, ("x.js",)),
        ("node .\\sub\\x.js", "C:\\app", ("c:\\app\\sub\\x.js",)),
        ("node ..\\x.js", "C:\\app\\sub\\", ("c:\\app\\x.js",)),
        ("node ..\\..\\..\\Users\\Public\\x.js", "C:\\Program Files\\v\\", ("c:\\users\\public\\x.js",)),
        ("node ../lib/x.js", "/opt/v/bin", ("/opt/v/lib/x.js",)),
        ("node \\temp\\x.js", "C:\\Program Files\\v\\", ("\\temp\\x.js",)),
        ("node ~\\x.js", "C:\\Program Files\\v\\", ("~\\x.js",)),
        ("node d:x.js", "C:\\Program Files\\v\\", ("d:x.js",)),
        ("python -m pytest", "C:\\app", ()),
        ("python https://a.example/x.py", "C:\\app", ()),
        ("rundll32 C:\\a\\b.dll,Entry", None, ("c:\\a\\b.dll",)),
        ("cmd /c C:\\a\\b.bat arg", None, ("c:\\a\\b.bat",)),
        ("x a.ps1;b.py,c.txt", "C:\\a", ("c:\\a\\a.ps1", "c:\\a\\b.py")),
        ("node x.js x.js", "C:\\a", ("c:\\a\\x.js",)),
        ("node x.jsx", "C:\\a", ()),
        ("wscript x.js.", "C:\\a", ("c:\\a\\x.js",)),
        ("wscript C:\\a\\x.js... //B", None, ("c:\\a\\x.js",)),
        ("wmic os get /format:x.xsl", "C:\\a", ("c:\\a\\x.xsl",)),
        ("regsvr32 /s /i:x.sct scrobj.dll", "C:\\a", ("c:\\a\\x.sct", "c:\\a\\scrobj.dll")),
        ("powershell -File:sub\\x.ps1", "C:\\a", ("c:\\a\\sub\\x.ps1",)),
        ("wscript a.txt:x.js", "C:\\a", ("c:\\a\\a.txt:x.js",)),
        ("wscript C:\\a\\a.txt:x.js", None, ("c:\\a\\a.txt:x.js",)),
        ("mshta javascript:f(x.js)", "C:\\a", ("javascript:f(x.js",)),
        ("curl www.a.example:8080/x.js", "C:\\a", ("www.a.example:8080/x.js",)),
        ("wscript \\\\?\\UNC\\tsclient\\c\\x.js", None, ("\\\\tsclient\\c\\x.js",)),
        ("wscript \\\\host@SSL\\DavWWWRoot\\x.js", None, ("\\\\host@ssl\\davwwwroot\\x.js",)),
        ("wscript \\\\?\\C:\\Users\\Public\\x.js", None, ("c:\\users\\public\\x.js",)),
        ("wscript %PUBLIC%\\x.js", "C:\\a", ("%public%\\x.js",)),
        ("bash -c 'cat </tmp/x.sh'", None, ("/tmp/x.sh",)),
    ],
)
def test_files(line: str, folder: str | None, found: tuple[str, ...]) -> None:
    assert files(line, folder) == found


def test_scripts_are_files_without_libraries() -> None:
    found = program(CMD, "cmd /c C:\\a\\b.bat C:\\a\\c.dll C:\\a\\d.vbs")
    assert PROGRAMS.files(found) == ("c:\\a\\b.bat", "c:\\a\\c.dll", "c:\\a\\d.vbs")
    assert PROGRAMS.scripts(found) == ("c:\\a\\d.vbs",)


def test_paths_are_in_path_form() -> None:
    found: Program = program("C:/Windows/SYSTEM32/../System32/cmd.exe")
    assert found.path == path_form(CMD)
    assert found.windows
