"""What the matrix of 40 services by 3 environments costs: requests, and seconds beside the same ones bare.

From cold it is one request to each Jenkins and one for each new release; then one to each (issue 8, "Speed").
The reference sends the requests that fedesk has sent, over one kept connection for each environment, side by
side, and looks at no answer. The sandbox is another process.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import requests

from confirm import sandbox
from fedesk.composition import compose, endpoint_of, reference_of
from fedesk.config import load_config
from fedesk.domain.release_matrix import KnownReleases, in_order
from fedesk.ports.endpoint import Endpoint
from fedesk.services.clock import SystemClock
from fedesk.services.release_matrix import Asked, MatrixRead, ReleaseSources, read_matrix
from pairs import in_turn

SERVICES = 40
ROUNDS = 5
LIMIT = 2.5
"""How much slower than its bare requests it may be."""


def main() -> None:
    """Cold and warm, each beside its bare requests."""
    with sandbox(2) as (config, control):
        _measure(config, control)


def _measure(path: Path, control: str) -> None:
    desk = compose(load_config(path), None, SystemClock())
    services = dict(list(desk.catalogue.services.items())[:SERVICES])
    if len(services) < SERVICES:
        raise SystemExit(f"the sandbox has {len(services)} services, not {SERVICES}")
    sources = ReleaseSources(
        catalogue=replace(desk.catalogue, services=services),
        connections=tuple(one for one in desk.all_connections if one.deploys is not None),
        environments=in_order(desk.config.environments, {}),
        clock=SystemClock(),
        operations=lambda *_: (),
    )
    jenkins = next(
        endpoint_of(one, reference_of)
        for environment in desk.config.environments.values()
        for one in environment.connections()
        if one.name == sources.connections[0].name
    )
    known = KnownReleases()
    for name in ("cold", "warm"):
        read = _compared(name, sources, known, control, jenkins)
        known = read.known


def _compared(
    name: str, sources: ReleaseSources, known: KnownReleases, control: str, jenkins: Endpoint
) -> MatrixRead:
    """One kind of look: its requests, and its seconds beside theirs."""

    def look() -> MatrixRead:
        return read_matrix(sources, known, Asked(sightings=False))

    def measured() -> float:
        began = time.perf_counter()
        look()
        return time.perf_counter() - began

    requests.delete(f"{control}/requests", timeout=10).raise_for_status()
    read = look()
    if read.failures:
        raise SystemExit(str(read.matrix.troubles))
    log = requests.get(f"{control}/requests", params={"system": "jenkins"}, timeout=10).json()
    paths = [one["path"] for one in log["requests"]]
    files = sum("/artifact/" in one for one in paths)
    cells = sum(cell.current is not None for row in read.matrix.rows for cell in row.cells)
    print(f"{name}: {len(paths)} requests, {files} of them for the file of a release; {cells} cells")
    bare = _bare(jenkins, paths)
    in_turn(f"matrix, {name}", measured, "its requests, bare", bare, ROUNDS).show(LIMIT)
    return read


def _bare(jenkins: Endpoint, paths: Sequence[str]) -> Callable[[], float]:
    """Sends the requests, those of each environment one after the other."""
    secret = jenkins.credential() if jenkins.credential is not None else None
    by_environment: dict[str, list[str]] = {}
    for path in paths:
        name = next((one for one in ("dev", "staging", "prod") if f"/{one}/" in path), "")
        by_environment.setdefault(name, []).append(path)

    def ask(theirs: Sequence[str]) -> None:
        with requests.Session() as session:
            session.auth = (jenkins.user, secret.reveal() if secret is not None else "")
            for path in theirs:
                session.get(f"{jenkins.url}{path}", timeout=60).raise_for_status()

    def send() -> float:
        began = time.perf_counter()
        threads = [threading.Thread(target=ask, args=(theirs,)) for theirs in by_environment.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - began

    return send


if __name__ == "__main__":
    main()
