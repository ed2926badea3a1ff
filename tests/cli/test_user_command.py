"""`enricher user`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from werkzeug.security import check_password_hash

from enricher.cli import main
from enricher.settings import read_settings
from tests.store.fakes import Clock, Estate

PASSWORD = "correct horse battery"


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["user", *arguments], input=typed)


def test_the_line_is_one_that_the_settings_take_and_the_password_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("hash", "m.alvarez", "analyst", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0
    assert PASSWORD not in done.output
    monkeypatch.setenv("ENRICHER_USERS", done.stdout)
    [account] = read_settings().users
    assert (account.name, account.role) == ("m.alvarez", "analyst")
    assert check_password_hash(account.hash, PASSWORD)


def test_a_password_from_a_file_without_its_line_break(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    done = run("hash", "anna", "viewer", "--password-file", str(tmp_path / "password"))
    assert check_password_hash(done.stdout.strip().split(":", 2)[2], PASSWORD)


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("anna", "viewer"), "short\nshort\n", "a password has 12 to 1,024 characters"),
        (("anna", "viewer"), f"{'x' * 1025}\n" * 2, "a password has 12 to 1,024 characters"),
        (("an:na", "viewer"), f"{PASSWORD}\n" * 2, "the account needs one of the roles"),
        (("anna k", "viewer"), f"{PASSWORD}\n" * 2, "the account needs a name of at most 64"),
        (("loopback", "viewer"), f"{PASSWORD}\n" * 2, "none of ours"),
        (("anna", "root"), "", "'root' is not one of"),
    ],
)
def test_what_is_no_account(arguments: tuple[str, str], typed: str, said: str) -> None:
    done = run("hash", *arguments, typed=typed)
    assert done.exit_code != 0
    assert said in done.stderr
    assert "scrypt:" not in done.output


def test_every_session_of_one_account_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables_in_sqlite: Callable[[Path], str]
) -> None:
    url = tables_in_sqlite(tmp_path / "enricher.db")
    monkeypatch.setenv("ENRICHER_DATABASE_URL", url)
    store = Estate(url, Clock(datetime(2100, 1, 1, tzinfo=UTC))).open()
    store.sessions.begin("1", "anna:5e", timedelta(hours=1))
    store.sessions.begin("2", "bo:5e", timedelta(hours=1))
    store.close()

    assert run("log-out", "anna").stdout == "1 session of anna ended\n"

    store = Estate(url, Clock(datetime(2100, 1, 1, tzinfo=UTC))).open()
    assert (store.sessions.name("1"), store.sessions.name("2")) == (None, "bo:5e")
    store.close()
