"""The halves of the service as child processes: forked, watched, and ended together."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import Protocol

import structlog

log = structlog.get_logger()


class Half(Protocol):
    """A child process, as `subprocess.Popen` shows one. `returncode` is -N when signal N ended it, and None until `wait` has seen it."""

    pid: int
    returncode: int | None

    def wait(self) -> int: ...

    def poll(self) -> int | None: ...

    def send_signal(self, sign: signal.Signals) -> None: ...

    def kill(self) -> None: ...


class Forked:
    """A copy of this process that was made a moment ago. Somebody has to `wait` for it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, sign: signal.Signals) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork(parts: Sequence[Callable[[], int]]) -> list[Forked] | Callable[[], int]:
    """A child process for each part: what the parent has of them, and what a child has to do.

    A fork and not a new program: what is loaded once need not be loaded three times. There must be no other thread, and nothing
    open that only one process may use. Raises RuntimeError where there is another thread, OSError where there is no room for
    a process: then there is none of them.
    """
    if threading.active_count() > 1:
        raise RuntimeError(f"no fork among threads: {threading.enumerate()}")
    halves: list[Forked] = []
    for part in parts:
        try:
            pid = os.fork()
        except OSError:
            for half in halves:
                half.kill()
                half.wait()
            raise
        if pid == 0:
            return part
        halves.append(Forked(pid))
    return halves


def watch(halves: Sequence[Half], grace_s: float) -> list[int]:
    """Wait until one of them ends, and end the others: by SIGTERM, after `grace_s` by SIGKILL. 0 for each that ended well."""
    ended = threading.Event()

    def wait(half: Half) -> None:
        half.wait()
        ended.set()

    watchers = [threading.Thread(target=wait, args=(half,)) for half in halves]
    for watcher in watchers:
        watcher.start()
    while not ended.wait(1.0):
        pass
    pass_on(halves, signal.SIGTERM)
    until = monotonic() + grace_s
    for half, watcher in zip(halves, watchers, strict=True):
        watcher.join(max(0.0, until - monotonic()))
        if half.poll() is None:
            log.warning("killed_after_grace", pid=half.pid)
            half.kill()
            watcher.join()
    return [0 if half.returncode in {0, -signal.SIGTERM} else 1 for half in halves]


def pass_on(halves: Sequence[Half], sign: signal.Signals) -> None:
    """Send it to those that have not ended."""
    for half in halves:
        if half.poll() is None:
            half.send_signal(sign)


def on_signals(signs: Sequence[signal.Signals], do: Callable[[], object]) -> None:
    """Do that whenever one of these signals comes, in place of what they do by themselves."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        do()

    for sign in signs:
        signal.signal(sign, handler)
