"""ENFORCED from end to end: people propose with credentials that cannot write, an executor's job does it."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from command_line import Ended, Run
from enforced_rig import JOB, MARA, RUNNER, Enforced, enforced
from postgres_server import Server

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome
from fedesk.store.postgres_store import PostgresStore

Desk = Callable[..., Ended]
YES = ("--confirm", "prod", "--write", "prod", "--reason", "the partner delivered late")


@pytest.fixture(scope="module")
def company(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enforced]:
    with enforced(postgres, tmp_path_factory.mktemp("enforced")) as running:
        yield running


@pytest.fixture
def desk(run: Run, company: Enforced) -> Desk:
    """Somebody's command line, in real time."""

    def run_it(name: str, *arguments: str) -> Ended:
        return run(*arguments, "--config", str(company.config(name)))

    return run_it


def test_a_rerun_goes_through_the_executor(company: Enforced, desk: Desk) -> None:
    """Proposed by a person, asked of the job, carried out by its identity, followed to the end: exit 0."""
    run = company.failed_runs()[-1]
    ended = desk("mara", "rerun", str(run), *YES, "--json")
    assert ended.code == 0, ended.err
    assert company.is_cleared(run)
    assert ended.document("change")["outcome"] == "succeeded"
    assert f"prod/jenkins was asked: {JOB} is in its queue" in ended.err
    with closing(PostgresStore(company.url)) as store:
        (operation,) = store.operations()
        records = store.tail(9, operation=operation.plan.operation)
        assert (operation.outcome, operation.confirmation.by) == (Outcome.SUCCEEDED, MARA)
        done = {one.draft.actor.person for one in records if one.draft.phase in (Phase.INTENT, Phase.OUTCOME)}
        assert done == {RUNNER}
        assert store.verify(deep=True).flaw is None
    company.asked()
