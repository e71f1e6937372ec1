"""Releases done on the emulators, from request to outcome: what passes, is blocked, is rolled back."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from killed_runners import LATER, SlowTime, rechecked
from test_release_crashes import triggered

from fedesk import execution
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Operation, Outcome, Ruling, WriteWindow
from fedesk.domain.release_matrix import PROMOTE, release_operation
from fedesk.domain.release_stops import REMOVED, ROLLBACK, SERVICE, in_force
from fedesk.domain.releases import AnswerRequest, ReleaseRequest
from fedesk.domain.requests import Request
from fedesk.ports.errors import ConflictError, NotFoundError
from fedesk.sandbox.server import Sandbox
from fedesk.services.changes import Changes
from fedesk.services.kinds.release_steps import done_said
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses
from fedesk.services.proposals import Answer, Proposal, RefusedError
from fedesk.store.operations import SqlStore

PLACES = ("/job/staging/", "/job/dev/", "/job/prod/")


@dataclass
class Night:
    """A desk in prod over a store of its own; pausing moves the world's clock."""

    sandbox: Sandbox
    desk: execution.Desk
    store: SqlStore
    clock: SlowTime

    @property
    def changes(self) -> Changes:
        return replace(self.desk.changes, store=self.store)

    def plan(self, request: Request) -> Proposal:
        return self.changes.propose(request)

    def yes(self, proposal: Proposal, changes: Changes | None = None) -> Operation:
        """Said as the command line does in production, everything accepted that may be."""
        name, now = proposal.plan.environment, self.clock.now()
        window = WriteWindow(
            environment=name, opened_at=now, until=now + LATER, reason="CHG-1", opened_by="mara"
        )
        accept = proposal.needs.accept
        answer = Answer(how=f"--confirm {name}", named=name, reason="CHG-1", window=window, accepted=accept)
        return (changes or self.changes).confirm(proposal, answer)

    def execute(self, operation: str) -> Operation:
        return execute(
            operation,
            store=self.store,
            systems=self.desk.systems,
            catalogue=self.desk.catalogue,
            environments=self.desk.by_name,
            actor=self.desk.actor,
            clock=self.clock,
            processes=LocalProcesses(),
            pause=self.clock.pause,
        )

    def done(self, request: Request) -> Operation:
        return self.execute(self.yes(self.plan(request)).plan.operation)


@pytest.fixture
def night(sandbox: Sandbox, tmp_path: Path) -> Iterator[Night]:
    clock = SlowTime(sandbox, sandbox.control.clock.now())
    desk, store = execution.open_desk(sandbox.config_path, "prod", clock), SqlStore(tmp_path / "s.sqlite3")
    yield Night(sandbox=sandbox, desk=desk, store=store, clock=clock)
    assert store.verify(deep=True).flaw is None
    store.close()
    desk.systems.close()


def release(kind: str, service: str = "loyalty", environment: str = "prod", **given: str) -> ReleaseRequest:
    jenkins = ConnectionName(environment, "jenkins")
    return ReleaseRequest(kind=kind, service=service, environment=environment, connection=jenkins, **given)  # type: ignore[arg-type]  # no flag


def ruling(proposal: Proposal, guard: str) -> Ruling:
    return next(one.ruling for one in proposal.guards if one.guard == guard)


def test_a_release_is_promoted_and_rolled_back_while_much_else_is_broken(night: Night) -> None:
    """Planned in five requests a connection, deployed, verified; put back with Vault sealed."""
    before = len(night.sandbox.control.requests())
    proposal = night.plan(release(PROMOTE))
    asked = night.sandbox.control.requests()[before:]
    # One controller serves three environments: a job's folder says whose it is, the rest is the target's.
    counts = Counter(
        next((one for one in PLACES if one in unquote(each.path)), each.system) for each in asked
    )
    assert max(counts.values()) <= 5, counts
    assert set(PLACES[:2]) <= set(counts)
    assert not proposal.is_blocked
    assert proposal.needs.accept == ()
    promoted = night.execute(night.yes(proposal).plan.operation)
    assert promoted.outcome is Outcome.SUCCEEDED
    assert promoted.said.endswith(" runs in prod, verified by 2 checks.")
    assert night.store.tail(1)[0].draft.result == f"succeeded: {promoted.said}"
    (deploy, *_), target = promoted.plan.effects, promoted.plan.targets[0]
    alone = replace(deploy, call=replace(deploy.call, args={**deploy.call.args, "verify": ()}))
    unverified = done_said(replace(promoted.plan, effects=(alone,)))
    assert unverified == f"{target.pins[SERVICE]} runs in prod; the catalogue names nothing that verifies it."
    steps = list(dict.fromkeys(entry.step for entry in promoted.journal if entry.step))
    assert steps == [
        "trigger",
        "follow queue item",
        "follow build",
        "read back the release",
        "verify 1",
        "verify 2",
    ]
    told = release_operation(promoted)
    assert told is not None
    assert told.can_be_undone, "a rollback past it need not read what it brought"
    night.sandbox.control.seal_vault(sealed=True)
    # fx_rates has secrets, and what stands before it has failed.
    blocked = night.plan(release(PROMOTE, "fx_rates"))
    assert ruling(blocked, "gate secrets") is Ruling.CONFIRM
    cure = night.plan(release(ROLLBACK, "fx_rates"))
    assert ruling(cure, "gate secrets") is Ruling.WARN
    assert not cure.is_blocked
    assert cure.needs.accept == ()
    # What merchants is made of, payments_daily, has failed tonight.
    assert ruling(night.plan(release(PROMOTE, "merchants")), "gate upstream") is Ruling.CONFIRM
    assert ruling(night.plan(release(ROLLBACK, "merchants")), "gate upstream") is Ruling.WARN
    put_back = night.done(release(ROLLBACK))
    assert put_back.outcome is Outcome.SUCCEEDED
    assert triggered(night.sandbox, put_back.plan.operation) == [True, False], "tried, then for real"
    digest = promoted.plan.targets[0].pins["digest"]
    assert put_back.plan.targets[0].pins[REMOVED] == digest
    (hold,) = in_force((), night.store.operations(), "prod")
    assert hold.digest == digest, "what was rolled back is held"
    again = night.plan(release(PROMOTE))
    assert ruling(again, "gate stops") is Ruling.DENY


def test_whoever_carries_it_out_may_read_more_of_the_job_than_whoever_planned_it(night: Night) -> None:
    """An executor pins what the plan has pinned; one that reads less refuses what it cannot compare."""
    jenkins = night.sandbox.control
    hidden = {"system": "jenkins", "kind": "status", "match": "config.xml", "status": 403}
    jenkins.fault(**hidden)  # type: ignore[arg-type]  # its fields by name
    planned = night.plan(release(PROMOTE))
    assert "Of the job only its parameter definitions can be read, and are pinned." in planned.plan.notes
    jenkins.clear_faults()
    whole = night.yes(night.plan(release(PROMOTE)))
    ended = night.execute(night.yes(planned).plan.operation)
    assert ended.outcome is Outcome.SUCCEEDED, ended.said
    jenkins.fault(**hidden)  # type: ignore[arg-type]  # its fields by name
    refused = night.execute(whole.plan.operation)
    assert (refused.outcome, refused.is_conflict) == (Outcome.REFUSED, True)
    assert "definition (config.xml) was" in refused.said


def test_what_is_promoted_is_named_by_its_digest(night: Night) -> None:
    """A tag is refused, an unknown digest is not there; one that moved on meanwhile makes the plan stale."""
    with pytest.raises(ConflictError, match="latest may mean another image tomorrow"):
        night.plan(release(PROMOTE, digest="latest"))
    with pytest.raises(NotFoundError, match="No build that is known in staging has deployed sha256:00"):
        night.plan(release(PROMOTE, digest=f"sha256:{'0' * 64}"))
    with pytest.raises(NotFoundError, match="describes no service nothing"):
        night.plan(release(PROMOTE, "nothing"))
    waiting = night.yes(night.plan(release(PROMOTE)))
    moved = night.done(release(PROMOTE, environment="staging"))
    assert moved.outcome is Outcome.SUCCEEDED
    stale = night.execute(waiting.plan.operation)
    assert (stale.outcome, stale.is_conflict) == (Outcome.REFUSED, True)
    assert "digest was sha256:" in stale.said


def test_a_question_of_a_build_is_answered_once(night: Night) -> None:
    """By an operation of the person's own; a build that waits for nothing has nothing to answer."""
    waits = RunName(ConnectionName("prod", "jenkins"), _waiting(night))
    answered = night.done(AnswerRequest(run=waits, choice="proceed"))
    assert answered.outcome is Outcome.SUCCEEDED
    with pytest.raises(NotFoundError, match="waits for no answer"):
        night.plan(AnswerRequest(run=waits, choice="abort"))


def _waiting(night: Night) -> str:
    """A build of prod that waits for an answer from the start."""
    jenkins = night.desk.systems.reading(ConnectionName("prod", "jenkins"))
    runs = jenkins.source.call(lambda source: source.observe(None)).runs
    return next(run.name.id for run in runs if run.state.value == "waiting")


def said(proposal: Proposal, guard: str) -> tuple[Ruling, str]:
    return next((one.ruling, one.reason) for one in proposal.guards if one.guard == guard)


def test_what_cannot_be_deployed_is_told_in_a_sentence(night: Night) -> None:
    """A job that is disabled, has a password, carries no id; nothing to go back to; what retention took."""
    assert said(night.plan(release(PROMOTE, "treasury")), "job can be built") == (
        Ruling.DENY, "finedge/prod/deploy-treasury is disabled.",
    )  # fmt: skip
    told = night.plan(release(PROMOTE, "fx_rates")).plan.notes
    assert "DEPLOY_TOKEN takes its default, which Jenkins does not tell." in told
    marketing = night.plan(release(PROMOTE, "marketing"))
    assert said(marketing, "operation id")[0] is Ruling.CONFIRM
    assert "operation id" in marketing.needs.accept
    with pytest.raises(NotFoundError, match="invoices"):
        night.changes.propose(release(ROLLBACK, "invoices"), asked=True)
    refused = night.store.tail(1)[0].draft
    assert (refused.action, refused.target) == ("rollback", "prod/jenkins:invoices")
    draft = night.plan(release(PROMOTE, "partners")).draft
    assert draft is not None
    assert any("a release that is not known" in fact.value for fact in draft.facts), draft.facts


def test_jenkins_may_go_away_in_mid_deployment(night: Night) -> None:
    """While the build runs it answers 503 for a while: it is waited for, and nothing is sent again."""
    jenkins = night.sandbox.control
    waits = iter(range(10_000))
    pause = night.clock.pause

    def restarting(seconds: float) -> None:
        turn = next(waits)
        if turn == 3:
            jenkins.fault("jenkins", "status", match="/job/", status=503)
        if turn == 8:
            jenkins.clear_faults("jenkins")
        pause(seconds)

    night.clock.pause = restarting  # type: ignore[method-assign]  # the test's own clock
    ended = night.done(release(PROMOTE))
    assert ended.outcome is Outcome.SUCCEEDED, ended.said
    assert triggered(night.sandbox, ended.plan.operation) == [False]
    assert next(waits) > 8


def test_a_job_that_is_not_there_is_one_sentence(night: Night) -> None:
    """The plan names the job, and the line of the catalogue that says which it is; nothing is drafted."""
    night.sandbox.control.fault("jenkins", "status", match="/prod/job/deploy-loyalty/", status=404)
    with pytest.raises(NotFoundError, match="deploy-loyalty"):
        night.plan(release(PROMOTE))


def test_a_verification_that_never_ends_is_bounded_and_never_green(night: Night) -> None:
    """Airflow does not tell in the time that the catalogue gives: unknown, and the service is held by it.

    Looked at again once Airflow answers, it has succeeded; nothing is sent a second time.
    """
    planned, other = night.yes(night.plan(release(PROMOTE))), night.plan(release(PROMOTE))
    night.sandbox.control.fault("airflow", "status", match="/importErrors|/dagVersions|/dags", status=503)
    began = night.clock.now()
    ended = night.execute(planned.plan.operation)
    assert ended.outcome is Outcome.UNKNOWN, ended.said
    assert "503" in ended.said
    assert timedelta(minutes=5) <= night.clock.now() - began < timedelta(minutes=30)
    with pytest.raises(RefusedError, match="in flight"):
        night.yes(other)
    night.sandbox.control.clear_faults()
    found = rechecked(night.desk, night.store, planned.plan.operation, night.clock)
    assert found.outcome is Outcome.SUCCEEDED, found.said
    assert triggered(night.sandbox, planned.plan.operation) == [False]


def test_a_build_that_retention_takes_before_it_is_read_back_leaves_it_unknown(night: Night) -> None:
    """Whether it deployed the release cannot be told any more: never taken for granted, nor sent again."""
    planned = night.yes(night.plan(release(PROMOTE)))
    gone = "/prod/job/deploy-loyalty/[0-9]+/artifact/"
    night.sandbox.control.fault("jenkins", "status", match=gone, status=404)
    ended = night.execute(planned.plan.operation)
    assert ended.outcome is Outcome.UNKNOWN, ended.said
    assert "removed by retention" in ended.said
    assert triggered(night.sandbox, planned.plan.operation) == [False]


@pytest.mark.parametrize("minutes", [-10, pytest.param(10, marks=pytest.mark.soak)])
def test_clocks_that_differ_change_nothing(night: Night, minutes: int) -> None:
    """This machine's is ten minutes behind the others' or ahead of them: promoted, verified, and put back."""
    now = night.clock.now
    night.clock.now = lambda: now() + timedelta(minutes=minutes)  # type: ignore[method-assign]  # the test's own
    promoted = night.done(release(PROMOTE))
    assert promoted.outcome is Outcome.SUCCEEDED, promoted.said
    rollback = night.plan(release(ROLLBACK))
    ahead = any("Jenkins' clock is ahead of this machine's by" in note for note in rollback.plan.notes)
    assert ahead is (minutes < 0)
    put_back = night.execute(night.yes(rollback).plan.operation)
    assert put_back.outcome is Outcome.SUCCEEDED, put_back.said
