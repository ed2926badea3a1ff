"""What all tests share: property tests take the time that a shared machine gives them, however pytest was started."""

from __future__ import annotations

import tests.plugins.properties  # noqa: F401 - importing it loads the profile
