"""Whose child: each of the up to four links parent → child, nearest first, against the lineage rules.

The largest positive and the largest negative rule count, not the sum of all. A missing parent gives nothing and is said to be
missing. Source: the lineage table of the severity model (docs/severity.md), name groups in config/catalog/lineage.yml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from enricher.core.commands import one_liner
from enricher.core.paths import paths_in, without_urls
from enricher.core.programs import Program, Programs

_RUN = {"script_host", "lolbin", "downloader", "shell"}
_SCHEDULER = re.compile(r"-s\s+schedule\b", re.IGNORECASE)
_INSTALLS = re.compile(
    r"(?:npm-cli\.js|npx-cli\.js|\byarn(?:\.js)?|\bpnpm(?:\.cjs)?)[\"']?\s+(?:install|i|ci|add|update|up|rebuild)\b",
    re.IGNORECASE,
)
_HOOK = re.compile(r"preinstall|postinstall", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://", re.IGNORECASE)
_CODE_SWITCH = re.compile(r"\s-[ecp]\b")
_VENDOR = re.compile(r"(c:\\program files(?: \(x86\))?\\[^\\]+\\|/opt/[^/]+/)")


@dataclass(frozen=True, slots=True)
class Kinship:
    """One lineage rule that fits one link."""

    rule: str
    parent: Program
    child: Program

    @property
    def evidence(self) -> str:
        """`EXCEL → mshta`, by the names that count."""
        return f"{self.parent.known_as or 'unknown'} → {self.child.known_as or 'unknown'}"


def kinships(process: Program, ancestors: Sequence[Program], programs: Programs) -> list[Kinship]:
    """Every rule that fits, nearest link first; the grade takes the largest of each sign."""
    found: list[Kinship] = []
    chain = [process, *ancestors]
    for child, parent in pairwise(chain):
        if child.name is not None and parent.name is not None:
            rules = _rules(parent, child, programs, nearest=child is process)
            found += [Kinship(rule, parent, child) for rule in rules]
    return found + _around(process, ancestors, programs)


def _rules(parent: Program, child: Program, programs: Programs, *, nearest: bool) -> Iterator[str]:
    yield from _documents_and_servers(parent, child, programs)
    yield from _windows(parent, child, programs)
    yield from _people(parent, child, programs)
    if nearest and child.verified_browser and _foreign(parent, programs):
        yield "browser_foreign_parent"
    if _management(parent, programs) and programs.group("management_children", child.known_as):
        yield "management"


def _documents_and_servers(parent: Program, child: Program, programs: Programs) -> Iterator[str]:
    name, group = parent.known_as, programs.group
    if (parent.kind == "office" or group("office_parents", name)) and child.kind in _RUN:
        yield "office_child"
    shell = _server(parent, programs) and child.kind in {"shell", "transfer"}
    if shell:
        yield "server_shell"
    elif group("server_any", name) and not group("server_ordinary_children", child.known_as):
        yield "server_any"
    if (name in programs.browser_names or group("archivers", name)) and child.kind == "script_host":
        yield "browser_child"
    runs = child.kind in {"shell", "script_host", "lolbin"} or group("lolbin_children", child.known_as)
    if group("lolbin_parents", name) and child.known_as != name and runs:
        yield "lolbin_child"


def _windows(parent: Program, child: Program, programs: Programs) -> Iterator[str]:
    name, group = parent.known_as, programs.group
    if group("wmi_parents", name) and not group("wmi_ordinary_children", child.known_as):
        yield "wmi_child"
    if _scheduled(parent, child, programs):
        yield "task_writable" if _in_writable(child, programs) else "task_other"
    serviced = child.kind in {"shell", "runtime", "script_host"} or group("service_children", child.known_as)
    if group("services", name) and serviced:
        yield "service_child"
    if child.kind in {"shell", "script_host"}:
        if group("winrm_parents", name):
            yield "winrm_child"
        if group("elevators", name):
            yield "elevated_child"


def _people(parent: Program, child: Program, programs: Programs) -> Iterator[str]:
    name, group = parent.known_as, programs.group
    if group("no_network", child.known_as) and not group("no_network_usual_parents", name):
        yield "no_network_app"
    if group("explorer", name):
        if group("explorer_scripts", child.known_as) and (_URL.search(child.line) or _script_in_writable(child, programs)):
            yield "explorer_script"
        if group("explorer_shells", child.known_as) and one_liner(child.line, child.known_as or ""):
            yield "explorer_one_liner"
    installs = _INSTALLS.search(parent.line) or _HOOK.search(child.line)
    if group("hook_parents", name) and group("hook_children", child.known_as) and installs:
        yield "install_hook"
    installer = group("installers", name) and not group("installers_not", name)
    if installer and child.kind in {"runtime", "transfer"}:
        yield "installer_child"


def _server(parent: Program, programs: Programs) -> bool:
    if programs.group("servers", parent.known_as):
        return True
    words = programs.rules.lineage["server_java_words"]
    return programs.group("server_java", parent.known_as) and any(word in parent.line.lower() for word in words)


def _scheduled(parent: Program, child: Program, programs: Programs) -> bool:
    if parent.known_as == "svchost" and _SCHEDULER.search(parent.line):
        return child.kind in _RUN or child.kind == "runtime"
    return programs.group("cron", parent.known_as) and child.kind in {"shell", "runtime", "transfer", "downloader"}


def _in_writable(child: Program, programs: Programs) -> bool:
    places = programs.places
    return any(
        places.writable(path) or places.more(path)
        for path in (child.path, *paths_in(child.line), *programs.files(child))
        if path
    )


def _script_in_writable(child: Program, programs: Programs) -> bool:
    return any(programs.places.writable(path) or programs.places.more(path) for path in programs.scripts(child))


def _foreign(parent: Program, programs: Programs) -> bool:
    """Known, and not at home."""
    return parent.path is not None and programs.places.away(parent.path)


def _management(parent: Program, programs: Programs) -> bool:
    if programs.group_path("management_any_paths", parent.path):
        return True
    return programs.group("management", parent.known_as) and programs.group_path("management_paths", parent.path)


# --- rules over the whole chain -------------------------------------------------------------------------------------


def _around(process: Program, ancestors: Sequence[Program], programs: Programs) -> list[Kinship]:
    found: list[Kinship] = []
    if process.kind in {"runtime", "shell", "transfer"} and known_tool(process, programs):
        for ancestor in ancestors:
            if ancestor.path is None:
                continue
            at_home = programs.places.at_home(ancestor.path)
            if programs.group("ides", ancestor.known_as) and at_home:
                found.append(Kinship("ide", ancestor, process))
            if programs.group("ci_agents", ancestor.known_as) and (
                at_home or programs.group_path("ci_paths", ancestor.path)
            ):
                found.append(Kinship("ci", ancestor, process))
    chain = [process, *ancestors]
    for child, service, starter in zip(chain, chain[1:], chain[2:], strict=False):
        if programs.group("vendor_starters", starter.known_as) and _same_vendor(child, service, programs):
            found.append(Kinship("vendor_service", service, child))
    return found


def _same_vendor(child: Program, service: Program, programs: Programs) -> bool:
    if child.kind not in {"runtime", "shell"} or service.path is None or child.path is None:
        return False
    if programs.group_path("vendor_not_paths", service.path):
        return False
    vendor = _VENDOR.match(service.path)
    return vendor is not None and child.path.startswith(vendor[1])


def known_tool(process: Program, programs: Programs) -> bool:
    """The process's own line runs a known developer tool, and not inline code with a URL."""
    if _CODE_SWITCH.search(process.line) and _URL.search(process.line):
        return False
    line = without_urls(process.line)
    lineage = programs.rules.lineage
    groups = (lineage["known_tools"], lineage["known_tool_scripts"], lineage["known_tool_modules"])
    return _known_tools(*groups).search(line) is not None


@lru_cache(maxsize=8)
def _known_tools(tools: tuple[str, ...], scripts: tuple[str, ...], modules: tuple[str, ...]) -> re.Pattern[str]:
    tool, script, module = ("|".join(map(re.escape, names)) for names in (tools, scripts, modules))
    expression = rf"(?:[\\/](?:(?:{tool})(?:\.c?js)?|{script})(?=[\s\"']|$)|\s-m\s+(?:{module})\b)"
    return re.compile(expression, re.IGNORECASE)
