"""`enricher dead-letters`, over a database in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.store import Store
from tests.store.fakes import Clock, Estate, document, settle, submission


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables_in_sqlite: Callable[[Path], str]) -> Iterator[Store]:
    """A database with two dead alerts and a dead delivery."""
    url = tables_in_sqlite(tmp_path / "enricher.db")
    monkeypatch.setenv("ENRICHER_DATABASE_URL", url)
    made = Estate(url, Clock(datetime(2100, 1, 1, tzinfo=UTC))).open()
    made.inbox.accept(submission("x", dead_reason="not_json: line 1\u202e"))
    made.inbox.accept(submission("y", dead_reason="bad_rows: row 3"))
    settle(made, "a", document())
    [delivery] = made.outbox.claim("jira", 1)
    made.outbox.bury(delivery, "invalid", "400: Authorization: Bearer abcdef0123456789abcdef")
    yield made
    made.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["dead-letters", *arguments])


def listed(*arguments: str) -> list[dict[str, object]]:
    found = run("list", "--json", *arguments)
    assert found.exit_code == 0
    documents: list[dict[str, object]] = json.loads(found.stdout)
    return documents


def test_the_list_says_what_why_and_what_was_answered_last() -> None:
    shown = run("list").stdout
    ids = [letter["id"] for letter in listed()]
    since = "2100-01-01 00:00:00Z"
    headings, *lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert headings == "id where reason since attempts about answered last"
    assert lines == [
        f"{ids[0]} alert bad_rows {since} 0 9 bytes from sumo row 3",
        f"{ids[1]} alert not_json {since} 0 9 bytes from sumo line 1\\u202e",
        f"{ids[2]} jira invalid {since} 1 case case-1 400: Authorization: Bearer [masked]",
    ]
    assert "… more: --limit 2" in run("list", "--limit", "1").stdout


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        ((), ["bad_rows: row 3", "not_json: line 1\u202e", "invalid"]),
        (("--kind", "delivery"), ["invalid"]),
        (("--reason", "bad_rows"), ["bad_rows: row 3"]),
        (("--destination", "jira"), ["invalid"]),
        (("--destination", "slack"), []),
    ],
)
def test_the_list_is_narrowed_down(arguments: tuple[str, ...], reasons: list[str]) -> None:
    letters = listed(*arguments)
    assert [letter["reason"] for letter in letters] == reasons
    assert all(letter["since"] and letter["type"] for letter in letters)


def test_one_is_shown_and_an_alerts_body_only_when_asked_for() -> None:
    alert, delivery = listed("--reason", "not_json")[0]["id"], listed("--kind", "delivery")[0]["id"]
    assert "body of x" not in run("show", str(alert)).stdout
    assert run("show", str(alert), "--body").stdout == "body of x"
    assert json.loads(run("show", str(delivery), "--json").stdout)["case"] == "case-1"
    for arguments in ((str(delivery), "--body"), ("nothing",)):
        found = run("show", *arguments)
        assert (found.exit_code, found.stdout) == (1, "")


def test_some_are_tried_again_and_those_that_are_not_there_are_named(store: Store) -> None:
    alert = str(listed("--reason", "not_json")[0]["id"])
    found = run("retry", alert, "nothing")
    assert (found.exit_code, found.stdout, found.stderr) == (
        1,
        "1 on their way again\n",
        "nothing: no dead letter; enricher dead-letters list names them\n",
    )
    assert [claim.alert_id for claim in store.inbox.claim(5)] == [alert]


def test_all_of_a_reason_are_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enricher.store.dead_letters.MOST_AT_ONCE", 1)
    for name in "bc":
        store.inbox.accept(submission(name, dead_reason="bad_rows: row 3"))
    assert run("retry", "--all", "--reason", "bad_rows").stdout == "3 on their way again\n"
    assert json.loads(run("retry", "--all", "--reason", "invalid", "--destination", "jira", "--json").stdout) == {
        "retried": 1
    }
    assert [letter["reason"] for letter in listed()] == ["not_json: line 1\u202e"]
    assert run("retry", "--all", "--reason", "nothing").stdout == "0 on their way again\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("--all",), ("--reason", "invalid"), ("X1", "--all", "--reason", "invalid"), ("X1", "--reason", "invalid")],
    ids=" ".join,
)
def test_what_is_to_be_tried_again_is_said_one_way(arguments: tuple[str, ...]) -> None:
    assert run("retry", *arguments).exit_code == 2
    assert len(listed()) == 3


def test_discarding_needs_a_name() -> None:
    delivery = str(listed("--kind", "delivery")[0]["id"])
    assert run("discard", delivery).exit_code == 2
    assert run("discard", delivery, "--by", " ").exit_code == 2
    assert run("discard", delivery, "--by", "anna", "--why", "by hand").stdout == f"{delivery} is discarded by anna\n"
    assert run("discard", delivery, "--by", "anna").exit_code == 1
    assert listed("--kind", "delivery") == []
