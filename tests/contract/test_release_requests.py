"""What plans of releases cost: requests by connection, of each service in each environment."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from urllib.parse import unquote

import pytest
from sandbox_desk import SandboxClock

from fedesk import execution
from fedesk.composition import compose
from fedesk.config import load_config
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Ruling
from fedesk.domain.release_matrix import PROMOTE, KnownReleases
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import ReleaseRequest
from fedesk.ports.errors import NotFoundError
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.model_jenkins import BuildResult
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.traffic import Request
from fedesk.sandbox.world import World
from fedesk.services.kinds import release_origin
from fedesk.services.kinds.release_facts import MOST_REQUESTS
from fedesk.services.proposals import Proposal
from fedesk.services.release_matrix import Asked, MatrixRead, ReleaseSources, read_matrix

ENVIRONMENTS = ("dev", "staging", "prod")
START = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
NOTHING_TO_GO_BACK_TO = {
    ("dev", "invoices"), ("staging", "invoices"), ("prod", "invoices"), ("prod", "partners"),
}  # fmt: skip
"""No release of invoices is verified; what partners ran before, retention has taken."""


def by_connection(requests: Iterable[Request], target: str) -> Counter[str]:
    """The requests of each connection.

    One Jenkins, one Vault and one registry serve all environments: a folder or a path says whose it is, and
    what names none (Jenkins' own state, Vault's health, an image) is asked for the target.
    """

    def asked(one: Request) -> str:
        path = f"{unquote(one.path).partition('?')[0]}/"
        named = next((each for each in ENVIRONMENTS if f"/{each}/" in path), target)
        return f"{named}/{one.system}"

    return Counter(map(asked, requests))


def cost(sandbox: Sandbox, desk: execution.Desk, kind: str, environment: str, service: str) -> Counter[str]:
    """The requests of one plan, by connection."""
    request = ReleaseRequest(
        kind=kind, service=service, environment=environment, connection=ConnectionName(environment, "jenkins")
    )
    sandbox.control.clear_requests()
    try:
        desk.changes.propose(request)
    except NotFoundError:
        assert kind == ROLLBACK
        assert (environment, service) in NOTHING_TO_GO_BACK_TO
    return by_connection(sandbox.control.requests(), environment)


@contextmanager
def opened(sandbox: Sandbox) -> Iterator[execution.Desk]:
    """A desk that nobody has used yet."""
    desk = execution.open_desk(sandbox.config_path, "prod", SandboxClock(sandbox))
    try:
        yield desk
    finally:
        desk.systems.close()
        desk.close()


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.soak)], ids=["some", "all"])
@pytest.mark.parametrize("kind", [PROMOTE, ROLLBACK])
def test_a_plan_asks_no_connection_more_than_five_times(full_sandbox: Sandbox, kind: str, step: int) -> None:
    """From cold, of each service into each environment: nothing is read before, and nobody is logged in."""
    with opened(full_sandbox) as desk:
        services = tuple(desk.catalogue.services)[::step]
    assert len(services) == 20 // step
    over = {}
    for environment, service in product(ENVIRONMENTS, services):
        with opened(full_sandbox) as desk:
            found = cost(full_sandbox, desk, kind, environment, service)
        assert found[f"{environment}/jenkins"] >= 3, "what nobody was asked proves nothing"
        if max(found.values()) > MOST_REQUESTS:
            over[environment, service] = dict(found)
    assert over == {}


@pytest.mark.parametrize(
    ("origin", "target", "age"), [("staging", "dev", 0), ("staging", "dev", 9), ("dev", "staging", 9)]
)
def test_a_plan_asks_five_times_where_the_same_jenkins_built_the_release(
    sandbox: Sandbox, origin: str, target: str, age: int
) -> None:
    """CI runs in the Jenkins of the target while another environment stands before it, or in that one's.

    A build among the newest ten is listed beside the deploy job. Of an older one everything is read but the
    file that says what it made, and the gate says so.
    """
    now = sandbox.world.now()
    builds = sandbox.world.builds(f"finedge/{origin}/deploy-loyalty")
    ran = [one for one in builds if one.result_at(now) is BuildResult.SUCCESS and not one.is_dry_run]
    request = ReleaseRequest(
        kind=PROMOTE,
        service="loyalty",
        environment=target,
        connection=ConnectionName(target, "jenkins"),
        origin=origin,
        digest=ran[age].digest,
    )
    with opened(sandbox) as desk:
        sandbox.control.clear_requests()
        found = desk.changes.propose(request)
        asked = by_connection(sandbox.control.requests(), target)
    assert (asked["dev/jenkins"], max(asked.values())) == (MOST_REQUESTS, MOST_REQUESTS), asked
    said = gates(found)
    for name in ("built from commit", "unit", "data quality", "security scan", "digest"):
        assert said[name][0] is Ruling.ALLOW, said[name]
    untold = "; which one its build made was not asked, since a plan asks a Jenkins five times at most."
    assert said["digest"][1].endswith(untold if age else ", the one that its build made.")


def test_a_plan_asks_five_times_where_what_builds_lies_in_another_folder(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job is listed by itself then; of the deploy job its parameters are pinned, which is said."""
    monkeypatch.setattr(release_origin, "_side_by_side", lambda *_: False)
    with opened(sandbox) as desk:
        asked = cost(sandbox, desk, PROMOTE, "dev", "loyalty")
        request = desk.releases.request(PROMOTE, "loyalty", "dev")
        found = desk.changes.propose(request)
    assert asked["dev/jenkins"] == MOST_REQUESTS
    assert gates(found)["unit"][0] is Ruling.ALLOW
    pins = found.plan.targets[0].pins
    assert [name for name in pins if name.startswith("definition")] == ["definition (parameter definitions)"]


def rolled_back(sandbox: Sandbox, desk: execution.Desk, digest: str = "") -> Proposal:
    """The plan of a rollback of loyalty in prod, in five requests to its Jenkins."""
    name = ConnectionName("prod", "jenkins")
    request = ReleaseRequest(
        kind=ROLLBACK, service="loyalty", environment="prod", connection=name, digest=digest
    )
    sandbox.control.clear_requests()
    found = desk.changes.propose(request)
    asked = by_connection(sandbox.control.requests(), "prod")
    assert max(asked.values()) <= MOST_REQUESTS, asked
    return found


def gates(proposal: Proposal) -> dict[str, tuple[Ruling, str]]:
    """What the gates say of it."""
    return {
        one.guard.removeprefix("gate "): (one.ruling, one.reason)
        for one in proposal.guards
        if one.guard.startswith("gate ")
    }


def test_a_release_of_long_ago_is_gone_back_to(sandbox: Sandbox) -> None:
    """Named, and twenty builds away: verified by its own stage; what lies between in schemas is not known."""
    ran = [
        one
        for one in sandbox.world.builds("finedge/prod/deploy-loyalty")
        if one.result is BuildResult.SUCCESS
    ]
    target = ran[20]
    assert len({one.digest for one in ran[:20]}) > 10
    with opened(sandbox) as desk:
        found = rolled_back(sandbox, desk, target.digest)
        assert found.plan.targets[0].pins["digest"] == target.digest
        said = gates(found)
        assert said["verified before"][0] is Ruling.ALLOW
        ruling, why = said["migrations"]
        # To be waived by who may, as nobody else can tell.
        assert ruling is Ruling.CONFIRM
        assert why.startswith(f"What finedge/prod/deploy-loyalty#{ran[1].number}, ")
        assert why.endswith(" more changes in schemas is not known.")
        with pytest.raises(NotFoundError, match=r"has deployed sha256:00.*the newest \d\d were looked at"):
            rolled_back(sandbox, desk, f"sha256:{'0' * 64}")


def test_the_last_verified_release_is_found_behind_many_builds(sandbox: Sandbox) -> None:
    """Twelve that changed nothing came since: the one before is asked by itself whether it verified."""
    job = "finedge/prod/deploy-loyalty"
    current, *before = (
        one for one in sandbox.world.builds(job) if one.result is BuildResult.SUCCESS and not one.is_dry_run
    )
    last = next(one for one in before if one.digest != current.digest)
    image = f"registry.finedge.example/loyalty@{current.digest}"
    for _ in range(12):
        sandbox.control.trigger_build(job, values={"IMAGE": image, "DRY_RUN": "true"})
        sandbox.control.clock.advance(timedelta(minutes=10))
    assert len(sandbox.world.builds(job)) - len([current, *before]) >= 12
    with opened(sandbox) as desk:
        found = rolled_back(sandbox, desk)
        assert found.plan.targets[0].pins["digest"] == last.digest
        said = gates(found)
        assert (said["verified before"][0], said["migrations"][0]) == (Ruling.ALLOW, Ruling.ALLOW), said


def test_a_plan_right_after_the_matrix_costs_no_more(full_sandbox: Sandbox) -> None:
    """And no less: what the matrix keeps may be older than what a plan is judged by, so a plan reads anew."""
    with opened(full_sandbox) as desk:
        cold = cost(full_sandbox, desk, PROMOTE, "prod", "payments")
        read = desk.releases.matrix()
        assert not read.failures
        after = cost(full_sandbox, desk, PROMOTE, "prod", "payments")
        jenkins = {name: count for name, count in cold.items() if name.endswith("/jenkins")}
        assert jenkins == {"dev/jenkins": 3, "staging/jenkins": 3, "prod/jenkins": 4}
        assert {name: count for name, count in after.items() if name.endswith("/jenkins")} == jenkins
        over = {}
        for kind, service in product((PROMOTE, ROLLBACK), tuple(desk.catalogue.services)[::4]):
            found = cost(full_sandbox, desk, kind, "dev", service)
            if max(found.values()) > MOST_REQUESTS:
                over[kind, service] = dict(found)
        assert over == {}


def test_the_matrix_of_forty_services_is_one_request_to_each_jenkins_and_one_for_each_change() -> None:
    """From cold each service has changed; then nothing has; an hour later as many as run something else."""
    running = start(World(seed=7, scale=2, clock=WorldClock(START)), systems=("jenkins",))
    try:
        desk = compose(load_config(running.config_path), None, SandboxClock(running))
        sources = ReleaseSources(
            catalogue=desk.catalogue,
            connections=desk.all_connections,
            environments=ENVIRONMENTS,
            clock=SandboxClock(running),
            operations=lambda *_: (),
        )

        def look(known: KnownReleases) -> tuple[MatrixRead, Counter[str], int]:
            running.control.clear_requests()
            read = read_matrix(sources, known, Asked(sightings=False))
            assert not read.failures
            log = running.control.requests("jenkins")
            files = sum("/artifact/" in one.path for one in log)
            return read, by_connection((one for one in log if "/artifact/" not in one.path), ""), files

        def runs(read: MatrixRead) -> set[str]:
            cells = [cell for row in read.matrix.rows for cell in row.cells]
            assert len(cells) == 40 * len(ENVIRONMENTS)
            return {str(cell.current.run.name) for cell in cells if cell.current is not None}

        one_each = {f"{name}/jenkins": 1 for name in ENVIRONMENTS}
        cold, asked, files = look(KnownReleases())
        assert (asked, files) == (one_each, len(runs(cold)))
        assert files >= 100
        again, asked, files = look(cold.known)
        assert (asked, files) == (one_each, 0)
        running.control.clock.freeze(START + timedelta(hours=1))
        later, asked, files = look(again.known)
        assert (asked, files) == (one_each, len(runs(later) - runs(again)))
        assert files > 0
    finally:
        running.close()
