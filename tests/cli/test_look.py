"""How output looks: tables that fit, blocks where they do not, plain lines in a file, nothing from a log obeyed."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime

import pytest
from rich.text import Text

from enricher.cli import look

HEADINGS = ("key", "host", "why", "rows")
ROWS = (
    ("enricher-2412d6c5edbed00f", "wks-042.corp.example", "a window without a connection " * 2, 7),
    ("enricher-0000000000000000", "srv-1", "short", 12),
)
ESCAPES = "\x1b]0;owned\x07\x1b[31m\r\u202ered\u2066\x9b2J\n2026-11-24 forged"


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Out:
    """What was printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._read = capsys, ""

    def getvalue(self) -> str:
        self._read += self._capsys.readouterr().out
        return self._read


@pytest.fixture(autouse=True)
def out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Out:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    return Out(capsys)


def lines(out: Out) -> list[str]:
    return [line.rstrip() for line in out.getvalue().splitlines()]


def listed() -> None:
    look.listing(look.console(), HEADINGS, ROWS, numbers={"rows"})


def test_into_a_file_a_row_is_one_line(out: Out) -> None:
    listed()
    assert len(lines(out)) == 3
    assert lines(out)[2].split() == ["enricher-0000000000000000", "srv-1", "short", "12"]


def test_a_wide_terminal_shows_a_table(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    listed()
    assert lines(out) == [
        "key                        host                  why                                                           rows",
        "enricher-2412d6c5edbed00f  wks-042.corp.example  a window without a connection a window without a connection      7",
        "enricher-0000000000000000  srv-1                 short                                                           12",
    ]


def test_one_of_80_columns_folds_the_longest_cells_and_keeps_keys_whole(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed()
    shown = lines(out)
    assert max(map(len, shown)) <= 80
    assert shown[0].split() == list(HEADINGS)
    assert [line.split()[0] for line in shown if line.startswith("enricher-")] == [row[0] for row in ROWS]
    assert len(shown) > 3


def test_a_narrow_one_shows_a_block_for_each_row(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    listed()
    assert lines(out)[0] == "enricher-2412d6c5edbed00f"
    assert lines(out)[-4:] == ["enricher-0000000000000000", "  host  srv-1", "  why   short", "  rows  12"]


@pytest.mark.parametrize(
    ("environment", "stream", "coloured"),
    [
        pytest.param({}, io.StringIO, False, id="a file"),
        pytest.param({"FORCE_COLOR": "1", "TERM": "xterm"}, io.StringIO, True, id="a file, asked for"),
        pytest.param({"TERM": "xterm-256color"}, Terminal, True, id="a terminal"),
        pytest.param({"TERM": "xterm-256color", "NO_COLOR": "1"}, Terminal, False, id="asked not to"),
        pytest.param({"TERM": "dumb"}, Terminal, False, id="a dumb terminal"),
    ],
)
def test_colour(
    environment: dict[str, str], stream: type[io.StringIO], *, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = stream()
    monkeypatch.setattr(sys, "stdout", made)
    look.listing(look.console(), ("state",), [(Text("high", "red"),)])
    assert ("\x1b[31m" in made.getvalue()) is coloured
    assert "high" in made.getvalue()


@pytest.mark.parametrize("columns", ["40", "200"])
def test_text_from_logs_is_shown_and_not_obeyed(columns: str, out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    look.listing(look.console(), ("a", "b"), [(ESCAPES, ESCAPES)], title=ESCAPES)
    look.facts(look.console(), {ESCAPES: [ESCAPES, {"x": ESCAPES}]})
    look.say(ESCAPES)
    shown = out.getvalue()
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert not any(line.startswith("2026") for line in lines(out) if columns == "200")
    assert "\\u001b" in shown
    assert "[bold]x[/bold]" in look.line("[bold]x[/bold]").plain


def test_markup_of_the_library_is_text(out: Out) -> None:
    look.say("[red]x[/red] :smile:")
    assert out.getvalue() == "[red]x[/red] :smile:\n"


def test_a_terminal_that_knows_only_ascii_gets_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    look.say("low → high … ✓ ü")
    assert raw.getvalue() == b"low -> high ... + ?\n"


def test_facts_leave_out_what_is_empty(out: Out) -> None:
    at = datetime(2026, 11, 24, 8, tzinfo=UTC)
    look.facts(look.console(), {"at": at, "none": None, "list": ["a", "b"], "nothing": [], "yes": True, "zero": 0})
    assert lines(out) == ["at    2026-11-24 08:00:00Z", "list  a, b", "yes   yes", "zero  0"]


def test_json_is_bytes_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    look.print_json({"at": datetime(2026, 11, 24, tzinfo=UTC), "ü": 1})
    assert raw.getvalue().decode().splitlines()[1] == '  "at": "2026-11-24T00:00:00Z",'
    assert json.loads(raw.getvalue())["ü"] == 1


@pytest.mark.parametrize(("stream", "term", "drawn"), [(Terminal, "xterm", True), (io.StringIO, "xterm", False), (Terminal, "dumb", False)])  # fmt: skip
def test_progress_is_only_for_those_who_look(
    stream: type[io.StringIO], term: str, *, drawn: bool, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "80")
    made = stream()
    monkeypatch.setattr(sys, "stderr", made)
    with look.progress("judging") as advance:
        advance(3, 7)
    assert ("3/7" in made.getvalue()) is drawn
    assert (made.getvalue() == "") is not drawn
    assert out.getvalue() == ""
