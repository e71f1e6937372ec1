"""What services say of themselves: ``/ENVIRONMENT/SERVICE/health``, by the release that runs there.

200 with the version that runs, 503 where that release is bad (``World.plant_bad_release``, ``health``), 404
for what nobody has deployed.
"""

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedesk.sandbox.model import ENVIRONMENTS
from fedesk.sandbox.world import World


def application(world: World) -> Starlette:
    """The ASGI application of all services in all environments."""

    def answer(environment: str, service: str) -> Response:
        known = environment in ENVIRONMENTS and service in world.services
        current = world.deployed(environment, service) if known else None
        if current is None:
            return JSONResponse({"status": "not found"}, status_code=404)
        is_bad = world.deployments.breaks(environment, service, "health")
        said = {"status": "down" if is_bad else "ok", "version": current.build.version}
        return JSONResponse(said, status_code=503 if is_bad else 200)

    async def health(request: Request) -> Response:
        names = request.path_params["environment"], request.path_params["service"]
        return await run_in_threadpool(answer, *names)

    return Starlette(routes=[Route("/{environment}/{service}/health", health)])
