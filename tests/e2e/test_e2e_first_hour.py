"""The first hour, rehearsed: the nine steps of the page, in its order, each shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import orjson
import pytest

from enricher.demo.first_hour import STEPS
from tests.e2e.harness import free_port
from tests.house.pages import ROOT, page

pytestmark = pytest.mark.slow
WHOLE_S = 150


def test_the_page_and_the_rehearsal_have_the_same_steps() -> None:
    told = re.findall(r"(?m)^## (\d)\. (.+)$", page("docs/first-hour.md"))
    assert told == [(str(number), title) for number, title in enumerate(STEPS, start=1)]


def test_every_step_shows_what_the_page_says() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENRICHER_")}
    command = [sys.executable, "-m", "enricher", "demo", "--first-hour", "--json", "--port", str(free_port())]
    done = subprocess.run(command, env=kept, cwd=ROOT, capture_output=True, timeout=WHOLE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    steps = orjson.loads(done.stdout)["steps"]
    assert [step["title"] for step in steps] == [*STEPS]
    assert all(step["seen"] for step in steps)
    seen = {step["step"]: " ".join(step["seen"]) for step in steps}
    assert "event_id 3" in seen[1]
    assert "event_id 22" in seen[1]
    assert re.search(r"--apply once more: \d+ unchanged", seen[3])
    assert "create" not in seen[3].partition("once more")[2]
    assert "200 OK, and no case" in seen[4]
    assert "high 75" in seen[7]
    assert "SEC-1" in seen[7]
    assert "one comment that names ws-fin-0177" in seen[8]
