"""Who one is to a system, as the system itself says."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a system takes one for. What it does not say stays empty."""

    user: str
    roles: tuple[str, ...] = ()
    """Roles, groups or policies, in the system's own words."""
    until: datetime | None = None
    """When the credential ends; None where it does not, or the system does not say."""
