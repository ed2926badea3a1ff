"""The processes: gunicorn for the web half, the worker, and a small supervisor over both."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from time import monotonic
from types import FrameType
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication

from enricher.settings import unrecognised
from enricher.telemetry import set_up_logs
from enricher.wiring import Application, application
from enricher.worker import Worker

log = structlog.get_logger()

GRACE_S = 25
"""How long each half may finish what it holds; a container gets 30 s."""


class _Gunicorn(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """gunicorn with our settings; the WSGI application is made in each worker, after the fork."""

    def __init__(self, app: Application) -> None:
        self._app = app
        super().__init__()

    def load_config(self) -> None:
        bind = self._app.settings.bind
        host = f"[{bind.host}]" if ":" in bind.host else bind.host
        options: dict[str, Any] = {
            "bind": f"{host}:{bind.port}",
            "workers": self._app.settings.web_processes,
            "threads": self._app.settings.web_threads,
            "worker_class": "gthread",
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108, PTH112 - memory, not disk
            "control_socket_disable": True,
            "graceful_timeout": GRACE_S,
            "timeout": 60,
            "keepalive": 75,
            "loglevel": "warning",
            "child_exit": _forget_process,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        set_up_logs()
        app = self._app.web()
        _keep_what_is_there()
        return app


def _forget_process(_server: object, worker: Any) -> None:
    from prometheus_client import multiprocess

    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call] # the library's own gap


def web() -> None:
    """Serve until told to stop. The tables must be there: `enricher db upgrade` or `enricher serve` makes them."""
    set_up_logs()
    with _SharedMetrics():
        app = application()
        _say_what_is_open(app)
        _Gunicorn(app).run()


def work() -> int:
    """Work until told to stop, then finish what is held. 1 when a part of the worker broke."""
    set_up_logs()
    app = application()
    worker = Worker(app.work())
    _keep_what_is_there()
    _on_signals((signal.SIGTERM, signal.SIGINT), worker.stop)
    _on_signals((signal.SIGHUP,), app.live.look_again)
    worker.start()
    log.info("worker_started", destinations=sorted(app.destinations), lookups=app.settings.lookups)
    broken = worker.join()
    app.store.close()
    log.info("worker_stopped", broken=broken)
    return 1 if broken else 0


def serve() -> int:
    """Upgrade the tables, then run both halves; if one ends, end the other and return its code."""
    set_up_logs()
    app = application()
    app.store.upgrade()
    app.store.close()
    with _SharedMetrics():
        command = [sys.executable, "-m", "enricher"]
        parts = ["web", *["work"] * app.settings.worker_processes]
        halves = [subprocess.Popen([*command, part]) for part in parts]  # noqa: S603 - ourselves
        _on_signals((signal.SIGTERM, signal.SIGINT), lambda: _pass_on(halves, signal.SIGTERM))
        _on_signals((signal.SIGHUP,), lambda: _pass_on(halves, signal.SIGHUP))
        return max(watch(halves, GRACE_S))


def watch(halves: Sequence[subprocess.Popen[bytes]], grace_s: float) -> list[int]:
    """Wait until one of them ends, and end the others: by SIGTERM, after `grace_s` by SIGKILL. 0 for each that ended well."""
    ended = threading.Event()

    def wait(half: subprocess.Popen[bytes]) -> None:
        half.wait()
        ended.set()

    watchers = [threading.Thread(target=wait, args=(half,)) for half in halves]
    for watcher in watchers:
        watcher.start()
    while not ended.wait(1.0):
        pass
    _pass_on(halves, signal.SIGTERM)
    until = monotonic() + grace_s
    for half, watcher in zip(halves, watchers, strict=True):
        watcher.join(max(0.0, until - monotonic()))
        if half.poll() is None:
            log.warning("killed_after_grace", pid=half.pid)
            half.kill()
            watcher.join()
    return [0 if half.returncode in {0, -signal.SIGTERM} else 1 for half in halves]


def _keep_what_is_there() -> None:
    """What a process has now it has as long as it lives: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def _pass_on(halves: Sequence[subprocess.Popen[bytes]], sign: signal.Signals) -> None:
    for half in halves:
        if half.poll() is None:
            half.send_signal(sign)


def _on_signals(signs: Sequence[signal.Signals], do: Any) -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        do()

    for sign in signs:
        signal.signal(sign, handler)


class _SharedMetrics:
    """A folder in which all processes of this service keep their counters; an inherited one is left alone."""

    def __enter__(self) -> None:
        self._made = None
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            self._made = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="enricher-metrics-")

    def __exit__(self, *_: object) -> None:
        if self._made:
            shutil.rmtree(self._made, ignore_errors=True)


def _say_what_is_open(app: Application) -> None:
    for warning in unrecognised():
        log.warning("setting_unknown", detail=warning)
    if not app.settings.webhook_tokens:
        log.warning("webhook_open_to_loopback_only", why="ENRICHER_WEBHOOK_TOKENS is not set")
    bind = app.settings.bind
    if app.settings.users and not (app.settings.base_url or "").startswith("https://"):
        log.warning("cookies_without_https", why="ENRICHER_USERS is set, and ENRICHER_BASE_URL is no https address")
    log.info("serving", address=f"http://{bind.host}:{bind.port}", destinations=sorted(app.destinations))
