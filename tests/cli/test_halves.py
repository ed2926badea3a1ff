"""The processes of the service: forked, told apart, and each with the same folder of counters."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from enricher.cli.halves import fork

PARENT_AND_CHILDREN = """
import os, signal, sys
from enricher.cli.halves import fork, watch
found = fork([lambda: 3, signal.pause])
if not isinstance(found, list):
    sys.exit(found())
assert len({os.getpid(), *(half.pid for half in found)}) == 3
print(watch(found, grace_s=30.0))
"""
ENDED_BY_A_SIGNAL = """
import signal
from enricher.cli.halves import fork
found = fork([signal.pause])
if not isinstance(found, list):
    found()
[half] = found
half.send_signal(signal.SIGTERM)
print(half.poll(), half.wait(), half.poll())
half.kill()
"""
NO_ROOM = """
import os, signal
from enricher.cli import halves
forks = [os.fork]
def fork():
    if not forks:
        raise BlockingIOError("no room for a process")
    return forks.pop()()
halves.os = type("os", (), {**vars(os), "fork": staticmethod(fork)})
try:
    found = halves.fork([signal.pause, signal.pause])
except BlockingIOError:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("nobody is left")
else:
    found()
"""
COUNTERS = """
import os, sys
from pathlib import Path
from enricher.cli.counters import FOLDER, SharedCounters
with SharedCounters():
    folder = Path(os.environ[FOLDER])
    child = os.fork()
    if not child:
        sys.exit()
    os.waitpid(child, 0)
    print(folder.is_dir())
print(folder.is_dir())
"""


def printed(program: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_where_there_is_no_room_for_all_there_is_none() -> None:
    assert printed(NO_ROOM) == ["nobody is left"]


def test_each_child_does_its_part_and_its_parent_hears_how_it_ended() -> None:
    assert printed(PARENT_AND_CHILDREN) == ["[1, 0]"]


def test_a_child_is_told_to_end_and_not_after_it_has() -> None:
    assert printed(ENDED_BY_A_SIGNAL) == ["None -15 -15"]


def test_nothing_is_forked_among_threads() -> None:
    going = threading.Event()
    other = threading.Thread(target=going.wait)
    other.start()
    try:
        with pytest.raises(RuntimeError, match="no fork among threads"):
            fork([lambda: 0])
    finally:
        going.set()
        other.join()


def test_the_folder_of_counters_goes_with_the_process_that_made_it(tmp_path: Path) -> None:
    assert printed(COUNTERS, TMPDIR=str(tmp_path)) == ["True", "False"]
    assert list(tmp_path.iterdir()) == []


def test_an_inherited_folder_of_counters_stays(tmp_path: Path) -> None:
    assert printed(COUNTERS, PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) == ["True", "True"]
