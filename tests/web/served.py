"""The application over a world in memory, for a real server: `gunicorn tests.web.served:app`."""

from __future__ import annotations

from dataclasses import replace

from enricher.web import create_app
from tests.web.fakes import World

world = World()
app = create_app(
    replace(
        world.services(webhook_tokens=(("prod", "secret"),)),
        metrics=lambda: (str(len(world.inbox.accepted)).encode(), "text/plain"),
    )
)
