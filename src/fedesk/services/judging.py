"""Guards put to a plan: what they need is gathered, the rules of ``domain.guards`` judge, the kind weighs.

Used for the proposal, for its confirmation, and again by the runner right before anything is sent.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from fedesk.domain import guards
from fedesk.domain.catalogue import Catalogue, in_environment
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.guards import Situation, Spent
from fedesk.domain.operations import Confirmation, GuardResult, Operation, Plan, Ruling, WriteWindow
from fedesk.domain.partitions import period_around, reservation
from fedesk.ports.changing import Processes
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.operation_store import OperationReader
from fedesk.services.operation_kinds import Draft, OperationKind, Weight
from fedesk.services.proposals import Needs

LEASE_GRACE = timedelta(seconds=30)
"""How far beyond its lease an owner on another machine is still taken to be alive."""


def judge(
    plan: Plan,
    kind: OperationKind,
    draft: Draft | SourceError,
    *,
    store: OperationReader,
    catalogue: Catalogue,
    environment: EnvironmentFacts | None,
    confirmation: Confirmation | None,
    window: WriteWindow | None,
    now: datetime,
    named: str | None = None,
    processes: Processes | None = None,
) -> tuple[GuardResult, ...]:
    """Every guard's ruling, in the order they are shown. Asks no system; raises StoreError.

    ``draft`` is what the kind makes of the systems now, or the error in which looking ended. ``environment`` is
    the target's as it is configured, None where it is not. Without ``processes`` an owner counts as alive.
    """
    raise NotImplementedError


def needs_of(
    plan: Plan,
    kind: OperationKind,
    environment: EnvironmentFacts | None,
    window: WriteWindow | None,
    rulings: Iterable[GuardResult],
    now: datetime,
) -> Needs:
    """What a confirmation has to bring (design, rule 7)."""
    raise NotImplementedError
