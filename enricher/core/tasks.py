"""Two ceilings: tasks and helpers that an installation itself runs, so that ordinary software is not graded like an intruder.

Source: "Ceilings" of the severity model (docs/severity.md). Never applied to a renamed or masquerading program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from enricher.core.commands import encoded
from enricher.core.paths import folder_of, glob, paths_in
from enricher.core.programs import Program, Programs

_REACHES_OUT = re.compile(r"https?:|script:|\$\{?env:|(?<![\w:])\\\\[\w.]", re.IGNORECASE)
_VARIABLE = re.compile(r"%(?!(?:windir|systemroot|programfiles[^%]*)%)[^%\s]{1,64}%", re.IGNORECASE)
_SHELL_COM = "shell32.dll,shcreatelocalserverrundll"
_UPDATE = glob(r"c:\users\*\appdata\local\{*,*\*}\update.exe")
_HELPER_REFUSED = ("http:", "https:", "downloadfile", "-update", ":\\programdata\\", "\\users\\")
_SCHEDULER = re.compile(r"-s\s+schedule\b", re.IGNORECASE)
_SYSTEM32 = "c:\\windows\\system32\\"


def verified_task(program: Program, parent: Program | None, programs: Programs) -> str | None:
    """Why this is a task of the installation itself; None where it is not, or where that cannot be told.

    A bare library of rundll32 counts as System32's; any other relative name lies in CurrentDirectory.
    """
    if program.path is None or parent is None or not programs.places.protected(program.path):
        return None
    if _leaves_the_installation(program, programs):
        return None
    files = programs.files(program, libraries_in=_SYSTEM32 if program.known_as == "rundll32" else None)
    if any(not folder_of(path) or not programs.places.protected(path) for path in files):
        return None
    return _started_by_windows(program, parent, files) or _vendor_agent(parent, files, programs)


def _leaves_the_installation(program: Program, programs: Programs) -> bool:
    line = program.line
    if _REACHES_OUT.search(line) or _VARIABLE.search(line) or encoded(line, program.known_as or ""):
        return True
    return any(not path.startswith("%") and not programs.places.protected(path) for path in paths_in(line))


def _started_by_windows(program: Program, parent: Program, files: Sequence[str]) -> str | None:
    service_host = parent.path == _SYSTEM32 + "svchost.exe"
    if service_host and files and _SCHEDULER.search(parent.line):
        return "the task scheduler runs a protected script"
    serves = program.known_as == "rundll32" and _SHELL_COM in program.line.lower().replace(" ", "")
    if service_host and serves and "dcomlaunch" in parent.line.lower():
        return "a COM server of the shell"
    return "compatibility telemetry" if parent.path == _SYSTEM32 + "compattelrunner.exe" else None


def _vendor_agent(parent: Program, files: Sequence[str], programs: Programs) -> str | None:
    if not files or parent.path is None or not programs.places.protected(parent.path):
        return None
    for name in (parent.name, parent.original_name):
        if programs.named_class(name) not in {None, "agent"} or (name and name in programs.browser_names):
            return None
        if programs.group("system_parents", name) or programs.group("elevators", name):
            return None
    return "a protected vendor program runs its own protected script"


def helper_at_home(program: Program, programs: Programs) -> bool:
    """An updater where its installer put it, told to do nothing else; what it was told must be known."""
    if program.path is None or not program.line or not _is_helper(program.path, programs):
        return False
    arguments = _arguments(program).lower().replace("/", "\\")
    return not any(refused in arguments for refused in _HELPER_REFUSED)


def _is_helper(path: str, programs: Programs) -> bool:
    defender = "\\windows defender\\" in path and path.endswith("\\mpcmdrun.exe") and programs.places.at_home(path)
    return defender or path == _SYSTEM32 + "wuauclt.exe" or _UPDATE.match(path) is not None


def _arguments(program: Program) -> str:
    """The command line behind the image."""
    line = program.line.strip()
    if line.startswith('"'):
        return line[1:].partition('"')[2]
    base = (program.path or "").rpartition("\\")[2]
    at = line.lower().find(base)
    return line[at + len(base) :] if at >= 0 else line.partition(" ")[2]
