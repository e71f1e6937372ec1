"""Looking again at operations that nobody carries on: what was done is found out, nothing is ever sent."""

import time
from collections.abc import Callable, Mapping

from fedesk.domain.audit import Actor
from fedesk.domain.operations import Operation
from fedesk.ports.changing import Processes, Systems
from fedesk.ports.operation_store import OperationStore
from fedesk.ports.sources import Clock
from fedesk.services.operation_kinds import OperationKind


def left_alone(operation: Operation, *, clock: Clock, processes: Processes) -> str:
    """Why ``recheck`` would leave an operation as it is, in one sentence; empty where it would look."""
    raise NotImplementedError


def recheck(
    operation: str,
    *,
    store: OperationStore,
    systems: Systems,
    clock: Clock,
    processes: Processes,
    actor: Actor,
    kinds: Mapping[str, OperationKind] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Operation:
    """Settle an operation whose owner has died or whose outcome is unknown, and return it as it then stands.

    One that is left alone (``left_alone`` says why) is returned as it is. Raises NotClaimableError where
    the store does not know it, ReservedError, LeaseLostError, StoreError.
    """
    raise NotImplementedError
