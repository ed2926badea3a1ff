"""Property tests at length: `make fuzz` loads this and picks the tests that hypothesis marks."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("fuzz", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fuzz")
