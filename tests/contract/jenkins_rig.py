"""A world's Jenkins with the two adapters over it, for the tests of changing it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedesk.clients.jenkins import JenkinsClient
from fedesk.clients.jenkins_changes import JenkinsChanges
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Call, Json
from fedesk.domain.reruns import RebuildPreview
from fedesk.domain.states import System
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.sandbox import jenkins_queue
from fedesk.sandbox.model_jenkins import BuildPlan
from fedesk.sandbox.server import Sandbox
from fedesk.sandbox.world import World

NAME = ConnectionName("prod", "jenkins")
LEDGER = "finedge/prod/ledger-ci"
PAYMENTS = "finedge/prod/payments-ci"
SMOKE = "finedge/dev/smoke-test"
OPERATION = "01997c6e-1111-7000-8000-000000000001"
POSTS = r"/build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A world, and the two adapters over it."""

    world: World
    endpoint: Endpoint

    @property
    def reading(self) -> JenkinsClient:
        """A fresh reader."""
        return JenkinsClient(self.endpoint)

    @property
    def changing(self) -> JenkinsChanges:
        """A fresh changer."""
        return JenkinsChanges(self.endpoint)

    def preview(self, job: str) -> RebuildPreview:
        """What building a job's newest finished build again would meet."""
        return self.reading.rebuild_preview(ended(self.world, job))

    def call(self, job: str, operation: str = OPERATION) -> Call:
        """The filled call that a plan makes of the preview."""
        preview = self.preview(job)
        parameters: dict[str, Json] = {
            one.name: one.value
            for one in preview.parameters
            if one.name != "FEDESK_OPERATION" and one.value is not None
        }
        if preview.declares_operation:
            parameters["FEDESK_OPERATION"] = operation
        args: dict[str, Json] = {
            "job": job,
            "parameters": parameters,
            "operation_parameter": preview.declares_operation,
            "after_queue_id": preview.highest_queue_id,
            "user": preview.user,
        }
        verb = "build-with-parameters" if preview.declared else "build"
        return Call(system=System.JENKINS, verb=verb, args=args, key=operation)

    def ours(self, job: str, operation: str = OPERATION) -> list[BuildPlan]:
        """What a job has in the world that carries an operation's id, queued or built."""
        return [
            plan
            for plan in self.world.build_plans(job)
            if ("FEDESK_OPERATION", operation) in {(one.name, one.value) for one in plan.parameters}
        ]

    def by(self, job: str, user: str) -> list[BuildPlan]:
        """What a job has in the world that a user asked for."""
        return [
            plan
            for plan in self.world.build_plans(job)
            if any(cause.user_id == user for cause in plan.causes)
        ]


def ended(world: World, job: str) -> str:
    """The name of a job's newest build that has ended."""
    now = world.now()
    return next(f"{job}#{one.number}" for one in world.builds(job, 8) if one.result_at(now) is not None)


def endpoint_of(world: World, url: str, *, writer: bool = True, deadline: float = 20.0) -> Endpoint:
    identity = world.identity("jenkins", writer=writer)
    return Endpoint(
        name=NAME,
        url=url,
        user=identity.user,
        credential=lambda: SecretText(identity.credential),
        read_timeout=deadline,
        deadline=deadline,
    )


def rig_over(sandbox: Sandbox) -> Iterator[Rig]:
    """For a fixture; whatever was changed is forgotten afterwards."""
    yield Rig(world=sandbox.world, endpoint=endpoint_of(sandbox.world, sandbox.urls["jenkins"]))
    sandbox.world.forget_changes()


def posts(sandbox: Sandbox) -> list[str]:
    """Paths of everything but GETs that Jenkins received."""
    return [one.path for one in sandbox.control.requests("jenkins") if one.method != "GET"]


def someone_triggers(world: World, job: str, user: str = "mara", **values: str) -> BuildPlan:
    """Another desk, or somebody in Jenkins' own pages, triggers a build; its item."""
    queue_id = jenkins_queue.trigger(world, job, user, values)
    return next(plan for plan in world.build_plans(job) if plan.queue_id == queue_id)


def telling(documents: dict[str, Any], *, location: str = "") -> Starlette:
    """A Jenkins that says what it is told to, by the end of the path; 404 otherwise."""

    def answer(request: Request) -> Response:
        if request.method == "POST":
            return Response(status_code=201, headers={"Location": location})
        asked = request.url.path.removesuffix("/api/json")
        for end, document in documents.items():
            if asked.endswith(end):
                return Response(json.dumps(document), media_type="application/json")
        return Response("gone", 404)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
