"""Releases under ENFORCED: a person promotes through the executor's job, which rolls back what fails."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import Changed, Run, StillClock
from enforced_rig import ANN, MARA, RUNNER, Enforced, enforced
from postgres_server import Server

from fedesk import execution
from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Operation, Outcome
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.release_queue import TURN
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import ReleaseRequest
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox
from fedesk.services import queueing
from fedesk.services.proposals import Answer
from fedesk.store.postgres_store import PostgresStore

PROMOTION = ("release", "promote", "fraud", "--confirm", "prod", "--write", "prod", "--reason", "CHG-9")
ROLES = f"""
[people."{MARA}"]
roles = ["releaser"]
[people."{ANN}"]
roles = ["approver"]
[people."{RUNNER}"]
roles = ["releaser"]
"""
POLICY = "[policy.promote]\napprovals = 0\n"
PACE = 120
BY_ITSELF = r"(?s)(\n  fraud:\n.*?    verify:\n).*?\n    rollback: {automatic: false}"
LOOK = (
    "      - {airflow: import_errors, dag: fraud_signals, expect: none, within: 1s}\n"
    "    rollback: {automatic: true}"
)


class Hurried(WorldClock):
    """A minute of the world is a second: builds run, and an executor is a process of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._began = datetime.now(UTC)

    def now(self) -> datetime:
        """Further on the longer it is looked at."""
        return self._began + PACE * (super().now() - self._began)


@pytest.fixture
def company(
    request: pytest.FixtureRequest, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Enforced]:
    """One whose catalogue has fraud rolled back by itself; its executor has a key to sign with, or none."""
    folder = tmp_path_factory.mktemp("releases")
    with enforced(
        postgres, folder, policy=POLICY, people=ROLES, clock=Hurried(), signs=request.param
    ) as running:
        file = running.sandbox.config_path.parent / "catalog.yaml"
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(BY_ITSELF, r"\1" + LOOK, text, count=1), encoding="utf-8")
        there = running.sandbox.world.deployments.current("staging", "fraud")
        assert there is not None
        running.sandbox.world.plant_bad_release("fraud", there.digest)
        yield running


def promoted(company: Enforced, run: Run) -> tuple[Operation, ...]:
    """Mara promotes it, which fails (exit 1); all that was done until the executor has left, oldest first."""
    ended = run(*PROMOTION, "--config", str(company.config("mara")))
    assert ended.code == 1, ended.err
    assert company.executor is not None
    for thread in company.executor.threads:
        thread.join(60)
    with closing(PostgresStore(company.url)) as store:
        return store.operations()[::-1]


def recorded(company: Enforced) -> list[AuditDraft]:
    """What the audit log says of releases."""
    with closing(PostgresStore(company.url)) as store:
        assert store.verify(deep=True).flaw is None
        return [one.draft for one in store.tail(50) if one.draft.action in ("promote", "rollback")]


def running(company: Enforced) -> str:
    """The digest that runs in production."""
    there = company.sandbox.world.deployments.current("prod", "fraud")
    assert there is not None
    return there.digest


@pytest.mark.soak
@pytest.mark.parametrize("company", [True], indirect=True, ids=["with a key"])
def test_the_executor_rolls_back_what_it_could_not_verify(company: Enforced, run: Run) -> None:
    """Planned by who may not read the job's definition; the rollback is the executor's own, signed by it.

    Both end as they should, and the audit log lists exactly those.
    """
    before = running(company)
    promotion, cure = promoted(company, run)
    assert (promotion.plan.kind, promotion.outcome, promotion.plan.requester) == (
        PROMOTE, Outcome.FAILED, MARA,
    )  # fmt: skip
    assert (cure.plan.kind, cure.outcome, cure.plan.requester) == (ROLLBACK, Outcome.SUCCEEDED, RUNNER)
    assert promotion.plan.operation in cure.plan.reason
    assert running(company) == before
    records = [(one.operation, str(one.phase), one.actor.person) for one in recorded(company)]
    assert records == [
        (one.plan.operation, phase, RUNNER) for one in (promotion, cure) for phase in ("intent", "outcome")
    ]


@pytest.mark.soak
@pytest.mark.parametrize("company", [False], indirect=True, ids=["without a key"])
def test_an_executor_without_a_key_leaves_it_to_people(company: Enforced, run: Run) -> None:
    """Every plan has to be signed there: that it was not rolled back is on the record, and why."""
    before = running(company)
    (promotion,) = promoted(company, run)
    assert running(company) == promotion.plan.targets[0].pins["digest"] != before
    refusal = recorded(company)[-1]
    assert (refusal.action, refusal.phase, refusal.actor.person) == ("rollback", Phase.REFUSAL, RUNNER)
    assert promotion.plan.operation in refusal.reason
    assert "There is no identity.signing_key" in refusal.result


def is_in_line(desk: execution.Desk, operation: str) -> bool:
    """Whether its process has written down that it waits its turn."""
    found = desk.store.operation(operation)
    return found is not None and any(entry.reference == TURN for entry in found.journal)


def test_one_in_line_is_taken_back(
    run: Run,
    sandbox: Sandbox,
    postgres: Server,
    changed: Changed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a team's store, by a person whose role ends nothing: the executor, whose line it is in, ends it.

    Nothing was sent, and the log has whose word it was and who heard it. What has begun is left (exit 5).
    """
    monkeypatch.setattr(queueing, "LOOK_EVERY", 0.05)
    url, now = postgres.fresh(), sandbox.control.clock.now()
    postgres.profile(url, "enforced")
    files = {}
    for name, group in ((MARA, "fedesk_people"), (RUNNER, "fedesk_executor")):
        store = json.dumps(postgres.person(url, name, group=group))
        text = changed((r'url = "sqlite[^"]*"', f"url = {store}")).read_text(encoding="utf-8")
        files[name] = tmp_path / f"{name}.toml"
        files[name].write_text(f'{text}\n[identity]\nprincipal = "{name}"\n', encoding="utf-8")
    asking, acting = (execution.open_desk(files[name], "prod", StillClock(now)) for name in (MARA, RUNNER))
    request = ReleaseRequest(
        kind=PROMOTE, service="loyalty", environment="prod", connection=ConnectionName("prod", "jenkins")
    )
    with closing(asking), closing(acting):
        window = asking.changes.window("prod", "INC-1")
        answer = Answer(how="--confirm prod", named="prod", reason="INC-1", window=window)
        proposal = asking.changes.propose(request, window)
        first = asking.changes.confirm(proposal, answer).plan.operation
        second = asking.changes.confirm(asking.changes.propose(request, window), answer).plan.operation
        holder = acting.store.claim(first, acting.processes.me(), now, timedelta(minutes=2), dead=None)
        runner = threading.Thread(target=acting.execute, args=(second,), daemon=True)
        runner.start()
        until = time.monotonic() + 20
        while not is_in_line(asking, second):
            assert time.monotonic() < until, "it is not in line"
        sandbox.control.clear_requests()
        words = ("plans", "withdraw", second, "--reason", "wrong release", "--config", str(files[MARA]))
        taken = run(*words, "--json", at=now)
        assert taken.code == 0, taken.err
        document = taken.document("withdrawal")
        assert (document["ended"], document["outcome"]) == (True, "refused")
        runner.join(20)
        begun = run("plans", "withdraw", first, *words[3:], at=now)
        assert (begun.code, "has begun" in begun.err) == (5, True), begun.err
        assert not [one for one in sandbox.control.requests() if one.method != "GET"]
        records = [one.draft for one in acting.store.tail(9, operation=second)]
        assert [(one.phase, one.actor.person) for one in records] == [
            (Phase.REJECTION, MARA), (Phase.REFUSAL, RUNNER),
        ]  # fmt: skip
        assert records[-1].result.endswith(f"withdrawn by {MARA}: wrong release")
        acting.store.let_go(holder)
