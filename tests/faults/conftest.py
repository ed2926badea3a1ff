from __future__ import annotations

import pytest

from tests.faults.table import Cells


@pytest.fixture
def cells(request: pytest.FixtureRequest) -> Cells:
    return Cells(request.node.user_properties)
