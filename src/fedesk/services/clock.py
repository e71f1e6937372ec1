"""The real clock; tests hold a still one."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Time of this machine, as ``ports.sources.Clock``."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()
