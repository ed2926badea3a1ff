"""Every page as it looks: it fits, keeps its policy, weighs little, and can be used by everybody; a picture of each is kept."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, Response

from tests.browser.world import EVERYTHING, PEOPLE, SCREENS, WIDTHS, Scheme, Visit, World

pytestmark = pytest.mark.slow

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
GRAVE = {"serious", "critical"}
MOST_BYTES = 200_000
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LOOKS = [*product(PEOPLE, (True, False), WIDTHS, SCHEMES)] if EVERYTHING else [("engineer", True, 390, "dark")]


def grave(page: Page) -> list[str]:
    """What axe-core finds serious or critical on a page, and where."""
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


class Weight:
    """How many bytes the answers hold that a page is made of."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        page.on("response", self._add)

    def _add(self, response: Response) -> None:
        self.bytes += int(response.headers.get("content-length", 0))


@pytest.mark.parametrize(
    ("role", "scripts", "width", "scheme"),
    LOOKS,
    ids=lambda value: {True: "scripts", False: "no scripts"}.get(value, str(value)),
)
def test_every_page_fits_and_keeps_the_policy(
    console: World, chromium: Browser, role: str, scheme: Scheme, *, scripts: bool, width: int
) -> None:
    visit = Visit(chromium, console, width=width, scripts=scripts, scheme=scheme)
    visit.page.goto("/")
    picture(visit.page, "log-in", role, width, scheme)
    visit.log_in(role)
    too_wide, too_heavy = [], []
    for name, path in console.pages().items():
        weight = Weight(visit.page)
        visit.page.goto(path, wait_until="load")
        if visit.page.evaluate("document.documentElement.scrollWidth") > width:
            too_wide.append(name)
        if weight.bytes > MOST_BYTES:
            too_heavy.append(f"{name}: {weight.bytes}")
        if scripts:
            picture(visit.page, name, role, width, scheme)
    assert (too_wide, too_heavy, visit.wrong()) == ([], [], [])
    visit.close()


def picture(page: Page, name: str, role: str, width: int, scheme: str) -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}-{role}-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(console: World, chromium: Browser, scheme: Scheme) -> None:
    """In a browser that lets the checker past the pages' own policy, which allows no script but ours."""
    visit = Visit(chromium, console, scheme=scheme, past_policy=True)
    visit.page.goto("/login")
    found = {"log-in": grave(visit.page)}
    visit.log_in("engineer")
    for name, path in console.pages().items():
        visit.page.goto(path)
        found[name] = grave(visit.page)
    assert {name: one for name, one in found.items() if one} == {}
    visit.close()


def test_axe_finds_what_is_wrong(console: World, chromium: Browser) -> None:
    visit = Visit(chromium, console, past_policy=True)
    visit.page.set_content("<html><title>x</title><img src='x'><input></html>")
    assert {one.partition(":")[0] for one in grave(visit.page)} >= {"image-alt", "label"}
    visit.close()
