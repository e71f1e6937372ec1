"""What a look at a Jenkins with 120 jobs costs: requests, bytes of the bodies, seconds.

The reference is one request for all jobs (issue 3, "Speed"); python-jenkins' get_job_info takes one a job.
"""

import socket
import threading
import time
from collections import Counter

import uvicorn
from starlette.types import Message, Receive, Scope, Send

from fedesk.clients.jenkins import JenkinsClient
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Observation
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.sandbox.jenkins import application
from fedesk.sandbox.world import World

requests: Counter[str] = Counter()
sent: Counter[str] = Counter()


def serve(world: World) -> str:
    """The sandbox's Jenkins on a free port, counting."""
    controller = application(world)

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        kind = "stages" if "wfapi" in scope["path"] else scope["path"].removesuffix("/api/json").strip("/")

        async def counting(message: Message) -> None:
            sent[kind] += len(message.get("body", b""))
            await send(message)

        requests[kind] += 1
        await controller(scope, receive, counting)

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(counted, log_level="warning", lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def look(client: JenkinsClient, name: str, previous: Observation | None) -> Observation:
    """One look, and its figures."""
    requests.clear()
    sent.clear()
    began = time.perf_counter()
    found = client.observe(previous)
    seconds = time.perf_counter() - began
    kinds = ", ".join(f"{kind or 'jobs'} {sent[kind]:,} B" for kind in requests)
    print(
        f"{name:28} {len(found.jobs):4} jobs {len(found.runs):5} runs "
        f"{requests.total()} requests {sent.total():>9,} B {seconds:.2f} s  ({kinds})"
    )
    return found


def main() -> None:
    """Cold, steady, and a second environment's share of the same controller."""
    world = World()
    identity = world.identity("jenkins")
    endpoint = Endpoint(
        name=ConnectionName("prod", "jenkins"),
        url=serve(world),
        user=identity.user,
        credential=lambda: SecretText(identity.credential),
    )
    for folders, words in (((), "controller"), (("finedge/prod",), "finedge/prod")):
        client = JenkinsClient(endpoint, folders=folders)
        found = look(client, f"{words}, first look", None)
        while any("stages" in kind for kind in requests):
            found = look(client, f"{words}, with reasons", found)
        look(client, f"{words}, steady", found)


if __name__ == "__main__":
    main()
