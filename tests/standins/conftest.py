from __future__ import annotations

import pytest

from tests.standins.standin_client import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
