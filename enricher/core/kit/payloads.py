"""Where payload templates stand in a file: a file that is one, the body of a REST call, a Terraform file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

from enricher.core.kit.variables import Sender

_IN_REST = ("defaultPayload", "resolutionPayload", "payloadOverride", "resolutionPayloadOverride", "payload")
_IN_TERRAFORM = "default_payload|resolution_payload|payload_override|resolution_payload_override|payload"
_HEREDOC = re.compile(
    rf"^[ \t]*(?P<name>{_IN_TERRAFORM})[ \t]*=[ \t]*<<(?P<folds>-?)[ \t]*(?P<mark>\w+)[ \t]*\n(?P<text>.*?)^[ \t]*(?P=mark)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_QUOTED = re.compile(rf'^[ \t]*(?P<name>{_IN_TERRAFORM})[ \t]*=[ \t]*"(?P<text>(?:[^"\\\n]|\\.)*)"', re.MULTILINE)
_REST_TEXT = re.compile(r'"(?P<name>\w+)"\s*:\s*"(?P<text>(?:[^"\\]|\\.)*)"')
_BLOCK = re.compile(r"\bwebhook_search_notification\b")
_LITERAL = (("$${", "${"), ("%%{", "%{"))


@dataclass(frozen=True, slots=True)
class Template:
    """One template. `first` is the line of the file on which it begins; `folded`: it stands on that one line. `recovers`: it is sent
    when an alert ends; `sender` where its place says who fills it.
    """

    text: str
    first: int = 1
    folded: bool = False
    recovers: bool = False
    sender: Sender | None = None

    def line(self, number: int) -> int:
        """The line of the file for a line of the template."""
        return self.first if self.folded else self.first + number - 1


def templates_of(text: str) -> tuple[Template, ...]:
    """The templates of a file. A file that is nothing else is one."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if not stripped.startswith(("{", "[")):
        return tuple(_of_terraform(text))
    return tuple(_of_rest(text)) or (Template(text),)


def _of_rest(text: str) -> Iterator[Template]:
    """The payloads that are text inside JSON; a template's own `"payload": {…}` is none."""
    for found in _REST_TEXT.finditer(text):
        if found["name"] in _IN_REST and (inner := _unquoted(found["text"])).lstrip().startswith("{"):
            yield _template(inner, found["name"], _line(text, found.start()), by_search=found["name"] == "payload")


def _of_terraform(text: str) -> Iterator[Template]:
    searches = [found.start() for found in _BLOCK.finditer(text)]
    for pattern in (_HEREDOC, _QUOTED):
        for found in pattern.finditer(text):
            folded = pattern is _QUOTED
            inner = _unquoted(found["text"]) if folded else dedent(found["text"])
            for written, meant in _LITERAL:
                inner = inner.replace(written, meant)
            by_search = found["name"] == "payload" and any(at < found.start() for at in searches)
            line = _line(text, found.start("text"))
            yield _template(inner, found["name"], line, by_search=by_search, folded=folded)


def _template(text: str, name: str, line: int, *, by_search: bool, folded: bool = True) -> Template:
    sender: Sender | None = "scheduled-search" if by_search else None
    return Template(text, line, folded=folded, recovers=name.lower().startswith("resolution"), sender=sender)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except json.JSONDecodeError:
        return text


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
