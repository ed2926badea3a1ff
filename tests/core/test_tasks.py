"""The two ceilings: what they hold for, and every refusal."""

from __future__ import annotations

from base64 import b64encode

import pytest

from enricher.core.programs import Program
from enricher.core.tasks import helper_at_home, verified_task
from tests.fakes import (
    EXPLORER,
    NODE,
    POWERSHELL,
    SCHEDULER,
    SVCHOST,
    SYSTEM32,
    asked,
    connected,
    graded,
    packaged_programs,
    points,
    program,
    started,
)

PROGRAMS = packaged_programs()
SCHEDULE = program(SVCHOST, SCHEDULER)
RUNDLL32 = f"{SYSTEM32}rundll32.exe"
SCRIPT = "C:\\Program Files\\Vendor\\x.ps1"
SENSOR = program("C:\\Program Files\\Acme\\sensor.exe")


def task(line: str, parent: Program | None = SCHEDULE, image: str = POWERSHELL, **more: str) -> str | None:
    return verified_task(program(image, line, **more), parent, PROGRAMS)


@pytest.mark.parametrize(
    ("line", "parent", "image"),
    [
        pytest.param(f'powershell -File "{SCRIPT}"', SCHEDULE, POWERSHELL, id="a task runs a protected script"),
        pytest.param("rundll32 shell32.dll,Entry", SCHEDULE, RUNDLL32, id="a bare library is System32's"),
        pytest.param("rundll32 C:\\Windows\\System32\\x.dll,Entry", SCHEDULE, RUNDLL32, id="a library of System32"),
        pytest.param(
            "rundll32 shell32.dll,SHCreateLocalServerRunDll {clsid}",
            program(SVCHOST, f"{SVCHOST} -k DcomLaunch -p"),
            RUNDLL32,
            id="a COM server of the shell",
        ),
        pytest.param(
            "powershell -c x", program(f"{SYSTEM32}CompatTelRunner.exe"), POWERSHELL, id="compatibility telemetry"
        ),
        pytest.param(
            'python "C:\\Program Files\\Acme\\p.py"', SENSOR, "C:\\Program Files\\Acme\\python.exe", id="a vendor agent"
        ),
        pytest.param('node "C:\\Program Files\\Acme\\p.js"', SENSOR, NODE, id="a vendor agent runs a runtime elsewhere"),
        pytest.param(
            "python3 /opt/acme/p.py", program("/opt/acme/sensor"), "/usr/bin/python3", id="a vendor agent on Linux"
        ),
    ],
)
def test_verified_tasks(line: str, parent: Program, image: str) -> None:
    assert task(line, parent, image) is not None
    assert task(line, None, image) is None, "no parent known"
    assert task(line, parent, "C:\\Users\\r\\AppData\\Local\\Temp\\x.exe") is None, "image not protected"


BLOB = b64encode("whoami /all".encode("utf-16-le")).decode()


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("http://a.example", id="http"),
        pytest.param("HTTPS://a.example", id="https"),
        pytest.param("script:x", id="script"),
        pytest.param(f"-enc {BLOB}", id="encoding"),
        pytest.param("FromBase64String($x)", id="decoding"),
        pytest.param("A" * 120, id="a long run of base64"),
        pytest.param("\\\\server\\share\\x", id="a share"),
        pytest.param("$env:TEMP\\x", id="an environment variable of PowerShell"),
        pytest.param("${env:TEMP}\\x", id="the same in braces"),
        pytest.param("%APPDATA%\\x", id="an environment variable"),
        pytest.param("C:\\Users\\r\\x.txt", id="a path that is not protected"),
        pytest.param("C:\\Users\\r\\x.ps1", id="a second script that is not protected"),
        pytest.param("x.ps1", id="a bare script, folder not known"),
        pytest.param("..\\..\\Users\\r\\x.ps1", id="a relative script, folder not known"),
    ],
)
def test_verified_tasks_refused_by_the_line(more: str) -> None:
    assert task(f'powershell -File "{SCRIPT}" {more}') is None


@pytest.mark.parametrize("variable", ["%windir%", "%SystemRoot%", "%ProgramFiles%", "%ProgramFiles(x86)%"])
def test_variables_of_windows_itself_are_no_refusal(variable: str) -> None:
    assert task(f'powershell -File "{SCRIPT}" {variable}') is not None


@pytest.mark.parametrize(
    ("folder", "name", "expected"),
    [
        ("C:\\Program Files\\Vendor\\", "x.ps1", True),
        ("C:\\Program Files\\Vendor\\", "sub\\x.ps1", True),
        ("C:\\Program Files\\Vendor\\", "..\\x.ps1", True),
        ("C:\\Program Files\\Vendor\\", "..\\..\\Tools\\x.ps1", False),
        ("C:\\Program Files\\Vendor\\", "\\Tools\\x.ps1", False),
        ("C:\\Program Files\\Vendor\\", "~\\x.ps1", False),
        ("C:\\Program Files\\Vendor\\", "d:x.ps1", False),
        ("C:\\Users\\r\\", "x.ps1", False),
        ("C:\\Windows\\Temp\\", "x.ps1", False),
    ],
)
def test_a_relative_script_lies_in_its_folder(folder: str, name: str, *, expected: bool) -> None:
    assert (task(f"powershell -File {name}", current_directory=folder) is not None) is expected


@pytest.mark.parametrize(
    ("line", "folder", "expected"),
    [
        pytest.param("rundll32 x.dll,Run", None, True, id="bare: System32 is searched first"),
        pytest.param("rundll32 x.dll,Run", "C:\\Users\\r\\", True, id="bare, in a folder of one's own"),
        pytest.param("rundll32 .\\x.dll,Run", "C:\\Users\\r\\", False, id="here, and here is not protected"),
        pytest.param("rundll32 sub\\x.dll,Run", "C:\\Users\\r\\", False, id="below a folder of one's own"),
        pytest.param("rundll32 ..\\x.dll,Run", None, False, id="folder not known"),
        pytest.param("rundll32 C:\\Users\\r\\x.dll,Run", None, False, id="a whole path"),
        pytest.param("rundll32 C:\\Users\\r\\x.dll Run", None, False, id="a whole path and a blank"),
        pytest.param("rundll32 x.js", None, False, id="a bare script"),
    ],
)
def test_the_library_of_rundll32(line: str, folder: str | None, *, expected: bool) -> None:
    found = verified_task(program(RUNDLL32, line, current_directory=folder), SCHEDULE, PROGRAMS)
    assert (found is not None) is expected


@pytest.mark.parametrize(
    "parent",
    [
        pytest.param(program(SVCHOST, f"{SVCHOST} -k netsvcs -s BITS"), id="another service"),
        pytest.param(program("C:\\Users\\Public\\svchost.exe", SCHEDULER), id="another svchost"),
        pytest.param(program(EXPLORER), id="a person"),
        pytest.param(program(None), id="a parent without an image"),
        pytest.param(program("C:\\Users\\r\\sensor.exe"), id="a vendor that is not protected"),
        pytest.param(program(f"{SYSTEM32}cmd.exe"), id="a shell"),
        pytest.param(program("C:\\Program Files\\Acme\\sensor.exe", original="PowerShell.EXE"), id="a renamed shell"),
        pytest.param(program("C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe"), id="a browser"),
        *(
            pytest.param(program(f"{SYSTEM32}{name}.exe"), id=name)
            for name in (
                "wmiprvse",
                "wsmprovhost",
                "winrshost",
                "services",
                "w3wp",
                "sqlservr",
                "mmc",
                "userinit",
                "fodhelper",
            )
        ),
    ],
)
def test_verified_tasks_refused_by_the_parent(parent: Program) -> None:
    assert task(f'powershell -File "{SCRIPT}"', parent) is None


def test_a_task_names_a_file() -> None:
    assert task("powershell -c Get-Date") is None
    assert task("python -m agent", SENSOR, "C:\\Program Files\\Acme\\python.exe") is None


@pytest.mark.parametrize("image", [POWERSHELL, NODE])
def test_only_rundll32_is_a_com_server_of_the_shell(image: str) -> None:
    launcher = program(SVCHOST, f"{SVCHOST} -k DcomLaunch -p")
    line = "x shell32.dll,SHCreateLocalServerRunDll"
    assert task(line, launcher, image, current_directory=SYSTEM32) is None
    assert task(line, launcher, RUNDLL32, current_directory=SYSTEM32) is not None


# --- helpers --------------------------------------------------------------------------------------------------------

UPDATE = "C:\\Users\\r\\AppData\\Local\\Acme\\Update.exe"
DEFENDER = "C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18\\MpCmdRun.exe"


@pytest.mark.parametrize(
    ("image", "line", "expected"),
    [
        (UPDATE, f"{UPDATE} --checkForUpdate", True),
        (UPDATE, f'"{UPDATE}" --processStart x', True),
        ("C:\\Users\\r\\AppData\\Local\\Acme\\App\\Update.exe", "Update.exe", True),
        ("C:\\Users\\r\\AppData\\Local\\Update.exe", "Update.exe", False),
        ("C:\\Users\\r\\AppData\\Local\\a\\b\\c\\Update.exe", "Update.exe", False),
        ("C:\\Users\\r\\AppData\\Roaming\\Acme\\Update.exe", "Update.exe", False),
        (DEFENDER, "MpCmdRun.exe SignatureUpdate", True),
        ("C:\\Program Files\\Windows Defender\\MpCmdRun.exe", "MpCmdRun.exe -x", True),
        ("C:\\Users\\r\\Windows Defender\\x\\MpCmdRun.exe", "MpCmdRun.exe", False),
        (f"{SYSTEM32}wuauclt.exe", "wuauclt.exe /detectnow", True),
        ("C:\\Users\\r\\wuauclt.exe", "wuauclt.exe", False),
        (f"{SYSTEM32}certutil.exe", "certutil.exe", False),
        (None, "Update.exe", False),
    ],
)
def test_helpers_at_home(image: str | None, line: str, *, expected: bool) -> None:
    assert helper_at_home(program(image, line), PROGRAMS) is expected


@pytest.mark.parametrize(
    "argument",
    [
        "http://x",
        "HTTPS://x",
        "-DownloadFile",
        "--update",
        "-update",
        "C:\\ProgramData\\x",
        "C:/ProgramData/x",
        "C:\\Users\\r\\x",
        "\\\\?\\C:\\Users\\r",
    ],
)
@pytest.mark.parametrize("image", [UPDATE, DEFENDER, f"{SYSTEM32}wuauclt.exe"])
def test_helpers_refused_by_an_argument(image: str, argument: str) -> None:
    assert helper_at_home(program(image, f'"{image}" {argument}'), PROGRAMS) is False
    assert helper_at_home(program(image, f"{image} {argument}"), PROGRAMS) is False


# --- in the grade ---------------------------------------------------------------------------------------------------


def taken(image: str, line: str, **more: object) -> dict[str, float]:
    contact = {"image": image}
    return points(graded(started(image, line, **more), asked(**contact), connected(**contact))[0].ledger)


def test_a_ceiling_replaces_the_class() -> None:
    under = {"parent": SVCHOST, "parent_line": SCHEDULER}
    assert taken(POWERSHELL, f'powershell -File "{SCRIPT}"', **under) == {"platform.score": 30, "process.verified_task": 5}
    assert taken(POWERSHELL, "powershell -File C:\\x\\y.ps1", **under)["process.shell"] == 15
    assert taken(UPDATE, UPDATE)["process.helper_at_home"] == 5


def test_a_ceiling_raises_nothing() -> None:
    agent = "C:\\Program Files\\Elastic\\elastic-agent.exe"
    under = {"parent": "C:\\Program Files\\Elastic\\service.exe"}
    found = graded(started(agent, f'"{agent}" "C:\\Program Files\\Elastic\\x.dll"', **under), asked(image=agent))[0]
    step = next(s for s in found.ledger if s["step"] == "process")
    assert (step["rule"], step["points"]) == ("process.verified_task", 0)


@pytest.mark.parametrize("original", ["wscript.exe", "MSHTA.EXE"])
def test_no_ceiling_for_what_hides(original: str) -> None:
    info = {"version_info": {"original_file_name": original}}
    found = taken(POWERSHELL, f'powershell -File "{SCRIPT}"', parent=SVCHOST, parent_line=SCHEDULER, **info)
    assert found["process.script_host"] == 25
    assert found["identity.renamed"] == 30
