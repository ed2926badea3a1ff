"""The address of an HTTP Source is its secret, and libraries like to log addresses: none gets into our log."""

from __future__ import annotations

import subprocess
import sys

import pytest

from enricher.standins import running
from enricher.standins.sumo.receiver import TOKEN, SumoSource

pytestmark = pytest.mark.slow

SENDS = """
import logging, sys
from enricher.destinations.sumo_source import SumoSource
from enricher.telemetry import set_up_logs

set_up_logs()
logging.getLogger().setLevel(logging.DEBUG)
logging.getLogger("elsewhere").debug("the log works")
for call in range(2):
    source = SumoSource(sys.argv[1])
    print(*source.check())
    source.close()
"""


def test_no_line_of_the_log_holds_the_token_however_much_is_logged() -> None:
    """The root's level is what a person lowers to find out why nothing arrives."""
    with running(SumoSource()) as receiver:
        ran = subprocess.run(
            [sys.executable, "-c", SENDS, receiver.address()], capture_output=True, text=True, check=True, timeout=60
        )
        assert [one["path"] for one in receiver.store()["requests"]] == [f"/receiver/v1/http/{TOKEN}"] * 2
    assert "the log works" in ran.stderr
    assert TOKEN not in ran.stderr + ran.stdout
