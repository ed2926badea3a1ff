"""How output looks: colour and width as the terminal has them, plain lines where there is none, and nothing from a log obeyed."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "blue", "informational": "dim"}
SIGNS = {"✓": "green", "!": "yellow", "✗": "red"}
UNBROKEN = 1_000
"""Columns, where nobody looks: a row of a table stays on one line of a file."""
GAP = 2
NARROWEST = 14
"""Columns that a cell may be folded to. Where even that does not fit, each row becomes a block of lines."""
_ONLY_ASCII = {"→": "->", "…": "...", "·": "-", "–": "-", "—": "-", "✓": "+", "✗": "x", "−": "-", "╸": "-"}
_REPLACED = "enricher-look"
_SHOWN_AS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


# --- the terminal ---------------------------------------------------------------------------------------------------


def console(*, err: bool = False, prose: bool = False) -> Console:
    """Standard output, or standard error, as it is now: NO_COLOR, FORCE_COLOR, TERM and COLUMNS are heeded.

    As wide as COLUMNS says, else as the terminal; into a file or a pipe no row of a table is broken, but `prose` is. A terminal that does not know a character is given the nearest in ASCII, or a question mark.
    """
    out = Console(highlight=False, markup=False, emoji=False, stderr=err)
    if not (prose or out.is_terminal or os.environ.get("COLUMNS", "").isdecimal()):
        out.width = UNBROKEN
    stream = sys.stderr if err else sys.stdout
    if out.options.ascii_only and isinstance(stream, io.TextIOWrapper):
        codecs.register_error(_REPLACED, _nearest)
        stream.reconfigure(errors=_REPLACED)
    return out


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """What is written instead of characters that an encoding has not."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ONLY_ASCII.get(char, "?") for char in error.object[error.start : error.end]), error.end


# --- text -----------------------------------------------------------------------------------------------------------


def plain(text: object, style: str = "") -> Text:
    """Text from logs, with control and direction characters shown instead of obeyed; a line's end stays one."""
    return Text("".join(char if char.isprintable() or char == "\n" else _shown(char) for char in str(text)), style)


def line(text: object, style: str = "") -> Text:
    """The same on one line: what comes from a log cannot look like a line of ours."""
    return Text("".join(char if char.isprintable() else _shown(char) for char in str(text)), style)


def _shown(char: str) -> str:
    return _SHOWN_AS.get(char, f"\\u{ord(char):04x}")


def say(text: object, *, err: bool = False, style: str = "") -> None:
    """One line, as long as it is."""
    console(err=err).print(line(text, style), soft_wrap=True)


def moment(at: datetime) -> str:
    """A time for a table: UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def print_json(document: object, *, indented: bool = True) -> None:
    """A document on standard output, in bytes: UTF-8 whatever the terminal, times with `Z`."""
    indent = orjson.OPT_INDENT_2 if indented else 0
    sys.stdout.buffer.write(orjson.dumps(document, option=indent | orjson.OPT_UTC_Z) + b"\n")


# --- tables and lists -----------------------------------------------------------------------------------------------


def listing(
    out: Console,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Collection[str] = (),
    title: str = "",
) -> None:
    """A table where it fits the terminal, its longest cells folded if need be; where that would not be read, a block for each row."""
    cells = [[cell if isinstance(cell, Text) else line(cell) for cell in row] for row in rows]
    if title:
        out.print(line(title, "bold"), soft_wrap=True)
    least = _least(headings, cells)
    if sum(least) > out.width:
        for row in cells:
            _block(out, headings, row)
        return
    table = Table(box=None, padding=(0, GAP, 0, 0), header_style="dim")
    for heading, narrowest in zip(headings, least, strict=True):
        justify: Literal["left", "right"] = "right" if heading in numbers else "left"
        table.add_column(line(heading), justify=justify, overflow="fold", min_width=narrowest - GAP)
    for row in cells:
        table.add_row(*row)
    out.print(table)


def _least(headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> list[int]:
    """How wide each column must be at least, the gap behind it included: a word of the first, as a key is, is not folded."""
    found = []
    for at, heading in enumerate(headings):
        widest = max([len(heading), *(row[at].cell_len for row in rows)])
        word = max((len(part) for row in rows for part in row[at].plain.split()), default=0)
        found.append(min(widest, max(NARROWEST, word if at == 0 else 0)) + GAP)
    return found


def _block(out: Console, headings: Sequence[str], row: Sequence[Text]) -> None:
    """A row as lines: its first cell, and below it the others by name."""
    first, *others = row
    out.print(Text.assemble(first, style="bold"), soft_wrap=True)
    facts(out, dict(zip(headings[1:], others, strict=True)), indent=2)


def facts(out: Console, named: Mapping[str, object], *, indent: int = 0) -> None:
    """Names and what they are, one below the other; what is empty is left out."""
    table = Table(box=None, show_header=False, padding=(0, GAP, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in named.items():
        text = value if isinstance(value, Text) else line(_written(value))
        if text.plain:
            table.add_row(line(" " * indent + name, "dim"), text)
    out.print(table)


def _written(value: object) -> str:
    """A value for a person: nothing for None, times to the second, lists by commas, and JSON for what holds names."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Mapping):
        return orjson.dumps(value, option=orjson.OPT_UTC_Z, default=str).decode()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_written, value))
    return str(value)


# --- long work ------------------------------------------------------------------------------------------------------

Advance = Callable[[int, int], None]
"""Told how much is done, and of how much."""


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """A bar on standard error for as long as it takes; where that is no terminal, nothing."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
