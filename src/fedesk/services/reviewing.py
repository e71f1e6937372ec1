"""Reviews of what was done past the rules: by somebody else, with their record in the same transaction."""

from dataclasses import dataclass

from fedesk.domain import reviews
from fedesk.domain.audit import Actor, AuditDraft, AuditRecord, Phase
from fedesk.domain.operations import GuardResult, Ruling
from fedesk.domain.reviews import VERB, Review
from fedesk.domain.roles import EVERY_RIGHT, Rights
from fedesk.ports.incident_store import DeskStore
from fedesk.ports.review_store import UnknownRecordError
from fedesk.ports.sources import Clock
from fedesk.services.hiding import hidden
from fedesk.services.permitting import permit
from fedesk.services.proposals import RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewing:
    """Reads what waits for a review, and takes one. Blocking; each method raises StoreError."""

    store: DeskStore
    actor: Actor
    clock: Clock
    rights: Rights = EVERY_RIGHT

    def waiting(self, environment: str | None = None) -> tuple[AuditRecord, ...]:
        """Records that nobody else has reviewed yet, oldest first."""
        return self.store.unreviewed(environment=environment)

    def review(self, seq: int, said: str, *, rotated: bool = False) -> Review:
        """Say that one has looked at a record.

        Raises UnknownRecordError, ReviewError where this is no review of it, RefusedError, recorded, where it
        is one's own or one has no right to it, and ReviewedError where somebody was before.
        """
        record = self.store.record(seq)
        if record is None:
            raise UnknownRecordError(f"There is no record {seq}; `fedesk audit review` lists what waits.")
        reviews.check(record, said, rotated=rotated)
        target, environment = f"record {seq}", record.draft.environment
        permit(
            VERB,
            environment,
            target,
            rights=self.rights,
            store=self.store,
            actor=self.actor,
            clock=self.clock,
            reason=hidden(said.strip()),
        )
        why = reviews.own(record, self.actor.person)
        if why:
            self.store.append(self._draft(record, Phase.REFUSAL, said, why))
            raise RefusedError(why, (GuardResult(guard=VERB, ruling=Ruling.DENY, reason=why),))
        result = "reviewed, and the credential was rotated" if rotated else "reviewed"
        review = Review(reviewed=seq, at=self.clock.now(), by=self.actor.person, said=hidden(said.strip()))
        self.store.review(review, self._draft(record, Phase.REVIEW, said, result))
        return self.store.review_of(seq) or review

    def _draft(self, record: AuditRecord, phase: Phase, said: str, result: str) -> AuditDraft:
        draft = record.draft
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=draft.environment,
            action=VERB,
            target=f"record {record.seq}",
            phase=phase,
            operation=draft.operation,
            plan_digest=draft.plan_digest,
            reason=hidden(said.strip()),
            result=result,
        )
