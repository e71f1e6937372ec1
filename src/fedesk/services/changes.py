"""Plans put before a person, and their yes: what leads to an operation that may be executed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

from fedesk.domain import break_glass, deploy_guards, guards, role_guards
from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.incidents import WINDOW_ACTION, Incident, closed_said, named_in, reason_for
from fedesk.domain.open_operations import Awaited
from fedesk.domain.operations import (
    Confirmation,
    GuardResult,
    Operation,
    Plan,
    Ruling,
    WriteWindow,
)
from fedesk.domain.plans import digest_of
from fedesk.domain.policy import UNGOVERNED, Governance, override_of
from fedesk.domain.requests import Request
from fedesk.domain.reruns import RerunRequest
from fedesk.domain.reviews import WANTED as REVIEW_WANTED
from fedesk.domain.roles import Rights
from fedesk.ports.changing import Processes, Systems
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.incident_store import DeskStore, IncidentConflictError
from fedesk.ports.operation_store import StoreUnavailableError, Submission
from fedesk.ports.sources import Clock, Connection
from fedesk.services.approvals import Approvals
from fedesk.services.draft_documents import Drafted, DraftError
from fedesk.services.executor_drafts import ExecutorDrafts
from fedesk.services.hiding import hidden
from fedesk.services.judging import judge, needs_of
from fedesk.services.kinds import KINDS, kind_for, verb_of
from fedesk.services.operation_kinds import Around, Draft, OperationKind
from fedesk.services.proposals import Answer, Needs, Proposal, RefusedError, told

WINDOW = timedelta(hours=1)
"""How long a write window is open."""


def _untold(sentence: str) -> None:
    """Nobody is there to be told."""
    del sentence


@dataclass(frozen=True, slots=True)
class Changes:
    """Makes plans, judges them and takes their confirmation; sends nothing itself. Blocking."""

    store: DeskStore
    systems: Systems
    catalogue: Catalogue
    environments: Mapping[str, EnvironmentFacts]
    actor: Actor
    clock: Clock
    new_id: Callable[[], str]
    """Mints ids of operations: UUIDv7."""
    made_by: str
    processes: Processes | None = None
    governance: Governance = UNGOVERNED
    os_user: str = ""
    """The user of this machine."""
    approvals: Approvals | None = None
    """What has whoever asks for a plan sign it, where others have a say."""
    sealed: Mapping[str, str] = field(default_factory=dict)
    """By environment, why the glass cannot be broken from this desk."""
    emergency: Mapping[str, str] = field(default_factory=dict)
    """By environment, which sealed credentials are used where it is broken."""
    drafts: Mapping[str, ExecutorDrafts] = field(default_factory=dict)
    """By environment, who is asked for a draft that is better made by its executor."""
    past_store: Mapping[str, str] = field(default_factory=dict)
    """By environment, what is said beside a team's store that does not answer."""
    apart: str = ""
    """The team's store that does not answer, where this one is a local one in its place."""

    @property
    def rights(self) -> Rights:
        """What the person at the desk may do."""
        return Rights(people=self.governance.people, person=self.actor.person, os_user=self.os_user)

    @property
    def around(self) -> Around:
        """What plans are drafted from."""
        return Around(
            systems=self.systems,
            catalogue=self.catalogue,
            store=self.store,
            environments=self.environments,
            clock=self.clock,
        )

    def propose(
        self,
        request: Request,
        window: WriteWindow | None = None,
        *,
        asked: bool = False,
        break_glass: bool = False,
        tell: Callable[[str], None] = _untold,
    ) -> Proposal:
        """A plan for running something again, judged: one look at the system, and nothing is changed.

        Where its draft would be another with an executor's rights, that one is asked for it, which takes as
        long as a build of its job: ``tell`` hears what is waited for, and may raise to leave. With
        ``break_glass`` nobody waits for an executor that the broken glass goes past.

        ``asked`` says that somebody has given the yes with it (a command with ``--yes``): then it is recorded
        that there was nothing to do. Raises RefusedError where the target is outside the named environment,
        or its environment is not configured (recorded always); NotFoundError where there is nothing to run
        again; SourceError where the system cannot be read; StoreError.
        """
        self._refuse_outside(request)
        connection = self.systems.reading(request.connection)
        try:
            kind = kind_for(request, connection)
            draft = kind.draft(request, self.around)
        except NotFoundError as error:
            if asked:
                self.record_undone(request, str(error))
            raise
        drafted = Drafted(draft=draft, made_by=self.made_by)
        proposal = self._judged(self._whole(request, kind, connection, drafted), window)
        drafts = self._asked_for(self.with_broken_glass(proposal) if break_glass else proposal)
        if drafts is not None and isinstance(request, RerunRequest):
            drafted = self._by_executor(drafts, request, kind, connection, draft, tell)
            proposal = self._judged(self._whole(request, kind, connection, drafted), window)
        elif drafts is not None:
            # It drafts re-runs alone, and refuses of others what it would have to plan itself.
            refused = deploy_guards.started_by(drafts.job.where)
            others = (one for one in draft.guards if one.guard != refused.guard)
            own = replace(draft, guards=(*others, refused))
            proposal = self._judged(replace(proposal, draft=own), window)
        plan = proposal.plan
        # What is to be accepted may have it wait for others, and so live longer.
        policy, accept = self.governance.policy, proposal.needs.accept
        lives = policy.needed(kind.action, plan.environment, accept).lives
        if plan.made_at + lives != plan.expires_at:
            longer = replace(plan, expires_at=plan.made_at + lives)
            proposal = self._judged(replace(proposal, plan=longer), window)
        outside = tuple(one for one in proposal.guards if one.blocks and one.guard in guards.OUTSIDE)
        if outside:
            self._refuse(plan, outside)
        return proposal

    def _whole(
        self, request: Request, kind: OperationKind, connection: Connection, drafted: Drafted
    ) -> Proposal:
        """A draft as a proposal that nobody has judged."""
        plan = self._plan(kind, connection, drafted)
        return Proposal(plan=plan, guards=(), needs=Needs(), draft=drafted.draft, named=request.environment)

    def _asked_for(self, proposal: Proposal) -> ExecutorDrafts | None:
        """Who is asked for a better draft: nobody for what is denied anyway, or where the glass is broken."""
        environment, draft = proposal.plan.environment, proposal.draft
        if draft is None or not draft.personal or any(one.ruling is Ruling.DENY for one in proposal.guards):
            return None
        if proposal.break_glass and self.emergency.get(environment):
            return None
        return self.drafts.get(environment)

    def _by_executor(
        self,
        drafts: ExecutorDrafts,
        request: RerunRequest,
        kind: OperationKind,
        connection: Connection,
        own: Draft,
        tell: Callable[[str], None],
    ) -> Drafted:
        """The executor's draft; the desk's own where it cannot be had, with the reason in its notes."""
        try:
            drafted = drafts.ask(request, own, kind, connection, tell)
        except (DraftError, SourceError) as error:
            why = f"The executor drafts again and refuses what differs; it gave no draft now: {error}"
            return Drafted(draft=replace(own, notes=(*own.notes, hidden(why))), made_by=self.made_by)
        note = f"Drafted by the executor {drafts.job.where}, with its own rights: {own.personal}."
        draft = replace(drafted.draft, notes=(*drafted.draft.notes, note))
        return replace(drafted, draft=draft)

    def with_window(self, proposal: Proposal, window: WriteWindow | None) -> Proposal:
        """The same plan, judged with a window that was opened or has ended. Asks no system; StoreError."""
        return self._judged(proposal, window)

    def with_broken_glass(self, proposal: Proposal) -> Proposal:
        """The same plan, judged as with broken glass. Asks no system; StoreError."""
        return self._judged(replace(proposal, break_glass=True), proposal.window)

    def confirm(self, proposal: Proposal, answer: Answer) -> Operation:
        """Take the yes: judged again, and plan, guards and confirmation are durable. Asks no system.

        Where others have a say, it is signed, and waits for them (``waits``). Raises RefusedError, which is
        in the audit log by then, StoreError, and SourceError where it cannot be signed.
        """
        # Broken glass has a reason of its own.
        gives = answer.window is not None and not answer.break_glass
        opened = answer.window.reason if answer.window is not None and gives else ""
        plan = replace(proposal.plan, reason=(answer.reason or opened).strip())
        digest = digest_of(plan)
        now = self.clock.now()
        confirmation = Confirmation(
            operation=plan.operation,
            digest=digest,
            by=self.actor.person,
            at=now,
            how=answer.how,
            named=answer.named,
            window=answer.window,
            accepted=answer.accepted,
            break_glass=answer.break_glass,
        )
        rulings = self._judge(replace(proposal, plan=plan), confirmation, answer.window, now)
        against = tuple(one for one in rulings if one.blocks)
        if against:
            self._refuse(plan, against)
        request = None
        records = [*self._overrides(plan, rulings, answer.accepted), *self._review(plan, answer)]
        if answer.break_glass:
            records.insert(0, self._broken_glass(plan, rulings))
        elif self.approvals is not None:
            request = self.approvals.request(plan, digest, answer.accepted)
        submission = Submission(
            plan=plan,
            digest=digest,
            guards=rulings,
            confirmation=confirmation,
            request=request,
            records=tuple(records),
        )
        try:
            return self.store.submit(submission)
        except IncidentConflictError as error:
            self._refuse(plan, (guards.closed_incident(str(error)),))

    def waits(self, operation: Operation) -> str:
        """What an operation waits for that others have to say, as a sentence; empty where it may begin.

        Raises SourceError where signatures cannot be checked, StoreError.
        """
        return "" if self.approvals is None else self.approvals.waits(operation)

    def awaited(self, operation: Operation) -> Awaited | None:
        """Where it stands, for who follows it; None where nobody else has a say. Raises StoreError."""
        return None if self.approvals is None else self.approvals.awaited(operation)

    def _overrides(
        self, plan: Plan, rulings: tuple[GuardResult, ...], accepted: tuple[str, ...]
    ) -> Iterator[AuditDraft]:
        """What is set aside by a person is on the record before it is: a freeze that was accepted."""
        for ruling in rulings:
            verb = override_of(ruling.guard)
            if verb and ruling.guard in accepted and ruling.ruling is Ruling.CONFIRM:
                yield self._draft_of(plan, Phase.OVERRIDE, verb, ruling.reason)

    def _review(self, plan: Plan, answer: Answer) -> Iterator[AuditDraft]:
        """That somebody else looks at it afterwards, where the policy wants it; broken glass waits anyway."""
        verb, policy = KINDS[plan.kind].action, self.governance.policy
        if not answer.break_glass and policy.needed(verb, plan.environment, answer.accepted).review:
            said = f"{verb}: the policy wants it reviewed afterwards, by somebody else"
            yield self._draft_of(plan, Phase.REVIEW, REVIEW_WANTED, said)

    def _broken_glass(self, plan: Plan, rulings: tuple[GuardResult, ...]) -> AuditDraft:
        """No audit, no action: what is overridden, and by which credential, is on the record before it is."""
        credential = self.emergency.get(plan.environment, "")
        verb = break_glass.EMERGENCY if credential else break_glass.VERB
        return self._draft_of(plan, Phase.BREAK_GLASS, verb, break_glass.said_of(rulings, credential))

    def window(self, environment: str, reason: str) -> WriteWindow:
        """Open an hour in which a read-only environment may be changed; recorded.

        A reason that begins with the id of an open incident makes it a window of that incident. Raises
        RefusedError where there is no such environment, no right to do so, no reason, or the incident is
        closed; StoreError.
        """
        now = self.clock.now()
        reason = reason.strip()
        named = named_in(reason)
        incident = self.store.incident(named) if named else None
        if incident is not None:
            reason = reason_for(incident, reason)
        window = WriteWindow(
            environment=environment,
            opened_at=now,
            until=now + WINDOW,
            reason=hidden(reason),
            opened_by=self.actor.person,
        )
        against = self._against_window(window, incident)
        # An override: what the configuration says of the environment is set aside by a person, for an hour.
        self._record(
            environment,
            environment,
            told((against,)) if against else f"open until {window.until:%Y-%m-%d %H:%M:%S} UTC",
            action=WINDOW_ACTION,
            phase=Phase.REFUSAL if against else Phase.OVERRIDE,
            reason=window.reason,
        )
        if against:
            raise RefusedError(told((against,)), (against,), conflict=against.conflict)
        return window

    def _against_window(self, window: WriteWindow, incident: Incident | None) -> GuardResult | None:
        barred = role_guards.against(self.rights, WINDOW_ACTION, window.environment)
        if barred:
            return barred[0]
        if window.environment not in self.environments:
            known = ", ".join(self.environments) or "none"
            why, remedy = f"No environment {window.environment} is configured.", f"There are: {known}."
            guard = guards.ENVIRONMENT
        elif not window.reason:
            guard, why = guards.REASON, "A write window is opened with a reason or an incident."
            remedy = "Give one; on the command line --reason TEXT."
        elif incident is not None and not incident.is_open:
            return guards.closed_incident(closed_said(incident))
        else:
            return None
        return GuardResult(guard=guard, ruling=Ruling.DENY, reason=why, remedy=remedy)

    def _plan(self, kind: OperationKind, connection: Connection, drafted: Drafted) -> Plan:
        draft = drafted.draft
        now, environment = self.clock.now(), connection.name.environment
        return Plan(
            operation=self.new_id(),
            kind=kind.name,
            environment=environment,
            connection=connection.name,
            address=connection.address,
            scope=connection.scope,
            targets=(draft.target,),
            effects=draft.effects,
            requester=self.actor.person,
            made_by=drafted.made_by,
            made_at=now,
            expires_at=now + self.governance.policy.rule(kind.action, environment).lives,
            notes=draft.notes,
        )

    def _judged(self, proposal: Proposal, window: WriteWindow | None) -> Proposal:
        plan, now = proposal.plan, self.clock.now()
        rulings = self._judge(proposal, None, window, now)
        environment, policy = self.environments.get(plan.environment), self.governance.policy
        needs = needs_of(
            plan, KINDS[plan.kind], environment, window, rulings, now, policy, broken=proposal.break_glass
        )
        return replace(proposal, guards=rulings, needs=needs, window=window)

    def _judge(
        self,
        proposal: Proposal,
        confirmation: Confirmation | None,
        window: WriteWindow | None,
        now: datetime,
    ) -> tuple[GuardResult, ...]:
        plan = proposal.plan
        try:
            return judge(
                plan,
                KINDS[plan.kind],
                proposal.draft or SourceError("what it was made from is not known any more"),
                store=self.store,
                catalogue=self.catalogue,
                environment=self.environments.get(plan.environment),
                confirmation=confirmation,
                window=window,
                now=now,
                named=proposal.named,
                processes=self.processes,
                governance=self.governance,
                os_user=self.os_user,
                broken=proposal.break_glass,
                sealed=self.sealed.get(plan.environment, ""),
                apart=self.apart,
            )
        except StoreUnavailableError as error:
            past = self.past_store.get(plan.environment, "")
            raise StoreUnavailableError(f"{error} {past}".rstrip()) from None

    def _refuse_outside(self, request: Request) -> None:
        """Before anything is asked of a system: its environment is the one that was named, and configured."""
        name = request.connection
        ruling = guards.belongs(name, request.environment, self.environments.get(name.environment))
        if ruling.blocks:
            self.record_undone(request, told((ruling,)))
            raise RefusedError(told((ruling,)), (ruling,))

    def record_undone(self, request: Request, why: str, *, reason: str = "") -> None:
        """That what was asked for came to no plan with a yes, and why."""
        environment, verb = request.connection.environment, verb_of(request)
        self._record(environment, request.name, why, action=verb, reason=reason)

    def _refuse(self, plan: Plan, against: tuple[GuardResult, ...]) -> NoReturn:
        """Record a refusal, then raise it."""
        verb = KINDS[plan.kind].action
        self.store.append(self._draft_of(plan, Phase.REFUSAL, verb, told(against)))
        raise RefusedError(told(against), against, conflict=any(one.conflict for one in against))

    def _record(
        self,
        environment: str,
        target: str,
        result: str,
        *,
        action: str,
        phase: Phase = Phase.REFUSAL,
        reason: str = "",
    ) -> None:
        """What belongs to no plan."""
        self.store.append(
            AuditDraft(
                at=self.clock.now(),
                actor=self.actor,
                environment=environment,
                action=action,
                target=target,
                phase=phase,
                reason=reason,
                result=result,
            )
        )

    def _draft_of(self, plan: Plan, phase: Phase, action: str, result: str) -> AuditDraft:
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=plan.environment,
            action=action,
            target=", ".join(target.name for target in plan.targets),
            phase=phase,
            operation=plan.operation,
            plan_digest=digest_of(plan),
            reason=plan.reason,
            result=result,
        )
