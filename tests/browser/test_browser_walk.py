"""A walk through every page of the console, by keyboard and click, against the real service."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.world import EVERYTHING, PEOPLE, RULE, WIDTHS, Visit, World

pytestmark = pytest.mark.slow

GRID = [*product(PEOPLE, (True, False), WIDTHS)] if EVERYTHING else [("engineer", True, 1440)]


@pytest.mark.parametrize(
    ("role", "scripts", "width"), GRID, ids=lambda value: {True: "scripts", False: "no scripts"}.get(value, str(value))
)
def test_the_walk(console: World, chromium: Browser, role: str, *, scripts: bool, width: int) -> None:
    visit = Visit(chromium, console, width=width, scripts=scripts)
    delivery, alert = console.give_up_two()
    comes_in(visit, role)
    finds_a_case_and_reads_its_ledger(visit, console)
    mends_dead_letters(visit, role, delivery, alert)
    works_on_the_case(visit, console, role)
    drafts_a_rule(visit, console, role)
    looks_at_the_rest(visit, role)
    goes(visit)
    assert visit.wrong() == []
    visit.close()


def comes_in(visit: Visit, role: str) -> None:
    """Sent to the log-in from wherever one wanted to go, and on from there."""
    page = visit.page
    page.goto("/cases?severity=high")
    assert visit.heading() == "Log in"
    visit.log_in(role)
    expect(page).to_have_url(re.compile(r"/cases\?severity=high$"))
    expect(page.locator(".who")).to_contain_text(PEOPLE[role])
    page.goto("/")
    assert visit.heading() == "Overview"


def finds_a_case_and_reads_its_ledger(visit: Visit, world: World) -> None:
    page = visit.page
    visit.go("Cases")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("alpha")
    page.keyboard.press("Enter")
    found = page.locator("tbody a").filter(has_text="alpha")
    expect(found).to_have_count(1)
    assert page.locator("tbody tr").count() == 1
    found.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(world.case)))
    case = world.service.get(f"cases/{world.case}")
    ledger = page.locator("section[aria-labelledby=why]")
    expect(ledger).to_be_visible()
    for step in case["ledger"]:
        assert step["rule"].split(".")[0].replace("_", " ") in ledger.inner_text().replace("_", " ")
    assert str(case["score"]) in page.locator(".headline .chip").inner_text()


def mends_dead_letters(visit: Visit, role: str, delivery: str, alert: str) -> None:
    page = visit.page
    page.goto("/dead-letters")
    row = page.locator("tr").filter(has=page.locator(f"form[action*='{delivery}']"))
    if role == "viewer":
        assert page.get_by_role("button", name="Try again").count() == 0
        assert page.locator("main form[method=post]").count() == 0
        return
    row.get_by_role("button", name=re.compile("again|Look", re.IGNORECASE)).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text=delivery)).to_be_visible()
    discard = page.locator("tr").filter(has=page.locator(f"form[action*='{alert}']")).locator("details.discard")
    discard.locator("summary").focus()
    page.keyboard.press("Enter")
    discard.get_by_label("Why").fill("a test of the network")
    discard.get_by_role("button").click()
    expect(page.get_by_role("status").filter(has_text=alert)).to_be_visible()
    assert page.locator(f"form[action*='{alert}']").count() == 0


def works_on_the_case(visit: Visit, world: World, role: str) -> None:
    """Takes it on and judges it; the page says who did. A viewer finds no button."""
    page = visit.page
    page.goto(f"/cases/{world.case}")
    work = page.locator("section[aria-labelledby=work]")
    if role == "viewer":
        assert work.get_by_role("button").count() == 0
        return
    for name in ("Give it back", "Assign to me", "Acknowledge"):
        button = work.get_by_role("button", name=name)
        if button.count():
            button.focus()
            with page.expect_navigation():
                page.keyboard.press("Enter")
    expect(work.locator(".fact").filter(has_text="Assigned to")).to_contain_text(PEOPLE[role])
    expect(work.locator(".fact").filter(has_text="Acknowledged")).not_to_contain_text("nobody")
    unfold(visit, "Say what it was")
    work.get_by_label("Note").fill("a team's own job")
    work.get_by_role("button", name="False positive").click()
    expect(page).to_have_url(re.compile(r"/drafts/"))
    page.goto(f"/cases/{world.case}")
    expect(page.locator("section[aria-labelledby=feedback]")).to_contain_text("a team's own job")


def drafts_a_rule(visit: Visit, world: World, role: str) -> None:
    page = visit.page
    page.goto(f"/cases/{world.case}")
    link = page.get_by_role("link", name="Draft a tuning rule")
    if role == "viewer":
        assert link.count() == 0
        return
    unfold(visit, "Say what it was")
    link.click()
    assert "rule" in visit.heading()
    expect(page.locator("main")).to_contain_text(re.compile("mode: shadow|Why there is none"))


def unfold(visit: Visit, name: str) -> None:
    """By keyboard, unless it is unfolded."""
    details = visit.page.locator("details").filter(has=visit.page.locator("summary", has_text=name))
    if details.get_attribute("open") is None:
        details.locator("summary").focus()
        visit.page.keyboard.press("Enter")


def looks_at_the_rest(visit: Visit, role: str) -> None:
    page = visit.page
    visit.go("Intake")
    expect(page.locator("main")).to_contain_text("In quarantine")
    visit.go("Tuning")
    assert RULE in page.locator("main").inner_text()
    page.get_by_role("link", name=RULE).first.click()
    assert visit.heading() == RULE
    if role == "engineer":
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("heading", level=1).wait_for()
        assert "/preview" in page.url
    visit.go("Drift")
    assert "rift" in visit.heading()
    page.goto("/downloads")
    with page.expect_download() as taken:
        page.locator("a[download]").first.click()
    assert taken.value.path().stat().st_size > 100
    page.goto("/audit")
    if role != "viewer":
        assert PEOPLE[role] in page.locator("main").inner_text()


def goes(visit: Visit) -> None:
    page = visit.page
    page.goto("/")
    page.get_by_role("button", name="Log out").click()
    assert visit.heading() == "Log in"
    page.goto("/cases")
    assert visit.heading() == "Log in"
