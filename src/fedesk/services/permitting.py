"""Whether the person at the desk may do what has no plan; a no is in the audit log before it is told."""

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.role_guards import against
from fedesk.domain.roles import Rights
from fedesk.ports.operation_store import OperationStore
from fedesk.ports.sources import Clock
from fedesk.services.proposals import RefusedError, told


def permit(
    verb: str,
    environment: str,
    target: str,
    *,
    rights: Rights,
    store: OperationStore,
    actor: Actor,
    clock: Clock,
    reason: str = "",
) -> None:
    """Return where the person may; else record the refusal and raise RefusedError. Raises StoreError.

    ``verb`` is one of ``domain.roles.RIGHTS``, and the action of the record.
    """
    found = against(rights, verb, environment)
    if not found:
        return
    said = told(found)
    store.append(
        AuditDraft(
            at=clock.now(),
            actor=actor,
            environment=environment,
            action=verb,
            target=target or environment,
            phase=Phase.REFUSAL,
            reason=reason,
            result=said,
        )
    )
    raise RefusedError(said, found)
