"""Requests and bytes of one look at an Airflow with 120 DAGs, cold and steady, against the sandbox.

    .venv/bin/python bench/airflow_requests.py

Reference: flowrs 0.16 sent 4 requests and 139 KB, uncompressed, every 2 s. Allowed: 3 requests, and 10 KB
where nothing moved. A finished run is fetched again only where it ended within the margin before a look.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.http import Answer, Query
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Observation
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import start
from fedesk.sandbox.world import World

_PERIOD = timedelta(seconds=5)
_STEADY_LOOKS = 60
_MOST_REQUESTS = 3
_MOST_BYTES = 10_000
_ENDED = ("success", "failed")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one look took."""

    requests: int
    transferred: int
    """Bytes of bodies as they came over the wire."""


def main() -> int:
    """Look until all is known, then for minutes in which runs move, then for some in which none does."""
    clock = WorldClock()
    clock.freeze()
    world = World(scale=3, clock=clock)
    sandbox = start(world, systems=("airflow",))
    identity = world.identity("airflow")
    client = AirflowClient(
        Endpoint(
            name=ConnectionName("prod", "airflow"),
            url=f"{sandbox.urls['airflow']}/prod",
            user=identity.user,
            credential=lambda: SecretText(identity.credential),
        )
    )
    seen = client.observe(None)
    print(f"DAGs {len(seen.jobs)}; rows after the first look: {len(seen.runs)} runs")
    _show("cold, first look", [Cost(client.session.requests, client.session.transferred)])
    seen, catching_up = _looks(client, seen, lambda seen: not seen.complete)
    _show(f"cold, history of {len(seen.runs)} runs", catching_up)
    ended = _noted(client)
    moving: list[Cost] = []
    still: list[Cost] = []
    for _ in range(_STEADY_LOOKS):
        clock.advance(_PERIOD)
        seen, costs = _looks(client, seen)
        moving += costs
    twice = sum(times - 1 for times in ended.values())
    for _ in range(_STEADY_LOOKS):
        seen, costs = _looks(client, seen)
        still += costs
    client.close()
    sandbox.close()
    _show("steady, runs move", moving)
    _show("steady, none moves", still)
    print(f"finished runs fetched: {len(ended)}, again: {twice}")
    print("reference: flowrs 0.16, 4 requests and 139000 bytes a look, every 2 s")
    fits = all(cost.requests <= _MOST_REQUESTS for cost in (*moving, *still)) and all(
        cost.transferred <= _MOST_BYTES for cost in still
    )
    print("as allowed" if fits else "MORE than allowed")
    return 0 if fits else 1


def _looks(
    client: AirflowClient,
    seen: Observation,
    more: Callable[[Observation], bool] = lambda _: False,
) -> tuple[Observation, list[Cost]]:
    costs = []
    while True:
        requests, transferred = client.session.requests, client.session.transferred
        seen = client.observe(seen)
        costs.append(Cost(client.session.requests - requests, client.session.transferred - transferred))
        if not more(seen):
            return seen, costs


def _noted(client: AirflowClient) -> Counter[tuple[str, str]]:
    """Counts how often each ended run arrives from here on."""
    found: Counter[tuple[str, str]] = Counter()
    get = client.session.get

    def noted(path: str, query: Query = ()) -> Answer:
        answer = get(path, query)
        for run in json.loads(answer.body).get("dag_runs", ()):
            if run["state"] in _ENDED:
                found[run["dag_id"], run["dag_run_id"]] += 1
        return answer

    client.session.get = noted  # type: ignore[method-assign]  # the bench looks at what passes
    return found


def _show(what: str, costs: list[Cost]) -> None:
    bytes_of = [cost.transferred for cost in costs]
    print(
        f"{what}: {len(costs)} looks, at most {max(cost.requests for cost in costs)} requests, "
        f"median {median(bytes_of):.0f} bytes, at most {max(bytes_of)}, in all {sum(bytes_of)}"
    )


if __name__ == "__main__":
    sys.exit(main())
