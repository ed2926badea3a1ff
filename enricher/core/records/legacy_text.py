"""Sumo Logic's installed collector in its legacy format: Windows' own text, `Key = "value";` lines around the message.

Quotes and backslashes are escaped where the text came by WMI, and not where it did not. The message is found from both ends: the
keys before it, and from the last line up those behind it, so that a command line that imitates keys forges none. Strings that
are listed before the message can: of a name the first counts, and two providers are none.
Sources: Sumo Logic's documentation, "Windows Legacy", sample log message; the message itself, see `message_text.py`.
"""

from __future__ import annotations

import re

from enricher.core import fields
from enricher.core.records import message_text
from enricher.core.records.record import Record
from enricher.errors import PayloadError

_HEAD = "instance of Win32_NTLogEvent"
START = re.compile(rf"\s*(?:{_HEAD}|\w+ = [^\n]*;[ \t\r]*\n)")
"""How such a text begins: with the class, or at once with a key."""
_KEY = re.compile(r"[ \t]*(\w{1,40}) = ([^\n]*);[ \t\r]*")
_MESSAGE = re.compile(r'[ \t]*Message = "')
_ESCAPED = re.compile(r'(?:[^\\]|\\["\\nrt])*')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "r": "\r", "t": "\t"}


def split(text: str) -> list[str]:
    """Cut a text into its records, where each begins with the class; else it is one."""
    first, *others = re.split(rf"(?m)^(?=[ \t]*{_HEAD})", text)
    return [piece for piece in (first, *others) if piece.strip()]


def read(text: str) -> Record:
    """Read one record. Raises PayloadError `unreadable` where it has no EventCode."""
    pairs, message = _parsed(text)
    keys = dict(reversed(pairs))  # the first of a name
    number = fields.number(keys.get("EventCode") or keys.get("EventIdentifier"))
    if number is None:
        raise PayloadError("unreadable", "legacy text without EventCode")
    providers = {value for name, value in pairs if name == "SourceName"}
    return Record(
        number,
        message_text.values(message, number),
        providers.pop() if len(providers) == 1 else None,
        keys.get("ComputerName") or keys.get("Computer"),
        keys.get("TimeGenerated"),
    )


def _parsed(text: str) -> tuple[list[tuple[str, str]], str]:
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if _MESSAGE.match(line)), len(lines))
    end = len(lines)
    while end > start + 1 and _is_of_the_frame(lines[end - 1]):
        end -= 1
    found = filter(None, map(_KEY.fullmatch, (*lines[:start], *lines[end:])))
    pairs = [(key[1], _plain(key[2].removeprefix('"').removesuffix('"'))) for key in found]
    return pairs, _message("\n".join(lines[start:end]))


def _is_of_the_frame(line: str) -> bool:
    return line.strip() in {"", "}", "};"} or _KEY.fullmatch(line) is not None


def _message(written: str) -> str:
    found = _MESSAGE.match(written)
    return _plain(written[found.end() :].rstrip().removesuffix(";").removesuffix('"')) if found else ""


def _plain(value: str) -> str:
    """Undo escaping where there is some: no backslash stands alone then, as it does in every path."""
    if "\\" not in value or not ("\\\\" in value or '\\"' in value) or _ESCAPED.fullmatch(value) is None:
        return value
    return _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[1]), value)
