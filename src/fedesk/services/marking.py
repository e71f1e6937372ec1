"""What people on call say of findings: each is on the record, in the transaction that writes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fedesk.domain import role_guards
from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.front import Finding
from fedesk.domain.marks import (
    ACTION,
    REMEMBERED,
    Mark,
    MarkError,
    MarkKind,
    Marks,
    Quiet,
    check_quiet,
    key_of,
    marks_of,
    person_of,
    said_of,
    theme_of,
)
from fedesk.domain.roles import EVERY_RIGHT, Rights
from fedesk.ports.incident_store import DeskStore
from fedesk.ports.sources import Clock
from fedesk.services.hiding import hidden
from fedesk.services.proposals import RefusedError, told

_PHASES = {
    MarkKind.SNOOZE: Phase.CONFIGURATION,
    MarkKind.SILENCE: Phase.CONFIGURATION,
    MarkKind.LIFT: Phase.CONFIGURATION,
}
"""What alters who sees it; whatever else is said is a review of it."""


@dataclass(frozen=True, slots=True)
class Marking:
    """Reads and writes marks of one environment's findings; changes no system. Blocking.

    Each method raises StoreError; those that take a person's words raise MarkError. Those that write raise
    RefusedError, which is in the audit log by then, where the person has no role for it.
    """

    store: DeskStore
    actor: Actor
    clock: Clock
    rights: Rights = EVERY_RIGHT

    def known(self, environment: str) -> Marks:
        """Everything that still counts."""
        since = self.clock.now() - REMEMBERED
        return marks_of(self.store.marks(since, environment=environment), environment)

    def acknowledge(self, environment: str, finding: Finding) -> None:
        """Say that one has it."""
        self._say(environment, key_of(finding), MarkKind.ACKNOWLEDGE)

    def release(self, environment: str, finding: Finding) -> None:
        """Say that nobody has it. Raises MarkError where nobody has."""
        if not self.known(environment).state(finding, self.clock.now()).holder:
            raise MarkError("Nobody has it: there is nothing to give back.")
        self._say(environment, key_of(finding), MarkKind.RELEASE)

    def assign(self, environment: str, finding: Finding, whom: str) -> None:
        """Give it to somebody."""
        self._say(environment, key_of(finding), MarkKind.ASSIGN, whom=person_of(hidden(whom)))

    def note(self, environment: str, finding: Finding, said: str) -> None:
        """Write something down about it."""
        self._say(environment, key_of(finding), MarkKind.NOTE, said=said_of(said, "note"))

    def snooze(self, environment: str, finding: Finding, until: datetime, said: str = "") -> None:
        """Keep it out of the queue until a time."""
        check_quiet(finding, MarkKind.SNOOZE, until, self.clock.now())
        self._say(environment, key_of(finding), MarkKind.SNOOZE, until=until, said=said.strip())

    def silence(
        self, environment: str, finding: Finding, until: datetime, reason: str, owner: str = ""
    ) -> None:
        """Keep everything of its kind and subject out of the queue; ``owner`` answers for it."""
        check_quiet(finding, MarkKind.SILENCE, until, self.clock.now())
        said, whom = said_of(reason, "reason"), person_of(hidden(owner or self.actor.person))
        self._say(environment, theme_of(finding), MarkKind.SILENCE, whom=whom, until=until, said=said)

    def lift(self, environment: str, keys: Sequence[str]) -> tuple[Quiet, ...]:
        """End what is quiet under these names, and say what it was. Raises MarkError where nothing is."""
        quiets = self.known(environment).quiets(self.clock.now())
        found = tuple(one for one in quiets if one.key in keys)
        if not found:
            raise MarkError("It is neither snoozed nor silenced: there is nothing to lift.")
        for one in found:
            self._say(environment, one.key, MarkKind.LIFT)
        return found

    def _say(
        self,
        environment: str,
        key: str,
        kind: MarkKind,
        *,
        whom: str = "",
        until: datetime | None = None,
        said: str = "",
    ) -> None:
        now = self.clock.now()
        self._check_role(environment, key, kind, said)
        mark = Mark(
            environment=environment,
            finding=key,
            kind=kind,
            at=now,
            by=self.actor.person,
            whom=whom,
            until=until,
            said=said,
        )
        to = f" {'to' if kind is MarkKind.ASSIGN else 'for'} {whom}" if whom else ""
        result = f"{kind}{to}{f' until {until:%Y-%m-%d %H:%M:%S} UTC' if until else ''}"
        self.store.mark(mark, self._record(environment, key, _PHASES.get(kind, Phase.REVIEW), said, result))

    def _check_role(self, environment: str, key: str, kind: MarkKind, reason: str) -> None:
        against = role_guards.against(self.rights, ACTION, environment)
        if against:
            said = told(against)
            self.store.append(self._record(environment, key, Phase.REFUSAL, reason, f"{kind}: {said}"))
            raise RefusedError(said, against)

    def _record(self, environment: str, key: str, phase: Phase, reason: str, result: str) -> AuditDraft:
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=environment,
            action=ACTION,
            target=key,
            phase=phase,
            reason=reason,
            result=result,
        )
