"""The real clock; tests hold a still one."""

import time
from datetime import UTC, datetime

_GROWING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux leaves sleep out of CLOCK_MONOTONIC."""


class SystemClock:
    """Time of this machine, as ``ports.sources.Clock``."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow, those for which the machine was asleep among them."""
        return time.clock_gettime(_GROWING)
