"""What is wrong with a payload template before Sumo Logic finds out, or nobody does.

A template is JSON with variables inside its strings. Beside the variables it is asked of the service's own reader: filled with
sample values, what would it be taken for? A template also stands inside the body of a REST call, and in a Terraform file, where it
is found by the name of its argument. Source: Sumo Logic's documentation, "Set Up Webhook Connections" and "Alert Variables".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from typing import Literal

from enricher.core.fields import fold
from enricher.core.kit.payloads import Template, templates_of
from enricher.core.kit.variables import LEGACY, VARIABLES, WITH_FIELD, Sender, Use, fill, uses
from enricher.core.payload import read
from enricher.errors import PayloadError
from enricher.model import Kind

Level = Literal["error", "note"]
MOST_VARIABLES, MOST_OPEN = 1_000, 20
"""Of one template; of braces that do not close no more are told of."""
MOST_HEADERS = 5
"""Headers of one's own beside `Authorization`."""

_KNOWN = {name.lower(): name for name in (*VARIABLES, *LEGACY)}
_HEADERS = re.compile(r"\b(?:custom_)?headers\s*=\s*\{[^{}]*(?:\$\{[^{}]*\}[^{}]*)*\}")
_PAIR = re.compile(r'"?(?P<name>[\w-]+)"?\s*[=:]\s*"(?P<value>(?:[^"\\]|\\.)*)"')
_OPEN = re.compile(r"\{\{(?![^{}]*\}\})")
_ROWS = frozenset({"resultsjson", "aggregateresultsjson", "rawresultsjson"})
_LINK = "alertresponseurl"
_SAMPLE_ROW = '[{"_sourcehost":"ws-1.corp.example","event_id":"22","dest_hostname":"a.b.workers.dev","Count":1}]'
_SAMPLES = {name: f"a {name}" for name in (*VARIABLES, *LEGACY)} | {
    "ResultsJson": _SAMPLE_ROW,
    "AggregateResultsJson": _SAMPLE_ROW,
    "RawResultsJson": "[]",
    "NumQueryResults": "1",
    "NumRawResults": "0",
    "Id": "000000000005B2C7",
    "TriggerTimeStart": "1773324030000",
    "TriggerTimeEnd": "1773324930000",
    "TriggerTimeRange": "03/12/2026 02:00:30 PM UTC to 03/12/2026 02:15:30 PM UTC",
    "QueryURL": "https://service.sumologic.com/ui/#/search/1",
    "SourceURL": "https://service.sumologic.com/ui/#/alerts/1",
    "AlertResponseUrl": "https://service.sumologic.com/ui/#/alert/0000000001A2B3C4",
}
_NO_ROWS = {"ResultsJson": "", "AggregateResultsJson": "", "RawResultsJson": "", "NumQueryResults": "0"}
_WHAT = {
    Kind.RECOVERY: "a recovery",
    Kind.TEST: "a test of the connection",
    Kind.HEARTBEAT: "a heartbeat",
    Kind.CANARY: "a canary",
}


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """One thing about a line, counted from 1. An `error` loses something; a `note` is good to know."""

    line: int
    level: Level
    text: str


def lint(text: str, *, sender: Sender | None = None) -> tuple[Remark, ...]:
    """Everything there is to say about a file, in the order of its lines: of the one template that it is, or of all those in it.

    `sender` says who fills it; without one, its own `kind` does, else a monitor. Never raises for anything a file holds.
    """
    found, headers = templates_of(text), tuple(_headers(text))
    if not found:
        return (Remark(1, "error", "no payload in it: neither an object of JSON nor an argument such as default_payload"),)
    remarks = {replace(remark, line=one.line(remark.line)) for one in found for remark in _template(one, sender)}
    return tuple(sorted({*remarks, *headers}))


def lint_query(text: str) -> tuple[Remark, ...]:
    """Where a search makes a field with the name of a variable, whose value it would take."""
    return tuple(
        Remark(
            number, "error", f"the field {name} has the name of {{{{{VARIABLES_BY[name.lower()]}}}}} and takes its place"
        )
        for number, line in enumerate(text.splitlines(), start=1)
        for name in _made(line)
        if name.lower() in VARIABLES_BY
    )


def lint_headers(headers: Sequence[str]) -> tuple[Remark, ...]:
    """What is wrong with headers as `Name: value`. No value is repeated: it may be a secret."""
    remarks = []
    for number, header in enumerate(headers, start=1):
        name, colon, value = header.partition(":")
        if not colon or not name.strip() or not value.strip():
            remarks.append(Remark(number, "error", "a header is Name: value"))
        elif "," in header:
            remarks.append(Remark(number, "error", f"a comma in the header {_shown(name)}: commas separate headers"))
    own = [header for header in headers if not header.lower().startswith("authorization:")]
    if len(own) > MOST_HEADERS:
        said = f"{len(own)} headers beside Authorization; a connection has {MOST_HEADERS}"
        remarks.append(Remark(MOST_HEADERS + 1, "error", said))
    return tuple(sorted(remarks))


def _headers(text: str) -> Iterator[Remark]:
    """The headers of a Terraform file that a comma would end."""
    for block in _HEADERS.finditer(text):
        for found in _PAIR.finditer(block[0]):
            if "," in found["value"]:
                line = _line(text, block.start() + found.start())
                yield Remark(line, "error", f"a comma in the header {_shown(found['name'])}: commas separate headers")


VARIABLES_BY = {name.lower(): name for name in VARIABLES}


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text.strip())[:60]


# --- a search's fields ----------------------------------------------------------------------------------------------

_GROUP = re.compile(r"\(\?P?<(\w+)>")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|/(?:[^/\\]|\\.)+/')
_AS = re.compile(r"\bas\s+(\w+(?:\s*,\s*\w+)*)", re.IGNORECASE)
_BARE_JSON = re.compile(r'\bjson\s+(?:field=\w+\s+)?("[^"]*"(?:\s*,\s*"[^"]*")*)(?!.*\bas\b)', re.IGNORECASE)


def _made(line: str) -> Iterator[str]:
    """The names of the fields that a line of a search makes."""
    yield from _GROUP.findall(line)
    for names in _AS.findall(_STRING.sub('""', line)):
        yield from re.split(r"\s*,\s*", names)
    for paths in _BARE_JSON.findall(line):
        yield from (path.rpartition(".")[2] for path in re.findall(r'"([^"]*)"', paths))


# --- one template ---------------------------------------------------------------------------------------------------


def _template(one: Template, said: Sender | None) -> Iterator[Remark]:
    text = one.text
    sender = said or one.sender or _sender(text)
    found = list(islice(uses(text), MOST_VARIABLES + 1))
    if len(found) > MOST_VARIABLES:
        yield Remark(1, "error", f"more than {MOST_VARIABLES:,} variables")
        return
    outside = {use.begins for use in _outside(text, found)}
    for opened in islice(_OPEN.finditer(text), MOST_OPEN):
        yield Remark(_line(text, opened.start()), "error", "braces that do not close: a variable is {{Name}}")
    for use in found:
        yield from _variable(text, use, sender, unquoted=use.begins in outside)
    broken = _broken(text, found, outside)
    if broken:
        yield broken
        return
    if not outside:
        yield from _read_as(one, sender, {use.folded for use in found})


def _sender(text: str) -> Sender:
    """What the template says of itself."""
    found = re.search(r'"kind"\s*:\s*"([^"{}]*)"', text)
    searches = re.search(r"\{\{(?:SearchName|FireTime|AggregateResultsJson|RawResultsJson)\}\}", text, re.IGNORECASE)
    by_search = found and fold(found[1]) in {"scheduledsearch", "heartbeat"}
    return "scheduled-search" if by_search or searches else "monitor"


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _outside(text: str, found: Iterable[Use]) -> Iterator[Use]:
    """The variables that stand in no string."""
    begins = {use.begins: use for use in found}
    quoted = escaped = False
    for at, char in enumerate(text):
        if at in begins and not quoted:
            yield begins[at]
        if char == '"' and not escaped:
            quoted = not quoted
        escaped = char == "\\" and quoted and not escaped


def _variable(text: str, use: Use, sender: Sender, *, unquoted: bool) -> Iterator[Remark]:
    line, written = _line(text, use.begins), f"{{{{{_shown(use.name)}}}}}"
    if unquoted:
        yield Remark(line, "error", f'{written} stands outside quotes: write "{written}", also for rows and numbers')
    problem = _unknown(use, written) or _of_another(use, written, sender) or _field(use, written)
    if problem:
        yield Remark(line, "error", problem)
    elif use.name != use.name.strip():
        yield Remark(line, "note", f"blanks inside the braces of {written}: whether they are taken is not documented")
    elif use.folded == "alertgroup":
        yield Remark(line, "note", f"{written} may come empty: it is documented for playbooks, not for webhooks")


def _unknown(use: Use, written: str) -> str | None:
    if use.folded in _KNOWN:
        return None
    near = get_close_matches(use.folded, _KNOWN, n=1, cutoff=0.5)
    return f"{written} is no variable" + (f"; did you mean {{{{{_KNOWN[near[0]]}}}}}?" if near else "")


def _of_another(use: Use, written: str, sender: Sender) -> str | None:
    name = _KNOWN[use.folded]
    legacy = LEGACY.get(name)
    if legacy is None:
        return None if sender in VARIABLES[name] else f"{written} is not filled by a {sender.replace('-', ' ')}"
    if sender in legacy.of:
        return None
    who = "a logs monitor" if sender == "monitor" else "a scheduled search"
    return f"{written} is an old name that {who} does not fill" + (
        f"; {{{{{legacy.instead}}}}} does" if legacy.instead else ""
    )


def _field(use: Use, written: str) -> str | None:
    if use.field is None:
        return "a field is missing: {{Results.field}}" if use.folded == "results" else None
    if use.folded not in WITH_FIELD:
        return f"{written} has no fields"
    return None if use.is_of_field else f"a field of {written} is made of letters, digits, _ and blanks"


# --- JSON, and what the reader makes of it --------------------------------------------------------------------------


def _broken(text: str, found: Sequence[Use], outside: set[int]) -> Remark | None:
    """Why it is no JSON before it is filled. A variable without quotes has been told of already, and counts as a value here."""
    for use in reversed([use for use in found if use.begins in outside]):
        text = text[: use.begins] + "0" + " " * (use.ends - use.begins - 1) + text[use.ends :]
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        return Remark(error.lineno, "error", f"no JSON before it is filled: {error.msg.lower()} in column {error.colno}")
    except (RecursionError, ValueError):
        return Remark(1, "error", "no JSON before it is filled: nested too deep, or a number that is too long")
    return None if isinstance(document, dict) else Remark(1, "error", "no object of JSON")


def _read_as(one: Template, sender: Sender, used: set[str]) -> Iterator[Remark]:
    """What the service's reader makes of the template: unfilled, as a test sends it, and filled."""
    kind, rows, refused = _kind(one.text)
    if used and kind is not Kind.TEST:
        yield Remark(1, "error", f"a test of the connection would be taken for {_what(kind, rows) or refused}")
    kind, rows, refused = _filled(one, used)
    if kind is None:
        yield Remark(1, "error", f"the service cannot read it: {refused}")
        return
    yield Remark(1, "note", f"read as {_what(kind, rows)}")
    if kind is Kind.MONITOR and not rows:
        yield Remark(1, "error", "it carries no rows: {{ResultsJson}} is in none of the keys that are read as rows")
    if sender == "monitor" and kind in {Kind.MONITOR, Kind.RECOVERY} and _LINK not in used:
        yield Remark(1, "error", "no {{AlertResponseUrl}}: a recovery cannot be matched with its alert")


def _filled(one: Template, used: set[str]) -> tuple[Kind | None, int, str]:
    """With rows where it takes any; where it takes none, as a recovery, which has none."""
    values = dict(_SAMPLES, TriggerType="Critical")
    if one.recovers or used.isdisjoint(_ROWS):
        values |= _NO_ROWS | {"TriggerType": "ResolvedCritical"}
    return _kind(fill(one.text, values))


def _kind(body: str) -> tuple[Kind | None, int, str]:
    try:
        alert = read(body.encode())
    except PayloadError as error:
        return None, 0, str(error)
    return alert.kind, len(alert.rows), ""


def _what(kind: Kind | None, rows: int) -> str:
    if kind is None:
        return ""
    return _WHAT.get(kind) or f"an alert of a {kind.value.replace('_', ' ')} with {rows} row{'' if rows == 1 else 's'}"
