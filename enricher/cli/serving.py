"""The processes: gunicorn for the web half, the worker, and a small supervisor over both."""

from __future__ import annotations

import gc
import os
import signal
from functools import partial
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication

from enricher.cli.counters import forget_process
from enricher.cli.halves import fork, on_signals, pass_on, watch
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
            "child_exit": forget_process,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        set_up_logs()
        app = self._app.web()
        _keep_what_is_there()
        return app


def web() -> int:
    """Serve until told to stop. The tables must be there: `enricher db upgrade` or `enricher serve` makes them."""
    set_up_logs()
    return _web(application())


def work() -> int:
    """Work until told to stop, then finish what is held. 1 when a part of the worker broke."""
    set_up_logs()
    return _work(application())


def serve() -> int:
    """Upgrade the tables, then run both halves; if one ends, end the other and return its code. Each half returns its own."""
    set_up_logs()
    app = application()
    app.store.upgrade()
    _keep_what_is_there()
    found = fork([partial(_web, app), *[partial(_work, app)] * app.settings.worker_processes])
    if not isinstance(found, list):
        return found()
    halves = found
    on_signals((signal.SIGTERM, signal.SIGINT), lambda: pass_on(halves, signal.SIGTERM))
    on_signals((signal.SIGHUP,), lambda: pass_on(halves, signal.SIGHUP))
    return max(watch(halves, GRACE_S))


def _web(app: Application) -> int:
    import enricher.web  # noqa: F401 - once, before the processes that serve are forked

    _say_what_is_open(app)
    _keep_what_is_there()
    _Gunicorn(app).run()
    return 0


def _work(app: Application) -> int:
    worker = Worker(app.work())
    _keep_what_is_there()
    on_signals((signal.SIGTERM, signal.SIGINT), worker.stop)
    on_signals((signal.SIGHUP,), app.live.look_again)
    worker.start()
    log.info("worker_started", destinations=sorted(app.destinations), lookups=app.settings.lookups)
    broken = worker.join()
    app.store.close()
    log.info("worker_stopped", broken=broken)
    return 1 if broken else 0


def _keep_what_is_there() -> None:
    """What a process has now it has as long as it lives: the collector, which may have been off till now, need not look at it."""
    gc.collect()
    gc.freeze()
    gc.enable()


def _say_what_is_open(app: Application) -> None:
    for warning in unrecognised():
        log.warning("setting_unknown", detail=warning)
    if not app.settings.webhook_tokens:
        log.warning("webhook_open_to_loopback_only", why="ENRICHER_WEBHOOK_TOKENS is not set")
    bind = app.settings.bind
    if app.settings.users and not (app.settings.base_url or "").startswith("https://"):
        log.warning("cookies_without_https", why="ENRICHER_USERS is set, and ENRICHER_BASE_URL is no https address")
    log.info("serving", address=f"http://{bind.host}:{bind.port}", destinations=sorted(app.destinations))
