"""What a program is: its class, whether it is what it says, and the files its command line names.

Both the image's name and its OriginalFileName are looked up; the class with more points wins. Verified means name *and*
folder. Source: the process and identity tables of the severity model (docs/severity.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from enricher.core.paths import PATHS, Places, folder_of, glob, name_of, path_form, without_urls
from enricher.core.rules import Rules

SCRIPT = "js|jse|mjs|cjs|vbs|vbe|wsf|wsh|hta|ps1|psm1|py|pyw|pyz|jar|sct|chm|cpl|xsl|sh|pl|rb|php|lua"
LIBRARY = "dll|bat|cmd"
_NAME_ENDS = r"(?=\.{0,8}(?:[\s\"'),;]|$))"
"""Where a file's name ends in a line; dots at its end are none of it, as Windows sees it."""
_ENDS = re.compile(rf"(.*?\.(?:exe|com|scr|{SCRIPT}|{LIBRARY})){_NAME_ENDS}", re.IGNORECASE | re.DOTALL)
_IS_SCRIPT = re.compile(rf"\.(?:{SCRIPT})\Z", re.IGNORECASE)
_IS_RUNNABLE = re.compile(rf"\.(?:{SCRIPT}|{LIBRARY})\Z", re.IGNORECASE)
_IN_WORD = r"[^\s\"'<>|,;*=]"
_RELATIVE = re.compile(rf"(?<!{_IN_WORD}){_IN_WORD}+\.(?:{SCRIPT}|{LIBRARY}){_NAME_ENDS}", re.IGNORECASE)
_SWITCH = re.compile(r"[-/]\w{1,16}:(?=.)")
_STREAM = re.compile(r"[^:\\/]+\.[^:\\/.]+:[^:\\/]+")
_BARE_LIBRARY = re.compile(r"[^\\/:~]+\.dll", re.IGNORECASE)
_DOUBLE = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|jpe?g|png|gif|txt|zip)\s*\.(?:exe|scr|com|jse?|vb|vbs|vbe|hta|cpl|wsf)\Z|\s\s\s\.\w{2,4}\Z"
)
_HIDDEN_END = re.compile(rf"\s{{3}}\.(?:{SCRIPT})(?=[\"'])", re.IGNORECASE)
_RIGHT_TO_LEFT = "\u202e"
_WINDOWS = re.compile(r"[a-z]:\\|\\")
_NO_LETTER_OR_DIGIT = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running program as far as its event 1 (or its child's) shows it. `path` is in path form."""

    path: str | None
    name: str | None
    """The image's name."""
    original_name: str | None
    known_as: str | None
    """The name that gave the class, so that a renamed shell is still a shell; else the image's."""
    kind: str
    """The process class."""
    points: float
    line: str
    current_directory: str | None = None
    version_info: Mapping[str, str | None] = field(default_factory=dict)
    verified_browser: bool = False

    @property
    def windows(self) -> bool:
        """The path is a Windows path."""
        return self.path is not None and _WINDOWS.match(self.path) is not None


@dataclass(frozen=True)
class Programs:
    """Questions about programs, answered from `config/catalog/`."""

    rules: Rules

    @cached_property
    def places(self) -> Places:
        return Places(self.rules.folders)

    @cached_property
    def _class_of(self) -> dict[str, str]:
        table: dict[str, str] = {}
        for kind, names in self.rules.processes.classes.items():
            for name in names:
                table.setdefault(name, kind)
        return table

    @cached_property
    def browser_names(self) -> frozenset[str]:
        return frozenset(name for browser in self.rules.browsers for name in browser.names)

    @cached_property
    def _browser_folders(self) -> dict[str, re.Pattern[str]]:
        folders: dict[str, list[str]] = {}
        for browser in self.rules.browsers:
            for name in browser.names:
                folders.setdefault(name, []).extend(browser.folders)
        return {name: glob(*patterns) for name, patterns in folders.items()}

    def group(self, name: str, member: str | None) -> bool:
        """`member` is in the name group `name` of lineage.yml."""
        if member is None:
            return False
        return glob(*self.rules.lineage[name]).match(member) is not None

    def group_path(self, name: str, path: str | None) -> bool:
        """`path` is in the path group `name` of lineage.yml."""
        return path is not None and glob(*self.rules.lineage[name]).match(path) is not None

    def family(self, name: str) -> str:
        """The one name that stands for all names of a program."""
        return self.rules.processes.families.get(name, name)

    def program(
        self,
        *,
        image: str | None,
        line: str | None = None,
        current_directory: str | None = None,
        version_info: Mapping[str, str | None] | None = None,
        ancestors: Iterable[str] = (),
    ) -> Program:
        """Work out what runs. `ancestors` are the names of the processes above, for tools that cron starts."""
        info = version_info or {}
        path = path_form(image) if image else None
        original = info.get("original_file_name")
        name, original_name = name_of(image or "") or None, name_of(original or "") or None
        verified = self._verified_browser(name, path, original_name)
        above = tuple(ancestors)
        ranked = [
            (self._points(kind, candidate), candidate, kind)
            for candidate in (name, original_name)
            if candidate and (kind := self._kind(candidate, path, line or "", above, verified=verified)) is not None
            if kind != "agent"
            or self._class_of.get(name or "") == "agent"  # an OriginalFileName alone makes nothing an agent
        ]
        best: tuple[float, str | None, str] | None = max(ranked, key=lambda entry: entry[0], default=None)
        if best is None:
            elsewhere = path is not None and self.places.away(path)
            points = self.rules.severity.process["other_elsewhere" if elsewhere else "other"]
            best = (points, name, "other")
        return Program(
            path=path,
            name=name,
            original_name=original_name,
            known_as=best[1],
            kind=best[2],
            points=best[0],
            line=line or "",
            current_directory=current_directory,
            version_info=info,
            verified_browser=verified,
        )

    def named_class(self, name: str | None) -> str | None:
        """The class that a name alone has; None for a name in no table."""
        return self._class_of.get(name) if name else None

    def _kind(self, name: str, path: str | None, line: str, ancestors: Sequence[str], *, verified: bool) -> str | None:
        lowered = line.lower() if name in {"wmic", "msiexec"} else ""
        if name == "wmic" and "/format:" in lowered:
            return "script_host"
        if name == "msiexec" and ("http:" in lowered or "https:" in lowered):
            return "downloader"
        if name in {"curl", "wget"} and any(self.group("cron", a) for a in ancestors):
            return "downloader"
        if name in self.browser_names and verified:
            return "browser"
        kind = self._class_of.get(name)
        return None if kind == "agent" and not (path and self.places.at_home(path)) else kind

    def _points(self, kind: str, name: str) -> float:
        policy = self.rules.severity
        if kind == "runtime" or kind in {"transfer", "tunnel"}:
            return policy.process_by_name.get(name, policy.process[kind])
        return policy.process[kind]

    # --- identity ---------------------------------------------------------------------------------------------------

    def _verified_browser(self, name: str | None, path: str | None, original_name: str | None) -> bool:
        if name is None or path is None or not self.in_browser_folder(name, path):
            return False
        if original_name is not None:
            return self.family(original_name) == self.family(name)
        return _WINDOWS.match(path) is None or self.places.protected(path)

    def in_browser_folder(self, name: str, path: str) -> bool:
        """The browser of that name lives in that path's folder."""
        folders = self._browser_folders.get(name)
        return folders is not None and folders.match(path) is not None

    def renamed(self, program: Program) -> str | None:
        """What the program really is, where its OriginalFileName says so; None where it does not."""
        original, name = program.original_name, program.name
        if original is None or name is None or self.family(original) == self.family(name) or self._carrier(original):
            return None
        if original in self._class_of or original in self.browser_names or original in self.rules.processes.system_names:
            return original
        away = program.path is not None and self.places.away(program.path)
        differ = _NO_LETTER_OR_DIGIT.sub("", original)[:5] != _NO_LETTER_OR_DIGIT.sub("", name)[:5]
        return original if away and not self._carrier(name) and differ else None

    def _carrier(self, name: str) -> bool:
        return glob(*self.rules.processes.carriers).match(name) is not None

    def masquerade(self, program: Program) -> str | None:
        """`browser_outside` or `system_outside`; None where the program is where its name belongs."""
        if program.name is None or program.path is None or not folder_of(program.path):
            return None
        if program.name in self.browser_names and not self.in_browser_folder(program.name, program.path):
            return "browser_outside"
        if program.name in self.rules.processes.system_names and program.windows:
            home = glob(*self.rules.processes.system_folders).match(program.path)
            return None if home else "system_outside"
        return None

    def double_extension(self, program: Program) -> str | None:
        """The file name that pretends to be a document, or hides its end; None where there is none."""
        if _RIGHT_TO_LEFT in (program.path or "") or _RIGHT_TO_LEFT in program.line:
            return "right-to-left override"
        for path in (program.path, *self.scripts(program)):
            name = path[len(folder_of(path)) :] if path else ""
            if _DOUBLE.search(name):
                return name
        return "blanks before an extension" if _HIDDEN_END.search(program.line) else None

    def no_version(self, program: Program) -> bool:
        """A Windows program away from home whose delivered version fields are all empty."""
        if not program.windows or program.path is None or not self.places.away(program.path):
            return False
        info = program.version_info
        return {"company", "original_file_name"} <= info.keys() and not any(info.values())

    # --- files ------------------------------------------------------------------------------------------------------

    def files(self, program: Program, *, libraries_in: str | None = None) -> tuple[str, ...]:
        """Scripts and libraries that the command line names, in path form; a relative name is joined to CurrentDirectory, a
        bare library to `libraries_in` where that is given.
        """
        absolute: list[str] = []

        def keep_tail(found: re.Match[str]) -> str:
            cut = _ENDS.match(found[0])
            absolute.append(path_form(cut[1] if cut else found[0]))
            return f" {found[0][cut.end() :]}" if cut else " "

        rest = PATHS.sub(keep_tail, without_urls(program.line))
        relative = [
            _joined(libraries_in if libraries_in and _BARE_LIBRARY.fullmatch(word) else program.current_directory, word)
            for word in _RELATIVE.findall(rest)
        ]
        return tuple(dict.fromkeys(path for path in (*absolute, *relative) if _IS_RUNNABLE.search(path)))

    def scripts(self, program: Program) -> tuple[str, ...]:
        """Of `files`, the scripts."""
        return tuple(path for path in self.files(program) if _IS_SCRIPT.search(path))


def _joined(folder: str | None, word: str) -> str:
    """A relative name in path form, joined to the folder where that is known. One below a drive's root, a home folder or
    another drive's folder lies elsewhere, and where that is stays open.
    """
    switch = _SWITCH.match(word)
    word = word[switch.end() :] if switch else word
    if not folder or word.startswith(("\\", "/", "~")) or (":" in word and not _STREAM.fullmatch(word)):
        return path_form(word)
    return path_form(f"{folder}\\{word}".replace("/", "\\") if _WINDOWS.match(path_form(folder)) else f"{folder}/{word}")
