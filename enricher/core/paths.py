r"""Paths as attackers and loggers write them, folded into one form, and the folders that say something about a program.

*Path form*: lower case; `/` becomes `\` where the path begins with a drive letter or `%`, or has a `\` and does not begin with
`/`; `\\?\`, `\\.\` and `\??\` gone; `\systemroot\`, `\device\harddiskvolumeN\`, network devices and the short names of known
folders written out; `.`, `..` and doubled separators resolved; what Windows ignores at the end of a name, and Linux's
` (deleted)`, cut off.
Variables stay as they are. A name without a folder is neither at home nor outside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from enricher.core.remembered import LONGEST, remembered
from enricher.core.rules import Folders

_PYTHONS = re.compile(r"(?:python(?:w|[23](?:\.\d+)?)?|pyw?)")
_SUFFIXES = (".exe", ".com", ".scr")
_DRIVE = re.compile(r"[a-z]:")
_NAMESPACE = re.compile(r"\\(?:\\[?.]|\?\?)\\(?:globalroot\\)?")
_DISK = re.compile(r"\\device\\harddiskvolume\d+\\")
_NETWORK = re.compile(r"\\device\\(?:mup|lanmanredirector|webdavredirector|rdpdr)\\(?:;[^\\]*\\)*")
_SYSTEM_ROOT = "\\systemroot\\"
_DELETED = " (deleted)"
_SHORT_NAMES = {
    "progra~1": "program files",
    "progra~2": "program files (x86)",
    "progra~3": "programdata",
    "downlo~1": "downloads",
    "startm~1": "start menu",
    "inetca~1": "inetcache",
    "$recyc~1.bin": "$recycle.bin",
}
"""What a fresh Windows calls the folders that mean something here. Any other short name stays: what it stands for is not known."""

_PATH_START = r"""(?:[a-z]:[\\/]|\\\\|%[a-z0-9_()]+%\\|(?<![^\s"'=:(])/[\w.+-]+/)"""
_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>|]*", re.IGNORECASE)
PATHS = re.compile(rf"""{_PATH_START}(?:(?!\s{_PATH_START})(?![a-z]:[\\/])[^"'<>|,;*])*""", re.IGNORECASE)


@remembered(8192)
def path_form(path: str) -> str:
    """Fold a path; see the module's docstring. Never raises; an empty path stays empty."""
    form = path.strip().strip('"').lower()
    if form.startswith("/"):
        separator, form = "/", form.removesuffix(_DELETED)
    elif "\\" in form or form.startswith("%") or _DRIVE.match(form):
        separator, form = "\\", _without_namespace(form.replace("/", "\\"))
    else:
        separator = "/"
    head = "\\\\" if form.startswith("\\\\") else separator if form.startswith(separator) else ""
    first = form.partition(separator)[0]
    parts = _resolved(form.split(separator), fixed=2 if head == "\\\\" else 1 if _DRIVE.fullmatch(first) else 0)
    if parts and (separator == "\\" or (not head and len(parts) == 1)):  # of Windows, or a name alone
        last = parts[-1].rstrip(". ") or parts[-1]
        parts[-1] = _SHORT_NAMES.get(last, last)
    return head + separator.join(parts)


def _without_namespace(form: str) -> str:
    r"""A Windows path without the prefixes that only say how it is to be looked up; `\??\unc\` is a server's."""
    prefix = _NAMESPACE.match(form)
    if prefix:
        form = form[prefix.end() :]
        if form.startswith("unc\\"):
            return "\\\\" + form.removeprefix("unc\\")
        form = form if _DRIVE.match(form) else f"\\{form}"
    if form.startswith(_SYSTEM_ROOT):
        return "c:\\windows\\" + form.removeprefix(_SYSTEM_ROOT)
    if disk := _DISK.match(form):
        return "c:\\" + form[disk.end() :]
    network = _NETWORK.match(form)
    return "\\\\" + form[network.end() :] if network else form


def _resolved(parts: list[str], *, fixed: int) -> list[str]:
    """Parts without `.`, `..` and empty ones; `..` does not climb above the first `fixed`, a drive or a server's share."""
    kept: list[str] = []
    for part in parts:
        if part == "..":
            del kept[max(fixed, len(kept) - 1) :]
        elif part not in {"", "."}:
            kept.append(_SHORT_NAMES.get(part, part))
    return kept


def folder_of(form: str) -> str:
    """The folder of a path in path form, with its last separator; empty for a bare name."""
    cut = form.rfind("/") if form.startswith("/") else max(form.rfind("\\"), form.rfind("/"))
    return form[: cut + 1]


@remembered(8192)
def name_of(path: str) -> str:
    """A program's name: last part, lower case, one `.exe`, `.com` or `.scr` removed; every python is `python`."""
    form = path_form(path)
    name = form[len(folder_of(form)) :]
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            name = name[: -len(suffix)]
            break
    return "python" if _PYTHONS.fullmatch(name) else name


def without_urls(line: str) -> str:
    """A command line with its URLs cut out, so that their paths are not taken for files."""
    return _URL.sub(" ", line)


@remembered(2048)
def paths_in(line: str) -> tuple[str, ...]:
    r"""The absolute paths in a command line, in path form, arguments behind them included.

    A path begins at a drive letter, `\\`, `%NAME%\` or `/word/` and ends before a quote, one of `<>|,;*` or the next path.
    """
    return tuple(path_form(found) for found in PATHS.findall(without_urls(line)))


@lru_cache(maxsize=512)
def glob(*patterns: str) -> re.Pattern[str]:
    """One anchored expression for several globs in path form: `**` any depth, `*` one part, `!a` one that is not `a`, `?` one
    character, `{a,b}` either.
    """
    return re.compile("|".join(f"(?:{_translate(pattern)})" for pattern in patterns) or r"(?!)", re.DOTALL)


_GLOB_TOKEN = re.compile(r"\*\*[\\/]|\*\*|(?<![^\\/])![^*?{},\\/]+|[*?{},]|[^*?{},\\/]+[\\/]?|[\\/]")
_GLOB_MEANING = {"**": ".*", "*": r"[^\\/]*", "?": r"[^\\/]", "{": "(?:", "}": ")", ",": "|"}


def _translate(pattern: str) -> str:
    """A comma outside braces does not occur in our globs."""
    return "".join(_meaning(token) for token in _GLOB_TOKEN.findall(pattern)) + r"\Z"


def _meaning(token: str) -> str:
    if token in {"**\\", "**/"}:
        return rf"(?:.*{re.escape(token[-1])})?"
    if token.startswith("!"):
        return rf"(?!{re.escape(token[1:])}(?:[\\/]|\Z))[^\\/]+"
    return _GLOB_MEANING.get(token) or re.escape(token)


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of `config/catalog/folders.yml`, ready to ask. Every question takes a path in path form."""

    folders: Folders

    def protected(self, form: str) -> bool:
        """An ordinary user cannot write there."""
        return _in(self.folders.protected, form) and not _in(self.folders.protected_except, form)

    def at_home(self, form: str) -> bool:
        """Where installers put programs."""
        return self.protected(form) or _in(self.folders.usual, form)

    def away(self, form: str) -> bool:
        """Not at home, and known not to be: a bare name is neither."""
        return bool(folder_of(form)) and not self.at_home(form)

    def writable(self, form: str) -> bool:
        """Where droppers write."""
        return _in(self.folders.writable, form)

    def more(self, form: str) -> bool:
        """A weaker sign: people work there too."""
        return _in(self.folders.more, form) and not _in(self.folders.more_except, form)


def _in(patterns: tuple[str, ...], form: str) -> bool:
    return _in_kept(patterns, form) if len(form) <= LONGEST else glob(*patterns).match(form) is not None


@lru_cache(maxsize=16384)
def _in_kept(patterns: tuple[str, ...], form: str) -> bool:
    return glob(*patterns).match(form) is not None
