"""The sandbox's Snowflake for its client's tests, with a port to look behind it.

``python tests/contract/snowflake_server.py COMMAND…`` serves it while the command runs, which finds it by the
environment variable FEDESK_TEST_SNOWFLAKE: so the client is tested in an environment with another connector.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from fedesk.sandbox import snowflake
from fedesk.sandbox.airflow_clear import clear_as
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.snowflake_login import oauth_token
from fedesk.sandbox.world import World

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
VARIABLE = "FEDESK_TEST_SNOWFLAKE"


def application(world: World) -> Starlette:
    """The emulator, and below ``/_test`` what its warehouses did and the world's clock."""
    account = snowflake.application(world)

    async def warehouses(_: Request) -> JSONResponse:
        known = account.state.account.warehouses
        return JSONResponse(
            {
                name: {
                    "statements": known[name].statements,
                    "tags": known[name].tags,
                    "resumed": known[name].resumed,
                }
                for name in snowflake.WAREHOUSES
            }
        )

    async def advance(request: Request) -> JSONResponse:
        world.clock.advance(timedelta(seconds=float(request.query_params["seconds"])))
        return JSONResponse({})

    async def clear(request: Request) -> JSONResponse:
        asked = request.query_params
        body = {"dry_run": False, "dag_run_id": asked["run_id"], "only_failed": True, "note": asked["note"]}
        await run_in_threadpool(clear_as, world, "prod", asked["dag_id"], "mara", body)
        return JSONResponse({})

    return Starlette(
        routes=[
            Route("/_test/warehouses", warehouses),
            Route("/_test/clear", clear, methods=["POST"]),
            Route("/_test/advance", advance, methods=["POST"]),
            Mount("/", app=account),
        ]
    )


@contextlib.contextmanager
def serving() -> Iterator[dict[str, str]]:
    """Serve it; gives its address, the private keys of reader and writer, and the reader's OAuth token."""
    world = World(clock=WorldClock(NOW))
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(world), lifespan="off", log_config=None, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    reader = world.identity("snowflake")
    try:
        yield {
            "url": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "reader": reader.credential,
            "writer": world.identity("snowflake", writer=True).credential,
            "oauth": oauth_token(reader),
        }
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
        listener.close()


if __name__ == "__main__":
    with serving() as found:
        sys.exit(
            subprocess.run(
                sys.argv[1:], env={**os.environ, VARIABLE: json.dumps(found)}, check=False
            ).returncode
        )
