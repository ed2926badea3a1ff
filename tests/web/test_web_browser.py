"""The console in a real browser: it fits a phone, both colour schemes, the keyboard, and its own security policy."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from enricher.core.document import CaseDocument
from enricher.web import create_app
from tests.web.fakes import (
    NOW,
    World,
    alert_record,
    ancestor,
    bare_document,
    case_record,
    critical_document,
    delivery,
    enrichment,
    source_record,
)

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PAGES = ["/", "/cases/enricher-2412d6c5edbed00f", "/cases/enricher-0000000000000000", "/alerts/A1", "/dead-letters"]
PAGES += ["/deliveries", "/intake", "/nothing", "/cases/long"]
BLACK_AND_WHITE_MIX = 128


def long_document() -> CaseDocument:
    """A case that is as long as can be in every place of the evidence, without a blank to break a line at."""
    document = critical_document()
    document["key"] = "long"
    document["process"] |= {"command_line": "x" * 8192, "decoded": ["y" * 8192], "company": "z" * 300}
    document["lineage"] = [ancestor("p" * 200, "C:", "q" * 8192, n, "search") for n in range(4)]
    document["contacts"] = [f"{NOW + timedelta(seconds=431 * n)}" for n in range(200)]
    document["shared_hosts"] = ["h" * 255] * 20
    document["missing"] = ["m" * 400, f"history: {'n' * 400}"]
    document["enrichments"] = [enrichment("ptr", "a" * 300, "ok", {"names": ["b" * 255] * 5})]
    document["estate"] = {
        "role": "r" * 100,
        "groups": ["g" * 100],
        "owner": "o" * 200,
        "maintenance": True,
        "service_account": True,
    }
    return document


@pytest.fixture(scope="module")
def shown() -> World:
    world = World()
    world.reader.stored = [
        case_record(),
        case_record(bare_document(), state="suppressed", alerts=(), deliveries=(), news=()),
        case_record(long_document()),
    ]
    world.reader.sent = [delivery("jira"), delivery("slack", "dead", reason="invalid", detail="x" * 300)]
    world.reader.dead = [alert_record("X1", state="dead", reason="not_json: line 1", cases=())]
    world.reader.heard = [source_record(), source_record("lab", monitors=())]
    world.inbox.records = {"A1": alert_record()}
    world.inbox.bodies = {"A1": b'{"name":"' + b"y" * 500 + b'"}'}
    world.operator.known = frozenset({"X1"})
    return world


@pytest.fixture(scope="module")
def address(shown: World) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(shown.services()), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: the console was not looked at")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def opened(browser: Browser, *, width: int, scheme: Literal["light", "dark"]) -> tuple[Page, list[str]]:
    """A page, and what it complains of; without JavaScript, as an analyst's locked-down browser may be."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    return page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 820, 390, 320])
def test_every_page_fits_and_breaks_no_policy(
    browser: Browser, address: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    page, complaints = opened(browser, width=width, scheme=scheme)
    for path in PAGES:
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        red = int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
        assert (red > BLACK_AND_WHITE_MIX) == (scheme == "light"), path
    assert [complaint for complaint in complaints if "404" not in complaint] == []
    page.context.close()


def test_a_long_line_is_unfolded_by_keyboard_from_the_root_down(browser: Browser, address: str) -> None:
    page, _ = opened(browser, width=390, scheme="light")
    page.goto(f"{address}/cases/long")
    lines = page.locator(".tree details")
    assert lines.count() == 6
    page.locator(".tree summary").first.focus()
    page.keyboard.press("Enter")
    assert lines.first.evaluate("line => line.open")
    focused = "[...document.querySelectorAll('.tree summary')].indexOf(document.activeElement)"
    order = []
    for _ in range(lines.count() - 1):
        page.keyboard.press("Tab")
        order.append(page.evaluate(focused))
    assert order == [1, 2, 3, 4, 5]
    tops = page.locator(".tree summary").evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
    assert tops == sorted(tops)
    page.context.close()


def test_a_dead_letter_is_retried_by_keyboard(browser: Browser, address: str, shown: World) -> None:
    """Over a form whose page sends no referrer, which makes its origin `null`: the signed token carries it."""
    page, _ = opened(browser, width=1280, scheme="light")
    page.goto(f"{address}/dead-letters")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_role("button", name="Try again").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert shown.operator.done == ["X1"]
    page.context.close()
