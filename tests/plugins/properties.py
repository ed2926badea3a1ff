"""How long hypothesis looks for a counterexample: `house` in every run, `fuzz` for `make fuzz`, `brief` where a change lands.

No deadline for a single example: on a machine that others use too, it measures the others.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("brief", deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
