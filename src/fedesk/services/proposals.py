"""A plan as it is put before a person, what it takes to say yes, and how a refusal is told."""

from dataclasses import dataclass

from fedesk.domain.operations import GuardResult, Plan, Ruling, WriteWindow
from fedesk.services.operation_kinds import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a confirmation has to bring. By environment and mode, design rule 7."""

    name: str = ""
    """The environment's name, typed (``--confirm NAME``); empty where the key (``--yes``) is enough."""
    reason: bool = False
    tickets: tuple[str, ...] = ()
    """Patterns (RE2), each to be found in the reason."""
    window: bool = False
    """Whether a write window is opened with it (``--write NAME``)."""
    accept: tuple[str, ...] = ()
    """Guards that said Confirm: each is to be accepted by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan in memory, before anybody has said yes."""

    plan: Plan
    guards: tuple[GuardResult, ...]
    """In the order they are shown: what blocks first."""
    needs: Needs
    window: WriteWindow | None = None
    """The open window it was judged with."""
    draft: Draft | None = None
    """What the systems said; it is judged again without asking them."""
    named: str | None = None
    """The environment that was named with the request."""
    break_glass: bool = False
    """Whether it was judged with broken glass."""

    @property
    def is_blocked(self) -> bool:
        """Whether a guard forbids it."""
        return any(result.blocks for result in self.guards)

    @property
    def warnings(self) -> tuple[GuardResult, ...]:
        """What one should have read."""
        return tuple(one for one in self.guards if one.ruling in (Ruling.WARN, Ruling.CONFIRM))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the person gave with the yes."""

    how: str
    """``key``, ``name and key``, ``--yes``, ``--confirm prod``."""
    named: str = ""
    reason: str = ""
    window: WriteWindow | None = None
    """The window that is open, or that this answer opens."""
    accepted: tuple[str, ...] = ()
    break_glass: bool = False
    """Whether the glass is broken with it."""


class RefusedError(Exception):
    """A guard said no or a confirmation is missing; it is in the audit log already. Nothing was sent."""

    def __init__(self, sentence: str, guards: tuple[GuardResult, ...], *, conflict: bool = False) -> None:
        super().__init__(sentence)
        self.guards = guards
        """Those that said no."""
        self.conflict = conflict
        """Stale or in conflict (exit 5), rather than refused (exit 3)."""


def told(against: tuple[GuardResult, ...]) -> str:
    """Which guards said no, why, and what lifts each."""
    return " ".join(f"{one.guard}: {one.reason} {one.remedy}".rstrip() for one in against)
