"""What the one script adds, in a real browser: the copy button, keys, how long ago, and a case whole on paper."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from enricher.web import create_app
from tests.web.fakes import World, bare_document, case_record

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
KEY = "enricher-2412d6c5edbed00f"
HELP = "dialog.keys"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    world = World()
    world.reader.stored = [case_record(), case_record(bare_document(), alerts=(), deliveries=(), news=())]
    server = make_server("127.0.0.1", 0, create_app(world.services()), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def context(address: str) -> Iterator[BrowserContext]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: the script was not run")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        yield context
        browser.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that has complained of nothing when the test ends."""
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    assert complaints == []


def focused(page: Page, name: str) -> str | None:
    found: str | None = page.evaluate(f"document.activeElement.getAttribute('{name}')")
    return found


@pytest.mark.parametrize("by_key", [False, True])
def test_the_case_is_copied_by_click_and_by_key(page: Page, address: str, *, by_key: bool) -> None:
    page.goto(f"{address}/cases/{KEY}")
    page.evaluate("navigator.clipboard.writeText('')")
    if by_key:
        page.keyboard.press("c")
    else:
        page.get_by_text("Copy as Markdown").click()
    page.locator("a[data-copy]", has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("# Critical 98: `powershell.exe`")
    assert page.url == f"{address}/cases/{KEY}"


def test_keys_lead_to_pages_rows_and_the_search(page: Page, address: str) -> None:
    page.goto(f"{address}/cases/{KEY}")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url(f"{address}/cases")
    page.keyboard.press("j")
    assert focused(page, "href") == f"/cases/{KEY}"
    page.keyboard.press("j")
    assert focused(page, "href") == "/cases/enricher-0000000000000000"
    page.keyboard.press("k")
    assert focused(page, "href") == f"/cases/{KEY}"
    page.keyboard.press("/")
    assert focused(page, "type") == "search"
    page.keyboard.type("j?")
    assert page.locator(HELP).count() == 0
    assert page.locator("input[type=search]").input_value() == "j?"


def test_the_help_has_every_key_and_a_switch_that_is_kept(page: Page, address: str) -> None:
    page.goto(f"{address}/cases/{KEY}")
    page.keyboard.press("?")
    page.locator(HELP).wait_for()
    assert "copy this case as Markdown" in page.locator(HELP).inner_text()
    page.get_by_label("Keys are on").uncheck()
    page.keyboard.press("Escape")
    for _ in range(2):
        page.keyboard.press("c")
        assert page.locator("a[data-copy]").inner_text() == "Copy as Markdown"
        page.reload()
    page.keyboard.press("?")
    page.get_by_label("Keys are on").check()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.locator("a[data-copy]", has_text="Copied").wait_for()


@pytest.mark.parametrize(("now", "said"), [("2026-11-24T05:04:00Z", [" 3 h ago"]), ("2026-11-23T05:04:00Z", [])])
def test_how_long_ago_stands_behind_the_time(page: Page, address: str, now: str, said: list[str]) -> None:
    """Nothing where the clocks disagree."""
    page.clock.set_fixed_time(now)
    page.goto(f"{address}/cases/{KEY}")
    assert page.locator("time[data-ago] + .ago").all_text_contents() == said


def test_a_case_on_paper_is_whole(page: Page, address: str) -> None:
    page.goto(f"{address}/cases/{KEY}")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
    page.emulate_media(media="print")
    inside = page.locator(".others td.step").first
    assert inside.is_visible()
    assert not page.get_by_text("Copy as Markdown").is_visible()
