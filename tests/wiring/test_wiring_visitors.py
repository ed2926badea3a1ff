"""Logging in to the application as it is wired, over a database in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import html as lxml_html
from werkzeug.security import generate_password_hash

from enricher.wiring import application

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html"}


@pytest.fixture
def clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables_in_sqlite: Callable[[Path], str]
) -> Callable[[], FlaskClient]:
    """A browser at a process of its own; all of them share one database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENRICHER_DATABASE_URL", tables_in_sqlite(tmp_path / "enricher.db"))
    monkeypatch.setenv("ENRICHER_USERS", f"anna:engineer:{generate_password_hash(PASSWORD)}")
    return lambda: application().web().test_client()


def form(client: FlaskClient, path: str, action: str) -> str:
    page: Any = lxml_html.document_fromstring(client.get(path, headers=HTML).get_data(as_text=True))
    [token] = page.xpath(f"//form[@action='{action}']//input[@name='form_token']/@value")
    return str(token)


def test_in_at_one_process_and_out_at_another(clients: Callable[[], FlaskClient]) -> None:
    one, other = clients(), clients()
    assert one.get("/audit", headers=HTML).location == "/login?next=/audit"
    data = {"form_token": form(one, "/login", "/login"), "name": "anna", "password": PASSWORD, "next": "/audit"}
    assert one.post("/login", data=data).location == "/audit"
    cookie = one.get_cookie("enricher_session")
    assert cookie is not None
    other.set_cookie("enricher_session", cookie.value)
    page: Any = lxml_html.document_fromstring(other.get("/audit", headers=HTML).get_data(as_text=True))
    assert [" ".join(cell.text_content() for cell in row[1:4]) for row in page.xpath("//tbody/tr")] == [
        "anna (account) logged in anna"
    ]
    assert other.post("/logout", data={"form_token": form(one, "/audit", "/logout")}).location == "/login"
    assert one.get("/audit", headers=HTML).status_code == 303
