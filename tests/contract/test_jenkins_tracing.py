"""Following an operation through the sandbox's Jenkins, in the queue and in the builds, job known or not."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from jenkins_rig import LEDGER, OPERATION, PAYMENTS, Rig, ended, endpoint_of, rig_over

from fedesk.clients.jenkins import JenkinsClient
from fedesk.domain.traces import Looked, Sought, Trace
from fedesk.ports.errors import ServerFaultError
from fedesk.sandbox.server import Sandbox

OTHER = "01997c6e-1111-7000-8000-000000000002"


@pytest.fixture
def rig(sandbox: Sandbox) -> Iterator[Rig]:
    yield from rig_over(sandbox)


def sought(
    rig: Rig, operation: str = OPERATION, *, job: str = "", ago: timedelta = timedelta(minutes=10)
) -> Sought:
    """Since a while before the world's now; of the newest build of a job where one is named."""
    runs = (ended(rig.world, job),) if job else ()
    return Sought(operation=operation, since=rig.world.now() - ago, runs=runs)


def of(looked: Looked, what: str) -> list[Trace]:
    return [one for one in looked.traces if one.source == f"prod/jenkins {what}"]


def begun(rig: Rig) -> int:
    """Time goes on until what is ours has become a build; its number."""
    rig.world.clock.advance(timedelta(minutes=5))
    (build,) = rig.ours(LEDGER)
    return build.number


@pytest.mark.parametrize("job", [LEDGER, ""], ids=["job known", "job unknown"])
def test_it_is_met_in_the_queue_and_then_as_a_build(rig: Rig, job: str) -> None:
    """First the item with Jenkins' own why, then the build with its state, cause, name and address."""
    rig.changing.apply(rig.call(LEDGER))
    found = rig.reading.trace(sought(rig, job=job))
    assert found.limits == ()
    (waiting,) = found.traces
    (item,) = rig.ours(LEDGER)
    assert waiting.source == "prod/jenkins queue"
    assert waiting.reference == f"queue item {item.queue_id}"
    assert waiting.at == item.queued_at.replace(microsecond=waiting.at.microsecond)
    assert waiting.said.startswith(
        f"A build of {LEDGER} with the id in FEDESK_OPERATION waits: In the quiet period"
    )
    number = begun(rig)
    found = rig.reading.trace(sought(rig, job=job))
    (build,) = found.traces
    assert build.source == "prod/jenkins build"
    assert build.reference == f"prod/jenkins:{LEDGER}#{number}"
    assert build.link == f"{rig.endpoint.url}/job/finedge/job/prod/job/ledger-ci/{number}/"
    user = rig.endpoint.user
    assert build.said.startswith(f"Build #{number} of {LEDGER} has the id in FEDESK_OPERATION; it is ")
    assert user in build.said


def test_others_are_not_taken_for_it(rig: Rig) -> None:
    """Another operation's build, and one without an id, leave no trace."""
    rig.changing.apply(rig.call(LEDGER, OTHER))
    rig.world.clock.advance(timedelta(minutes=5))
    assert rig.reading.trace(sought(rig)).traces == ()
    assert rig.reading.trace(sought(rig, job=LEDGER)).traces == ()
    assert rig.reading.trace(sought(rig, job=PAYMENTS)).traces == ()


def test_a_known_job_is_read_back_to_when_it_was_minted(rig: Rig, sandbox: Sandbox) -> None:
    """Page by page, until a build is older than the operation; all in all the queue and the pages needed."""
    rig.changing.apply(rig.call(LEDGER))
    number = begun(rig)
    sandbox.control.clear_requests()
    looked = rig.reading.trace(sought(rig, job=LEDGER))
    assert [one.reference for one in of(looked, "build")] == [f"prod/jenkins:{LEDGER}#{number}"]
    assert len(sandbox.control.requests("jenkins")) == 2
    sandbox.control.clear_requests()
    long_ago = rig.reading.trace(sought(rig, job=LEDGER, ago=timedelta(days=10_000)))
    assert of(long_ago, "build") == of(looked, "build")
    assert long_ago.limits == ()
    assert 3 <= len(sandbox.control.requests("jenkins")) <= 5


def test_of_all_jobs_it_is_said_which_were_read_in_part(rig: Rig, sandbox: Sandbox) -> None:
    """One request for all jobs; a job whose newest builds do not reach back to the operation is named."""
    sandbox.control.clear_requests()
    found = rig.reading.trace(sought(rig, ago=timedelta(days=365)))
    assert found.traces == ()
    (limit,) = found.limits
    assert "the newest 25 builds were read, and there are more since." in limit
    assert "finedge/" in limit
    assert len(sandbox.control.requests("jenkins")) == 2


def test_what_is_outside_the_folders_is_not_looked_at(rig: Rig, sandbox: Sandbox) -> None:
    """A connection that is limited to a folder tells nothing of another one on the same controller."""
    rig.changing.apply(rig.call(LEDGER))
    endpoint = endpoint_of(rig.world, sandbox.urls["jenkins"])
    elsewhere = JenkinsClient(endpoint, folders=("finedge/dev",))
    assert elsewhere.trace(sought(rig)).traces == ()
    begun(rig)
    assert elsewhere.trace(sought(rig)).traces == ()
    assert JenkinsClient(endpoint, folders=("finedge/prod",)).trace(sought(rig)).traces != ()


def test_a_queue_that_may_not_be_read_and_a_job_that_is_gone_are_limits(rig: Rig, sandbox: Sandbox) -> None:
    """What could not be looked at is said, with Jenkins' words; the rest is told."""
    rig.changing.apply(rig.call(LEDGER))
    number = begun(rig)
    sandbox.control.fault("jenkins", "status", match="queue/api", status=403)
    looked = Sought(
        operation=OPERATION,
        since=rig.world.now() - timedelta(minutes=10),
        runs=(f"{LEDGER}#1", "finedge/prod/no-such-job#7"),
    )
    found = rig.reading.trace(looked)
    assert [one.reference for one in found.traces] == [f"prod/jenkins:{LEDGER}#{number}"]
    queue, gone = found.limits
    assert queue.startswith("prod/jenkins's queue could not be read: ")
    assert gone.startswith("The builds of finedge/prod/no-such-job could not be looked at: ")


def test_a_controller_that_fails_is_an_error(rig: Rig, sandbox: Sandbox) -> None:
    """No part of an answer is taken for the whole of it."""
    sandbox.control.fault("jenkins", "status", match="builds", status=500)
    with pytest.raises(ServerFaultError):
        rig.reading.trace(sought(rig, job=LEDGER))


def test_a_look_changes_nothing(rig: Rig, sandbox: Sandbox) -> None:
    """Every request is a GET."""
    rig.reading.trace(sought(rig))
    rig.reading.trace(sought(rig, job=LEDGER))
    assert {one.method for one in sandbox.control.requests("jenkins")} == {"GET"}
