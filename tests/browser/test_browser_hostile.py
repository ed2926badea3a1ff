"""Hostile text from logs, in every field that a page shows: seen as text, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, cast

import pytest
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from enricher.core.document import CaseDocument
from enricher.web import create_app
from tests.web.fakes import World as Fakes
from tests.web.fakes import alert_record, case_record, critical_document, delivery, source_record

pytestmark = pytest.mark.slow

SCRIPT = "<script>window.owned=1;alert(1)</script>"
PLANTED = (
    f"{SCRIPT}<img src=x onerror=alert(2)>\"'><svg onload=alert(3)><iframe src=javascript:alert(4)></iframe>"
    "{{7*7}}{%% raw %%}</title></textarea><!--\u202egnp.exe\u2066\x1b[31m"
)
LONG = PLANTED + "A" * 10_000
KEY = "hostile"
KEPT = {
    "severity",
    "raw_severity",
    "identity",
    "disposition",
    "state",
    "kind",
    "status",
    "class",
    "key",
    "verdict",
    "source",
}
"""Words of ours, from fixed lists, which a log cannot choose."""
PAGES: tuple[str, ...] = (
    "/",
    "/cases",
    f"/cases/{KEY}",
    f"/case-text/{KEY}",
    "/alerts/A1",
    "/deliveries",
    "/dead-letters",
    "/intake",
    "/drift",
)
PAGES += ("/cases?text=%3Cscript%3Ealert(1)%3C/script%3E", "/audit?item=%3Cimg%20src=x%20onerror=alert(1)%3E")
ELEMENTS = "script:not([src]), img, iframe, svg[onload], object, embed, base, [onerror], [onload], [onclick]"


def poisoned(value: Any, name: str = "") -> Any:
    """The same document with all its text replaced, as a log may have it; times, numbers and our own words stay."""
    if name in KEPT or name.endswith(("_at", "_seen", "_digest")):
        return value
    if isinstance(value, dict):
        return {key: poisoned(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, name) for inner in value]
    if isinstance(value, str) and name != "contacts":
        return LONG if name in {"command_line", "decoded"} else PLANTED
    return value


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    document = poisoned(critical_document()) | {"key": KEY}
    world = Fakes()
    sent = delivery("jira", "dead", reason="invalid", detail=PLANTED, label=PLANTED, url="javascript:alert(5)")
    record = case_record(cast("CaseDocument", document), deliveries=(sent,))
    assert {one.name for one in fields(record)} >= {"document", "deliveries"}
    world.reader.stored = [record]
    world.reader.sent = [sent]
    world.reader.dead = [alert_record("X1", state="dead", reason=f"not_json: {PLANTED}", cases=(), source=PLANTED)]
    world.reader.heard = [source_record(PLANTED)]
    world.inbox.records = {"A1": alert_record(reason=PLANTED)}
    world.inbox.bodies = {"A1": LONG.encode()}
    server = make_server("127.0.0.1", 0, create_app(world.services()), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", PAGES)
def test_it_is_inert(chromium: Browser, address: str, path: str) -> None:
    """Even in a browser that is told to run what the pages' policy forbids."""
    context = chromium.new_context(bypass_csp=True, viewport={"width": 390, "height": 800})
    page = context.new_page()
    events: list[str] = []
    page.on("dialog", lambda dialog: events.append(dialog.message))
    page.on("pageerror", lambda error: events.append(str(error)))
    answer = page.goto(address + path)
    assert answer is not None
    assert answer.status < 500
    assert page.evaluate("window.owned") is None
    assert page.locator(ELEMENTS).count() == 0
    assert page.locator("a[href^='javascript:'], a[href^='data:'], form[action^='javascript:']").count() == 0
    text = page.locator("body").inner_text()
    assert all(char.isprintable() or char in "\n\t\xa0" for char in text)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert events == []
    context.close()


def test_it_is_seen(chromium: Browser, address: str) -> None:
    """As it was written: nothing is left out and nothing is computed."""
    page = chromium.new_page()
    page.goto(f"{address}/cases/{KEY}")
    text = page.locator("main").inner_text()
    assert "<script>window" in text
    assert "{{7*7}}" in text
    assert "⟨U+202E⟩" in text
    page.close()
