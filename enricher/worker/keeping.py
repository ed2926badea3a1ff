"""Is a claim still ours, just before something is created or told that cannot be taken back?

A process may be stopped, or its machine put to sleep, between its claim and its call: it goes on as if nothing had been, and
another has made the ticket meanwhile. So whoever has had a claim for a while asks the store once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from enricher.errors import StoreUnavailable
from enricher.ports import Delivery


def since_boot() -> float:
    """Seconds since the host started, those in which it was suspended too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Keeping:
    """`holds` asks the store; a claim younger than `fresh_s` seconds needs no asking."""

    def __init__(
        self, holds: Callable[[Delivery], bool], fresh_s: float, elapsed: Callable[[], float] = since_boot
    ) -> None:
        self._holds, self._fresh_s, self._elapsed = holds, fresh_s, elapsed
        self._since: dict[str, float] = {}

    def asking_since(self) -> float:
        """The moment from which the leases count of what is claimed now."""
        return self._elapsed()

    def taken(self, deliveries: Sequence[Delivery], since: float) -> None:
        self._since |= {delivery.delivery_id: since for delivery in deliveries}

    def done(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._since.pop(delivery.delivery_id, None)

    def check(self, deliveries: Sequence[Delivery]) -> None:
        """Raises StoreUnavailable where one of them is not ours any more: its lease brings it back, or has already."""
        now = self._elapsed()
        for delivery in deliveries:
            age = now - self._since.get(delivery.delivery_id, now)
            if age > self._fresh_s and not self._holds(delivery):
                raise StoreUnavailable("the lease is over")
