"""What the plan of a promotion costs: requests by connection, and seconds beside the same requests bare.

At most five to each connection (issue 8, "Speed"), from staging to prod. The reference sends the requests
that fedesk has sent to Jenkins, one after the other over one kept connection, and looks at no answer. The
sandbox is another process.
"""

import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import unquote

import requests

from confirm import sandbox
from fedesk.composition import endpoint_of, reference_of
from fedesk.domain.names import ConnectionName
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.releases import ReleaseRequest
from fedesk.execution import Desk, open_desk
from fedesk.services.clock import SystemClock
from pairs import in_turn

SERVICE = "loyalty"
ROUNDS = 7
MOST = 5
"""Requests that a connection is asked at most."""
LIMIT = 4.0
"""How much slower than Jenkins' bare requests it may be: Airflow, Vault and the registry are asked, too."""
JENKINS = ConnectionName("prod", "jenkins")
REQUEST = ReleaseRequest(
    kind=PROMOTE, service=SERVICE, environment="prod", connection=JENKINS, origin="staging"
)


def main() -> None:
    """The requests of one plan, then plans beside their bare requests."""
    with sandbox() as (config, control):
        desk = open_desk(config, "prod", SystemClock())
        try:
            _measure(desk, control)
        finally:
            desk.close()


def _measure(desk: Desk, control: str) -> None:
    desk.changes.propose(REQUEST)
    requests.delete(f"{control}/requests", timeout=10).raise_for_status()
    desk.changes.propose(REQUEST)
    log = requests.get(f"{control}/requests", timeout=10).json()["requests"]
    counts = Counter(_asked(one["system"], one["path"]) for one in log)
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    over = {name: count for name, count in counts.items() if count > MOST}
    if over:
        raise SystemExit(f"more than {MOST} requests: {over}")
    paths = [one["path"] for one in log if one["system"] == "jenkins" and one["method"] == "GET"]

    def plan() -> float:
        began = time.perf_counter()
        desk.changes.propose(REQUEST)
        return time.perf_counter() - began

    in_turn("plan of a promotion", plan, "its requests to Jenkins, bare", _bare(desk, paths), ROUNDS).show(
        LIMIT
    )


def _asked(system: str, path: str) -> str:
    """The connection that is meant: one controller serves all environments, whose folders tell them apart."""
    where = unquote(path)
    named = next((one for one in ("dev", "staging", "prod") if f"/job/{one}/" in where), "prod")
    return f"{named}/{system}" if system == "jenkins" else system


def _bare(desk: Desk, paths: list[str]) -> Callable[[], float]:
    configured = next(one for one in desk.config.environments["prod"].connections() if one.name == JENKINS)
    jenkins = endpoint_of(configured, reference_of)
    secret = jenkins.credential() if jenkins.credential is not None else None

    def send() -> float:
        with requests.Session() as session:
            session.auth = (jenkins.user, secret.reveal() if secret is not None else "")
            began = time.perf_counter()
            for path in paths:
                session.get(f"{jenkins.url}{path}", timeout=60)
            return time.perf_counter() - began

    return send


if __name__ == "__main__":
    main()
