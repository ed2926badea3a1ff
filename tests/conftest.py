"""What all tests share. Property tests take the time a shared machine gives them, and try the same examples on every run;
`make fuzz` tries new ones.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

from enricher.core.programs import Programs
from tests.fakes import packaged_programs

settings.register_profile("steady", deadline=None, derandomize=True)
if settings.get_current_profile_name() == "default":
    settings.load_profile("steady")


@pytest.fixture(scope="session")
def programs() -> Programs:
    """The packaged content."""
    return packaged_programs()
