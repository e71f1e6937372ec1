"""Building again in Jenkins, looked at: what a plan is made of, and a queue item followed to its build."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jenkins_rig import (
    LEDGER,
    OPERATION,
    PAYMENTS,
    SMOKE,
    Rig,
    ended,
    endpoint_of,
    posts,
    rig_over,
    someone_triggers,
    telling,
)

from fedesk.clients.jenkins import JenkinsClient
from fedesk.domain.operations import Settled, StepState
from fedesk.domain.states import State
from fedesk.ports.errors import (
    NotFoundError,
)
from fedesk.sandbox import jenkins_queue
from fedesk.sandbox.server import Sandbox

if TYPE_CHECKING:
    from asgi_server import AsgiServer


@pytest.fixture
def rig(sandbox: Sandbox) -> Iterator[Rig]:
    yield from rig_over(sandbox)


def test_a_preview_is_four_requests(sandbox: Sandbox, rig: Rig) -> None:
    """Job with builds, config.xml, queue, controller: parameters with kinds, definition, highest queue id."""
    build = ended(rig.world, LEDGER)
    sandbox.control.clear_requests()
    found = rig.reading.rebuild_preview(build)
    assert len(sandbox.control.requests("jenkins")) == 4
    assert posts(sandbox) == []
    assert [(one.name, one.value, one.kind) for one in found.parameters] == [
        ("BRANCH", "main", "StringParameterDefinition"),
        ("SUITE", "full", "ChoiceParameterDefinition"),
        ("FEDESK_OPERATION", "", "StringParameterDefinition"),
    ]
    assert found.declared == ("BRANCH", "SUITE", "FEDESK_OPERATION")
    assert (found.new_defaults, found.declares_operation, found.buildable) == ((), True, True)
    assert (found.definition_source, len(found.definition)) == ("config.xml", 64)
    assert (found.queued, found.running, found.quieting_down) == ((), (), False)
    assert found.user == rig.endpoint.user
    assert found.run.name.id == build
    assert found.run.state.is_final
    newest = max(
        plan.queue_id for job in rig.world.jobs() for plan in rig.world.build_plans(job.full_name, 3)
    )
    assert found.highest_queue_id <= newest
    assert found.highest_queue_id >= rig.world.builds(LEDGER, 3)[0].queue_id


def test_a_definition_that_may_not_be_read_is_hashed_by_its_parameters(sandbox: Sandbox, rig: Rig) -> None:
    """Without Job/ExtendedRead the parameters' definitions stand for it; either changes with the job."""
    reader = JenkinsClient(endpoint_of(rig.world, sandbox.urls["jenkins"], writer=False))
    build = ended(rig.world, LEDGER)
    plain, whole = reader.rebuild_preview(build), rig.preview(LEDGER)
    assert plain.definition_source == "parameter definitions"
    job = rig.world.job(LEDGER)
    jenkins_queue.redefine(rig.world, replace(job, stages=job.stages[:2]))
    assert reader.rebuild_preview(build).definition == plain.definition
    assert rig.preview(LEDGER).definition != whole.definition
    jenkins_queue.redefine(rig.world, replace(job, parameters=job.parameters[:2]))
    changed = reader.rebuild_preview(build)
    assert changed.definition != plain.definition
    assert changed.declares_operation is False
    assert [(one.name, one.kind) for one in changed.parameters][-1] == ("FEDESK_OPERATION", "")


def test_what_jenkins_hides_is_none(rig: Rig) -> None:
    """Passwords, files and credentials have a kind and no value."""
    hidden: dict[str, str] = {}
    for job in ("finedge/prod/deploy-fx_rates", "finedge/dev/import-file", "finedge/staging/sign-release"):
        found = rig.preview(job).parameters
        hidden |= {one.name: one.kind for one in found if one.value is None}
    assert hidden == {
        "DEPLOY_TOKEN": "PasswordParameterDefinition",
        "UPLOAD": "FileParameterDefinition",
        "SIGNING_KEY": "CredentialsParameterDefinition",
    }


def test_a_preview_tells_what_stands_in_the_way(rig: Rig) -> None:
    """Disabled, shutting down, running, queued, without the id, without parameters, new parameters."""
    assert rig.preview("finedge/prod/loyalty-ci").buildable is False
    payments = rig.preview(PAYMENTS)
    assert payments.declares_operation is False
    first, second = someone_triggers(rig.world, LEDGER), someone_triggers(rig.world, LEDGER, BRANCH="fix")
    jenkins_queue.quiet_down(rig.world)
    found = rig.preview(LEDGER)
    assert set(found.queued) == {first.queue_id, second.queue_id}
    assert found.highest_queue_id == second.queue_id
    assert found.quieting_down is True
    jenkins_queue.quiet_down(rig.world, on=False)
    rig.world.clock.advance(timedelta(seconds=10))
    assert len(rig.preview(LEDGER).running) == 2
    smoke = rig.preview(SMOKE)
    assert (smoke.declared, smoke.parameters) == ((), ())
    job = rig.world.job(LEDGER)
    jenkins_queue.redefine(
        rig.world, replace(job, parameters=(*job.parameters, replace(job.parameters[0], name="NEW")))
    )
    assert rig.preview(LEDGER).new_defaults == ("NEW",)


def test_an_old_build_costs_one_request_more_and_a_missing_one_is_not_found(
    sandbox: Sandbox, rig: Rig
) -> None:
    """Builds beyond the newest twenty are asked for by number; what is gone is a NotFoundError."""
    number = rig.world.builds(LEDGER)[30].number
    sandbox.control.clear_requests()
    assert rig.reading.rebuild_preview(f"{LEDGER}#{number}").run.state is not State.UNKNOWN
    assert len(sandbox.control.requests("jenkins")) == 5
    for gone in (f"{LEDGER}#999999", "finedge/prod/nowhere#1"):
        with pytest.raises(NotFoundError):
            rig.reading.rebuild_preview(gone)


def test_an_item_that_jenkins_has_forgotten_is_found_by_its_build(rig: Rig) -> None:
    """Five minutes after it left it is a 404; the build has its queue id, or else our id."""
    receipt = rig.changing.apply(rig.call(LEDGER))
    item = int(receipt.reference.removeprefix("queue:"))
    (ours,) = rig.ours(LEDGER)
    rig.world.clock.advance(timedelta(minutes=10))
    done = rig.reading.follow_queue(item, LEDGER, "")
    assert (done.state, done.reference) == (StepState.DONE, f"build:{ours.number}")
    other = rig.reading.follow_queue(item - 1, LEDGER, OPERATION)
    assert (other.state, other.reference) == (StepState.DONE, f"build:{ours.number}")


def test_an_item_that_was_cancelled_fails_and_later_is_unknown(rig: Rig) -> None:
    """While Jenkins remembers it, the step fails; once it is forgotten nobody can tell."""
    call = rig.call(LEDGER)
    item = int(rig.changing.apply(call).reference.removeprefix("queue:"))
    requests.post(
        f"{rig.endpoint.url}/queue/cancelItem",
        params={"id": item},
        auth=(rig.endpoint.user, rig.world.identity("jenkins", writer=True).credential),
        timeout=30,
    ).raise_for_status()
    found = rig.reading.follow_queue(item, LEDGER, OPERATION)
    assert found.state is StepState.FAILED
    assert "cancelled" in found.said
    rig.world.clock.advance(timedelta(minutes=6))
    forgotten = rig.reading.follow_queue(item, LEDGER, OPERATION)
    assert forgotten.state is StepState.UNKNOWN
    assert [one.source for one in forgotten.evidence] == ["prod/jenkins queue item", "prod/jenkins builds"]
    assert rig.changing.settle(call).state is Settled.NOT_DONE


def test_what_is_triggered_while_jenkins_shuts_down_waits(rig: Rig) -> None:
    """Jenkins' own why is the step's."""
    jenkins_queue.quiet_down(rig.world)
    item = int(rig.changing.apply(rig.call(LEDGER)).reference.removeprefix("queue:"))
    rig.world.clock.advance(timedelta(minutes=2))
    found = rig.reading.follow_queue(item, LEDGER, OPERATION)
    assert found.state is StepState.WAITING
    assert found.said.endswith("waits: Jenkins is about to shut down")


@pytest.mark.parametrize(
    ("job", "state"),
    [
        ({"buildable": True, "builds": []}, StepState.WAITING),
        ({"buildable": True, "builds": [{"number": 4, "queueId": 7}]}, StepState.DONE),
        ({"buildable": False, "builds": []}, StepState.FAILED),
    ],
    ids=["for an instant", "its build is listed", "for good"],
)
def test_an_item_that_left_without_a_build(
    asgi_server: "AsgiServer", rig: Rig, job: dict[str, Any], state: StepState
) -> None:
    """For an instant every left item has no build; it never gets one where its job was disabled."""
    left = {"_class": "hudson.model.Queue$LeftItem", "why": None, "cancelled": False, "executable": None}
    served = asgi_server(telling({"/item/7": left, "/job/x": job}))
    found = JenkinsClient(replace(rig.endpoint, url=served.url)).follow_queue(7, "x", "")
    assert found.state is state
