"""Plans put before a person, and their yes: what leads to an operation that may be executed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from fedesk.domain import guards
from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.operations import (
    Confirmation,
    GuardResult,
    Operation,
    Plan,
    Ruling,
    WriteWindow,
)
from fedesk.domain.plans import digest_of
from fedesk.domain.reruns import RerunRequest
from fedesk.domain.text import one_line
from fedesk.ports.changing import Processes, Systems
from fedesk.ports.errors import NotFoundError
from fedesk.ports.operation_store import OperationStore, Submission
from fedesk.ports.sources import Clock, Connection
from fedesk.services.hiding import hidden
from fedesk.services.judging import judge, needs_of
from fedesk.services.kinds import KINDS, kind_for
from fedesk.services.operation_kinds import Draft, OperationKind
from fedesk.services.proposals import Answer, Proposal, RefusedError

VALID_FOR = timedelta(minutes=15)
"""How long a plan may be confirmed."""
WINDOW = timedelta(hours=1)
"""How long a write window is open."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Makes plans, judges them and takes their confirmation; sends nothing itself. Blocking."""

    store: OperationStore
    systems: Systems
    catalogue: Catalogue
    environments: Mapping[str, EnvironmentFacts]
    actor: Actor
    clock: Clock
    new_id: Callable[[], str]
    """Mints ids of operations: UUIDv7."""
    made_by: str
    processes: Processes | None = None

    def propose(
        self, request: RerunRequest, window: WriteWindow | None = None, *, asked: bool = False
    ) -> Proposal:
        """A plan for running something again, judged: one look at the system, and nothing is changed.

        ``asked`` says that somebody has given the yes with it (a command with ``--yes``): then it is recorded
        that there was nothing to do. Raises RefusedError where the target is outside the named environment, or
        its environment is not configured (recorded always); NotFoundError where there is nothing to run again;
        SourceError where the system cannot be read; StoreError.
        """
        raise NotImplementedError

    def with_window(self, proposal: Proposal, window: WriteWindow | None) -> Proposal:
        """The same plan, judged with a window that was opened or has ended. Asks no system; raises StoreError."""
        raise NotImplementedError

    def confirm(self, proposal: Proposal, answer: Answer) -> Operation:
        """Take the yes: judged again, and plan, guards and confirmation are durable. Asks no system.

        Raises RefusedError, which is in the audit log by then, and StoreError.
        """
        raise NotImplementedError

    def window(self, environment: str, reason: str) -> WriteWindow:
        """Open an hour in which a read-only environment may be changed; recorded.

        Raises RefusedError where there is no such environment, or no reason; StoreError.
        """
        raise NotImplementedError
