"""What others say of a plan: signed, judged, kept; and where a plan stands that waits for them.

A statement that counts is kept behind its record; one that does not is recorded as a refusal, and told. Each
desk judges by its own configuration, and so does whoever executes: of what is kept, signatures are believed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

from fedesk.domain.approving import (
    PRINCIPAL,
    Action,
    Brought,
    Standing,
    Statement,
    StatementError,
    rejected_said,
    standing,
    statement_bytes,
    statement_of,
)
from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.guards import APPROVALS
from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.open_operations import Awaited
from fedesk.domain.operations import GuardResult, Operation, Plan, Ruling, Stage
from fedesk.domain.plans import digest_of
from fedesk.domain.policy import Governance, Rule
from fedesk.ports.approving import ApprovingStore, Checked, Signatures
from fedesk.ports.errors import CredentialError, NotFoundError, SourceError
from fedesk.ports.operation_store import NotClaimableError, SignedStatement
from fedesk.ports.sources import Bulkhead, Clock
from fedesk.services.kinds import KINDS
from fedesk.services.operation_kinds import OperationKind
from fedesk.services.proposals import RefusedError

BELIEVED = timedelta(minutes=1)
"""How long a signature is not checked again: files that say whose count are altered now and then."""
_PHASES = {Action.REQUEST: Phase.APPROVAL, Action.APPROVE: Phase.APPROVAL, Action.REJECT: Phase.REJECTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A plan that others have a say in, out of a store or a file."""

    plan: Plan
    digest: str
    confirmed_by: str
    accepted: tuple[str, ...] = ()
    """Guards that its confirmation accepted."""
    statements: tuple[SignedStatement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """Takes statements and judges them. Blocking."""

    store: ApprovingStore
    signatures: Bulkhead[Signatures] | None
    """None where ``identity.allowed_signers`` is not configured: nobody's signature counts then."""
    governance: Governance
    actor: Actor
    principal: str
    """Who is at the desk, as in ``allowed_signers``; empty where that is not configured."""
    clock: Clock
    new_nonce: Callable[[], str]
    executed: frozenset[str] = frozenset()
    """Environments whose changes are an executor's, who believes signatures alone."""
    kinds: Mapping[str, OperationKind] = field(default_factory=lambda: KINDS)
    _checked: dict[tuple[bytes, str], tuple[float, Checked]] = field(default_factory=dict)

    # Where it stands

    def rule(self, plan: Plan, accepted: Iterable[str]) -> Rule:
        """What the policy asks of a plan with what its confirmation accepted."""
        return self.governance.policy.needed(self.verb(plan), plan.environment, accepted)

    def verb(self, plan: Plan) -> str:
        """What a plan does, as audit log and policy have it."""
        kind = self.kinds.get(plan.kind)
        return plan.kind if kind is None else kind.action

    def wants_signature(self, rule: Rule, environment: str) -> bool:
        """Whether who asks for a plan signs it: where others have to, or an executor is to believe it."""
        return rule.approvals > 0 or environment in self.executed

    @property
    def asks_anybody(self) -> bool:
        """Whether any plan at all may have to wait, or to be signed; where none has, none need be read."""
        return bool(self.executed) or self.governance.policy.asks_others

    def is_asked(self, operation: Operation) -> bool:
        """Whether others have a say in an operation, or signatures are wanted of it at all."""
        plan, given = operation.plan, operation.confirmation
        # Whether broken glass serves is a guard's to say, where it is executed.
        asked = self.wants_signature(self.rule(plan, given.accepted), plan.environment)
        return asked and not given.break_glass

    def standing(self, operation: Operation) -> Standing:
        """Where an operation stands by what was brought on its plan. Raises SourceError, StoreError."""
        return self.judged(self.case_of(operation))

    def waits(self, operation: Operation) -> str:
        """What it waits for, and how that is given, in a sentence; empty where it may begin.

        Raises SourceError, StoreError.
        """
        if operation.stage is not Stage.CONFIRMED or not self.is_asked(operation):
            return ""
        return waits_said(operation, self.standing(operation))

    def awaited(self, operation: Operation) -> Awaited | None:
        """The same for who follows it; None where nobody else has a say, or it has begun. Raises StoreError.

        What cannot be told is said in its place.
        """
        if operation.stage is not Stage.CONFIRMED or not self.is_asked(operation):
            return None
        try:
            found = self.standing(operation)
        except SourceError as error:
            return Awaited(said=str(error), since=operation.confirmed_at)
        return Awaited(
            said=found.said,
            since=max((one.at for one in found.approvals), default=operation.confirmed_at),
            is_mine=self._is_mine(operation, found),
            approved_by=tuple(one.approver for one in found.approvals),
            others=found.people,
            is_rejected=found.rejection is not None,
            refused=tuple(
                f"{one.statement.action} by {one.statement.approver}: {one.why}" for one in found.refused
            ),
        )

    def _is_mine(self, operation: Operation, found: Standing) -> bool:
        """Whether whoever is at the desk may give one of the approvals that are missing."""
        if not found.missing or found.rejection is not None or not self.principal:
            return False
        given = {one.approver for one in found.approvals}
        asked = {operation.plan.requester, operation.confirmation.by}
        may = self.principal in found.people if self.governance.people else self.principal not in asked
        return may and self.principal not in given

    def case_of(self, operation: Operation) -> Case:
        """An operation as a case, with what was brought; nothing is read where nobody else has a say.

        Its digest is that of the plan as it is there, which is what people are shown and sign.
        """
        asked = self.is_asked(operation)
        return Case(
            plan=operation.plan,
            digest=digest_of(operation.plan),
            confirmed_by=operation.confirmation.by,
            accepted=operation.confirmation.accepted,
            statements=self.store.statements(operation.plan.operation) if asked else (),
        )

    def judged(self, case: Case, *more: Brought) -> Standing:
        """The same of a case, with what is brought now. Raises SourceError, StoreError."""
        rule = self.rule(case.plan, case.accepted)
        return standing(
            case.plan,
            case.digest,
            (*self._brought(case), *more),
            rule=rule,
            people=self.governance.people,
            confirmed_by=case.confirmed_by,
            wants_request=self.wants_signature(rule, case.plan.environment),
            now=self.clock.now(),
        )

    def _brought(self, case: Case) -> tuple[Brought, ...]:
        used = self.store.used_for([one.nonce for one in case.statements]) if case.statements else {}
        found = []
        for one in case.statements:
            try:
                statement = statement_of(one.raw)
            except StatementError:
                # It was kept past fedesk, and says nothing that could be shown.
                continue
            flaw, key = "it is kept under the nonce of another", ""
            if statement.nonce == one.nonce:
                checked = self._check(statement, one.raw, one.signature)
                flaw, key = checked.flaw, checked.key
            other = used.get(one.nonce, case.plan.operation)
            used_for = "" if other == case.plan.operation else other
            found.append(Brought(statement=statement, flaw=flaw, key=key, used_for=used_for))
        return tuple(found)

    def _check(self, statement: Statement, raw: bytes, signature: str) -> Checked:
        now = self.clock.monotonic()
        at, known = self._checked.get((raw, signature), (0.0, None))
        if known is not None and now - at < BELIEVED.total_seconds():
            return known
        found = self._keys().call(lambda keys: keys.check(raw, signature, statement.approver, statement.at))
        self._checked[raw, signature] = (now, found)
        return found

    def _keys(self) -> Bulkhead[Signatures]:
        if self.signatures is None:
            raise NotFoundError(
                "Nothing says whose signatures count: name a file in identity.allowed_signers."
            )
        return self.signatures

    # What is said

    def request(self, plan: Plan, digest: str, accepted: Iterable[str]) -> SignedStatement | None:
        """The requester's own statement, signed; None where none is wanted. Raises SourceError."""
        if not self.wants_signature(self.rule(plan, accepted), plan.environment):
            return None
        case = Case(plan=plan, digest=digest, confirmed_by=self.actor.person, accepted=tuple(accepted))
        return self.signed(self.draft(case, Action.REQUEST, self.principal, plan.reason))

    def draft(self, case: Case, action: Action, approver: str, reason: str = "") -> Statement:
        """What somebody would sign; it holds as long as the plan. Raises CredentialError for no principal."""
        if PRINCIPAL.fullmatch(approver) is None:
            raise CredentialError(
                "Who signs is not known: name yourself in identity.principal, as in allowed_signers."
                if not approver
                else f"{kept_name(approver)[:80]} is no principal, which is ASCII without spaces."
            )
        return Statement(
            plan=case.digest,
            operation=case.plan.operation,
            environment=case.plan.environment,
            action=action,
            approver=approver,
            nonce=self.new_nonce(),
            at=self.clock.now(),
            expires_at=case.plan.expires_at,
            reason=kept_text(reason.strip()),
        )

    def signed(self, statement: Statement) -> SignedStatement:
        """A statement, signed with the key of who is at the desk. Raises SourceError."""
        raw = statement_bytes(statement)
        return self.taken(raw, self._keys().call(lambda keys: keys.sign(raw)))

    def taken(self, raw: bytes, signature: str) -> SignedStatement:
        """What somebody brings, as it would be kept. Raises StatementError."""
        statement = statement_of(raw)
        return SignedStatement(
            nonce=statement.nonce,
            action=statement.action.value,
            principal=statement.approver,
            raw=raw,
            signature=signature,
            at=self.clock.now(),
            brought_by=self.actor.person,
        )

    def approve(self, operation: str, reason: str = "") -> Standing:
        """Approve a plan that waits for it, in one's own name; where it stands then.

        Raises RefusedError where it does not count, which is in the audit log by then; NotClaimableError
        where the plan waits for nothing; SourceError where it cannot be signed; StoreError.
        """
        return self._say(operation, Action.APPROVE, reason)

    def reject(self, operation: str, reason: str) -> Standing:
        """The same, of a no. It is final."""
        return self._say(operation, Action.REJECT, reason)

    def bring(self, operation: str, signed: SignedStatement) -> Standing:
        """Take a statement that was signed elsewhere; where the plan stands then. Raises as ``approve``."""
        return self._bring(self._waiting(operation), signed)

    def say(self, case: Case, action: Action, reason: str) -> tuple[SignedStatement, Standing]:
        """Sign what is said of a plan out of a file, on this desk's record alone. Raises as ``approve``."""
        self._check_waits(case)
        signed = self._signed_fit(case, action, reason)
        statement, _, after = self._judged_fit(case, signed)
        self.store.append(self._record(case, statement, _PHASES[statement.action], "signed, to be imported"))
        return signed, after

    def refuse_to_begin(self, operation: Operation, why: str) -> None:
        """Record that somebody wanted to execute a plan that waits."""
        case = self.case_of(operation)
        plan = case.plan
        self.store.append(self._draft(case, self.verb(plan), Phase.REFUSAL, why, plan.reason))

    def record_export(self, operation: Operation) -> None:
        """Record that a plan leaves in a file; what cannot be recorded is not exported. Raises StoreError."""
        case = self.case_of(operation)
        self.store.append(self._draft(case, "plan-export", Phase.EXPORT, "as a file", case.plan.reason))

    def _say(self, operation: str, action: Action, reason: str) -> Standing:
        case = self._waiting(operation)
        return self._bring(case, self._signed_fit(case, action, reason))

    def _signed_fit(self, case: Case, action: Action, reason: str) -> SignedStatement:
        """One's own statement; what would not count is told before anybody is asked to touch a key."""
        draft = self.draft(case, action, self.principal, reason)
        self._refuse_unfit(case, Brought(statement=draft))
        return self.signed(draft)

    def _waiting(self, operation: str) -> Case:
        found = self.store.operation(operation)
        if found is None:
            raise NotClaimableError(f"There is no operation {operation} in this store.")
        if found.stage is not Stage.CONFIRMED:
            ended = f"has ended: {found.outcome}" if found.stage is Stage.ENDED else "has begun"
            raise NotClaimableError(
                f"Operation {found.plan.operation} {ended}. Nothing more is to be said of its plan."
            )
        if found.confirmation.break_glass:
            raise NotClaimableError(
                f"Operation {found.plan.operation} waits for nobody: the glass was broken for it. "
                "`fedesk audit review` has its record."
            )
        case = self.case_of(found)
        self._check_waits(case)
        return case

    def _check_waits(self, case: Case) -> None:
        id_, rule = case.plan.operation, self.rule(case.plan, case.accepted)
        if not self.wants_signature(rule, case.plan.environment):
            raise NotClaimableError(f"Operation {id_} waits for nobody: the policy asks for no approval.")
        rejection = self.judged(case).rejection
        if rejection is not None:
            raise NotClaimableError(f"Operation {id_} was {rejected_said(rejection)}.")

    def _bring(self, case: Case, signed: SignedStatement) -> Standing:
        statement, key, after = self._judged_fit(case, signed)
        said = f"{statement.action} by {statement.approver} with the key {key}. {after.said}".rstrip()
        record = self._record(case, statement, _PHASES[statement.action], said)
        self.store.bring(case.plan.operation, signed, record)
        return after

    def _judged_fit(self, case: Case, signed: SignedStatement) -> tuple[Statement, str, Standing]:
        """A statement whose signature was checked, its key, and where the plan stands with it."""
        statement = statement_of(signed.raw)
        checked = self._check(statement, signed.raw, signed.signature)
        one = Brought(statement=statement, flaw=checked.flaw, key=checked.key)
        return statement, checked.key, self._refuse_unfit(case, one)

    def _refuse_unfit(self, case: Case, one: Brought) -> Standing:
        """Where the plan stands with one statement more; raises RefusedError, recorded, where it is none."""
        after = self.judged(case, one)
        for refused in after.refused:
            if refused.statement == one.statement:
                said = f"The {_NOUNS[one.statement.action]} of {one.statement.approver} does not count: "
                self._refuse(case, one.statement, f"{said}{refused.why}.")
        return after

    def _refuse(self, case: Case, statement: Statement, said: str) -> NoReturn:
        self.store.append(self._record(case, statement, Phase.REFUSAL, said))
        raise RefusedError(said, (GuardResult(guard=APPROVALS, ruling=Ruling.DENY, reason=said),))

    def _record(self, case: Case, statement: Statement, phase: Phase, result: str) -> AuditDraft:
        return self._draft(case, statement.action.value, phase, result, statement.reason)

    def _draft(self, case: Case, action: str, phase: Phase, result: str, reason: str) -> AuditDraft:
        plan = case.plan
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=plan.environment,
            action=action,
            target=", ".join(target.name for target in plan.targets),
            phase=phase,
            operation=plan.operation,
            plan_digest=case.digest,
            reason=kept_text(reason),
            result=kept_text(result),
            links=tuple(target.link for target in plan.targets if target.link),
        )


def waits_said(operation: Operation, found: Standing) -> str:
    """Operation 019a… waits for 1 approval of an approver (ann@…). To give one: `fedesk approve 019a…`.

    Empty for one that waits no more: approved, or rejected, which whoever executes it ends.
    """
    if found.is_enough or found.rejection is not None:
        return ""
    id_ = operation.plan.operation
    who = f" ({', '.join(found.people)})" if found.people else ""
    until = f"{operation.plan.expires_at:%Y-%m-%d %H:%M} UTC"
    give = f" To give one: `fedesk approve {id_}`" if found.missing else ""
    return f"Operation {id_} {found.said}{who}, until {until}.{give}".rstrip(".") + "."


_NOUNS = {Action.REQUEST: "request", Action.APPROVE: "approval", Action.REJECT: "rejection"}
