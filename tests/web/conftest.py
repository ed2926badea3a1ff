from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from enricher.web import create_app
from tests.web.fakes import World

Connect = Callable[..., FlaskClient]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def connect(world: World) -> Connect:
    """A client of an application over `world`, with these settings."""

    def client(**settings: Any) -> FlaskClient:
        app = create_app(world.services(**settings))
        app.testing = True
        return app.test_client()

    return client


@pytest.fixture
def client(connect: Connect) -> FlaskClient:
    return connect()
