"""A real service with people, stand-ins and a handful of alerts, and a browser's way through its console."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from werkzeug.security import generate_password_hash

from tests.e2e import alerts
from tests.e2e.harness import CREATE, Service, Standins, serving, until

ROOT = Path(__file__).parents[2]
SCREENS = ROOT / "dist/screens"
PASSWORD = "correct horse battery"
PEOPLE = {"viewer": "vera", "analyst": "anna", "engineer": "emil"}
"""Role to name."""
WIDTHS = (390, 1440)
NARROW = 600
"""Below so many pixels the main menu is behind a button."""
EVERYTHING = bool(os.environ.get("ENRICHER_BROWSER"))
"""Every cell of the grid, as `make browser` asks for; else one of each kind."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
READ, WRITE = "reading", "writing"
RULE = "example-dev-vite-preview"
UNREADABLE = b'{"schema": "enricher/1", "kind": "monitor", '

Scheme = Literal["light", "dark"]


@dataclass
class World:
    """The service under test. `case` is a delivered case, `alert` its alert."""

    service: Service
    standins: Standins
    case: str = ""
    alert: str = ""
    sent: int = field(default=0)

    def deliver(self, name: str) -> str:
        """A case with its tickets; its key."""
        self.alert = self.service.accept(alerts.trigger(name))
        key: str = self.service.case(self.alert)["key"]
        self.service.delivered(key)
        return key

    def give_up_two(self) -> tuple[str, str]:
        """A delivery that Jira refuses, and an alert that cannot be read; their ids in the dead letters."""
        self.sent += 1
        refusal = {"kind": "error", "status": 400, "commits": False, "method": "POST", "path": CREATE["jira"]}
        self.standins.fail("jira", refusal)
        key = self.service.case(self.service.accept(alerts.trigger(f"refused-{self.sent}")))["key"]
        until(lambda: self.service.delivery(key, "jira")["state"] == "dead", "a delivery that is given up")
        self.standins.fail("jira")
        delivery: str = self.service.delivery(key, "jira")["id"]
        self.service.post(UNREADABLE + b" " * self.sent)
        letters = self.service.listed("dead-letters", "dead_letters")
        return delivery, next(letter["id"] for letter in letters if letter["type"] == "alert")

    def pages(self) -> Mapping[str, str]:
        """Every page there is for somebody who is logged in, by a name for its picture."""
        return {
            "overview": "/",
            "cases": "/cases",
            "case": f"/cases/{self.case}",
            "alert": f"/alerts/{self.alert}",
            "deliveries": "/deliveries",
            "dead-letters": "/dead-letters",
            "intake": "/intake",
            "tuning": "/tuning",
            "rule": f"/tuning/{RULE}",
            "preview": f"/tuning/{RULE}/preview",
            "draft": f"/drafts/{self.case}",
            "drift": "/drift",
            "downloads": "/downloads",
            "audit": "/audit",
            "not-found": "/nothing",
        }


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """`enricher serve` on SQLite with three people, and something on every page."""
    digest = generate_password_hash(PASSWORD, method="scrypt")
    settings = {
        "ENRICHER_DATABASE_URL": f"sqlite:///{folder}/enricher.db",
        "ENRICHER_CONFIG_DIR": str(ROOT / "config"),
        "ENRICHER_USERS": "\n".join(f"{name}:{role}:{digest}" for role, name in PEOPLE.items()),
        "ENRICHER_API_READ_TOKEN": READ,
        "ENRICHER_API_WRITE_TOKEN": WRITE,
    }
    with (
        Standins(folder / "standins", "--no-limits") as standins,
        serving(standins.environment() | settings, folder / "service.log") as service,
    ):
        service.client.headers["Authorization"] = f"Bearer {WRITE}"
        made = World(service, standins)
        made.deliver("beta")
        made.case = made.deliver("alpha")
        made.give_up_two()
        yield made


# --- in the browser -------------------------------------------------------------------------------------------------


def launched(playwright: Playwright) -> Browser:
    if CHROMIUM is None:
        raise FileNotFoundError("chromium")
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


class Visit:
    """One browser context, what its pages complained of, and how many bytes the last page took."""

    def __init__(
        self,
        browser: Browser,
        world: World,
        *,
        width: int = 1440,
        scripts: bool = True,
        scheme: Scheme = "light",
        past_policy: bool = False,
    ) -> None:
        self._phone = width < NARROW
        self.context: BrowserContext = browser.new_context(
            base_url=world.service.url,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
            bypass_csp=past_policy,
            accept_downloads=True,
        )
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{self.page.url}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"{self.page.url}: a dialog, {dialog.message}"))

    def log_in(self, role: str) -> None:
        """By keyboard, from whatever page is asked for first."""
        page = self.page
        page.get_by_label("Name", exact=True).focus()
        page.keyboard.type(PEOPLE[role])
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.locator(".who").wait_for()

    def go(self, section: str) -> None:
        """By the main menu, which a phone has behind a button."""
        if self._phone:
            self.page.get_by_role("button", name="Menu").click()
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=section, exact=True).click()

    def heading(self) -> str:
        return self.page.get_by_role("heading", level=1).inner_text()

    def wrong(self) -> list[str]:
        """Complaints but the browser's own word on an answer that was meant to be 401, 403 or 404."""
        return [said for said in self.complaints if "Failed to load resource" not in said]

    def close(self) -> None:
        self.context.close()
