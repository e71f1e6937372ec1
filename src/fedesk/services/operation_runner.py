"""The one place that changes anything: a confirmed operation is carried out, each effect sent at most once.

Nothing else names or calls ``apply`` (``tests/unit/test_one_way_to_change.py``, import-linter).
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from fedesk.domain.audit import Actor
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Call, Operation, Receipt
from fedesk.ports.changing import Processes, Settles, Systems
from fedesk.ports.operation_store import OperationStore, StoreError
from fedesk.ports.sources import Bulkhead, Clock
from fedesk.services.operation_kinds import OperationKind


class Changer(Settles, Protocol):
    """A system as it is changed. Blocking, called on the bulkhead's threads only."""

    def apply(self, call: Call) -> Receipt:
        """Carry a (filled) call out, once, and say what the system answered.

        Raises NotSentError where no byte left, and other SourceErrors. ServerFaultError, UnreachableError,
        DeadlineError and ProtocolError leave open whether it was done; all others say that it was not.
        """


class ChangingSystems(Systems, Protocol):
    """The configured systems, to be read and to be changed."""

    def changing(self, name: ConnectionName) -> Bulkhead[Changer]:
        """How a connection is changed; raises NotFoundError where it is not configured, or cannot be."""


class UnrecordedError(StoreError):
    """Something was sent, and what came of it could not be written down (exit 7). A recheck settles it."""


def execute(  # noqa: PLR0913 - all that it touches is given to it
    operation: str,
    *,
    store: OperationStore,
    systems: ChangingSystems,
    catalogue: Catalogue,
    environments: Mapping[str, EnvironmentFacts],
    actor: Actor,
    clock: Clock,
    processes: Processes,
    pause: Callable[[float], None],
    kinds: Mapping[str, OperationKind] | None = None,
) -> Operation:
    """Carry a confirmed operation out to its end, and return it as it ended.

    Raises NotClaimableError where it does not wait to be executed, LeaseLostError where somebody has taken it
    over, UnrecordedError, and StoreError where the store failed before anything was sent.
    """
    raise NotImplementedError
