"""The pictures of docs/console.md: each page of the console, with the demo's data, as PNG into docs/pictures.

The demo runs on loopback, so whoever looks is an engineer. What is new is written; a picture that is too large ends it with 1.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/pictures"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--force-color-profile=srgb"]
WIDTH, HEIGHT = 1120, 700
MOST_BYTES = 150_000
RULE = "example-dev-vite-preview"


@contextmanager
def demo() -> Iterator[Mapping[str, Any]]:
    """A demo that has played everything; its table, with the console's address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "enricher", "demo", "--json", f"--port={port}"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, cwd=ROOT)
    try:
        yield table(running)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


def table(running: subprocess.Popen[bytes]) -> Mapping[str, Any]:
    """What the demo prints, which is one JSON document: read until it is whole."""
    text = b""
    for line in running.stdout or ():
        text += line
        if line == b"}\n":
            found: Mapping[str, Any] = json.loads(text)
            return found
    raise RuntimeError("the demo ended before its table")


def pages(played: Mapping[str, Any]) -> Mapping[str, str]:
    """Every page by the name of its picture. The case is the gravest."""
    gravest = max(played["cases"], key=lambda case: (case["score"], case["case"]))
    return {
        "overview": "/",
        "cases": "/cases",
        "case": f"/cases/{gravest['case']}",
        "deliveries": "/deliveries",
        "dead-letters": "/dead-letters",
        "intake": "/intake",
        "tuning": "/tuning",
        "rule": f"/tuning/{RULE}",
        "draft": f"/drafts/{gravest['case']}",
        "drift": "/drift",
        "downloads": "/downloads",
        "audit": "/audit",
    }


def give_something_to_show(page: Page, case: str) -> None:
    """What the demo's alerts bring about of themselves: nothing given up, and nothing done by a person."""
    for body in ('{"schema": "enricher/1", "kind": "monitor"', "<html>502 Bad Gateway</html>"):
        page.request.post("/webhooks/sumo", data=body, headers={"Content-Type": "application/json"})
    page.goto(case)
    work = page.locator("section[aria-labelledby=work]")
    for name in ("Acknowledge", "Assign to me"):
        with page.expect_navigation():
            work.get_by_role("button", name=name).click()
    page.goto("/dead-letters")
    letter = page.locator("details.discard").first
    letter.locator("summary").click()
    letter.get_by_label("Your name").fill("anna")
    letter.get_by_label("Why").fill("a proxy's error page, not an alert")
    letter.get_by_role("button").click()


def take(page: Page, name: str) -> int:
    """One picture; its size in bytes."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, clip={"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT}, animations="disabled")
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size:,} bytes")
    return size


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no chromium on this machine", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    sizes = []
    with demo() as played, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(
            base_url=played["console"], viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light"
        )
        shown = pages(played)
        give_something_to_show(page, shown["case"])
        for name, path in shown.items():
            page.goto(path)
            sizes.append(take(page, name))
        browser.close()
    return int(max(sizes) > MOST_BYTES)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
