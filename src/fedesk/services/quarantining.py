"""Releases put into quarantine, and let out again; what rollbacks hold is lifted here as well."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.incidents import minted
from fedesk.domain.release_stops import ROLLBACK, in_force, lifted_said, unknown_stop_said
from fedesk.domain.releases import ReleaseStop, StopKind
from fedesk.domain.roles import EVERY_RIGHT, Rights
from fedesk.ports.incident_store import DeskStore
from fedesk.ports.operation_store import OperationReader
from fedesk.ports.sources import Clock
from fedesk.ports.stop_store import StopConflictError, UnknownStopError
from fedesk.services.hiding import hidden
from fedesk.services.permitting import permit

_DIGITS = 64
_SHORTEST = 12
_ALGORITHM = "sha256:"
_HEX = frozenset("0123456789abcdef")
_ROLLBACKS = 1_000
"""Newest rollbacks among which those that hold a release are looked for."""


class QuarantineError(Exception):
    """What was asked for cannot be: one sentence. Exit 2."""


def standing_against(
    store: OperationReader, *, service: str | None = None, environment: str = ""
) -> tuple[ReleaseStop, ...]:
    """What stands against releases of a service, or of all: quarantines, and what rollbacks hold.

    Of holds those of ``environment``, or of all where none is named. Raises StoreError.
    """
    rollbacks = store.operations(environment=environment or None, kinds=(ROLLBACK,), limit=_ROLLBACKS)
    found = in_force(store.stops(service=service), rollbacks, environment)
    return tuple(one for one in found if service in (None, one.service))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantining:
    """Writes the desk's stops; changes no system. Blocking; each method raises StoreError."""

    store: DeskStore
    actor: Actor
    clock: Clock
    new_id: Callable[[], str]
    """Mints UUIDv7s."""
    rights: Rights = EVERY_RIGHT

    def put(self, service: str, digest: str, reason: str) -> ReleaseStop:
        """Put a release into quarantine, everywhere. Raises QuarantineError, RefusedError (recorded).

        ``digest`` is the whole one. Raises StopConflictError where it is in quarantine already.
        """
        whole = digest if digest.startswith(_ALGORITHM) else _ALGORITHM + digest
        if len(whole) != len(_ALGORITHM) + _DIGITS or not set(whole.removeprefix(_ALGORITHM)) <= _HEX:
            raise QuarantineError(
                f"{digest!r} is no digest of a release: sha256: and {_DIGITS} hexadecimal digits; "
                "a tag moves, and stops nothing."
            )
        why = _worded(reason)
        now = self.clock.now()
        number = int(self.new_id().replace("-", "")[-8:], 16)
        stop = ReleaseStop(
            id=minted(now, number).replace("FD", "QRT", 1),
            kind=StopKind.QUARANTINE,
            service=service,
            digest=whole,
            reason=why,
            by=self.actor.person,
            at=now,
        )
        self._permit("quarantine", stop)
        self.store.stop(stop, self._draft("quarantine", stop, why, "put into quarantine"))
        return stop

    def lift(self, given: str, reason: str) -> ReleaseStop:
        """Lift a quarantine, or the hold of a rollback, by its id or the beginning of it.

        Raises UnknownStopError, StopConflictError, QuarantineError, RefusedError (recorded).
        """
        why, found = _worded(reason), self._one(given)
        if found.lifted_at is not None:
            raise StopConflictError(lifted_said(found))
        self._permit("quarantine-lift", found)
        draft = self._draft("quarantine-lift", found, why, "lifted")
        now, person = self.clock.now(), self.actor.person
        lifted = replace(found, lifted_at=now, lifted_by=person, lifted_reason=why)
        if found.kind is StopKind.HOLD:
            # The rollback is the hold; what is written is that it was lifted.
            self.store.stop(replace(lifted, at=now, by=person, reason=why), draft)
        else:
            self.store.lift_stop(found.id, now, person, why, draft)
        return lifted

    def listed(self) -> tuple[ReleaseStop, ...]:
        """All that stand; the oldest first."""
        return standing_against(self.store)

    def _one(self, given: str) -> ReleaseStop:
        wanted = given.strip()
        written = self.store.stops()
        named = [one for one in written if one.id.casefold() == wanted.casefold()]
        if named:
            return named[0]
        operation = self.store.operation(wanted.lower()) if len(wanted) >= _SHORTEST else None
        holds = in_force(written, (operation,)) if operation is not None else ()
        found = [one for one in holds if one.kind is StopKind.HOLD]
        if not found:
            raise UnknownStopError(unknown_stop_said(given))
        return found[0]

    def _permit(self, verb: str, stop: ReleaseStop) -> None:
        permit(
            verb,
            stop.environment,
            f"{stop.service}@{stop.digest}",
            rights=self.rights,
            store=self.store,
            actor=self.actor,
            clock=self.clock,
        )

    def _draft(self, action: str, stop: ReleaseStop, reason: str, result: str) -> AuditDraft:
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=stop.environment,
            action=action,
            target=f"{stop.service}@{stop.digest}",
            phase=Phase.CONFIGURATION,
            operation=stop.operation,
            reason=reason,
            result=f"{result}: {stop.id}",
        )


def _worded(reason: str) -> str:
    if not reason.strip():
        raise QuarantineError("Say why; on the command line --reason TEXT.")
    return hidden(reason.strip())
