"""What plans of releases cost: requests by connection, and seconds beside the same requests bare.

At most five to each connection (issue 8, "Speed"): of each service into each environment, the first plan of
each environment from cold. The reference sends the requests that fedesk has sent to Jenkins for one promotion
from staging to prod, one after the other over one kept connection, and looks at no answer. The sandbox is
another process.
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
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import ReleaseRequest
from fedesk.execution import Desk, open_desk
from fedesk.ports.errors import NotFoundError
from fedesk.services.clock import SystemClock
from pairs import in_turn

SERVICE = "loyalty"
ENVIRONMENTS = ("dev", "staging", "prod")
ROUNDS = 7
MOST = 5
"""Requests that a connection is asked at most."""
LIMIT = 4.0
"""How much slower than Jenkins' bare requests it may be: Airflow, Vault and the registry are asked, too."""


def main() -> None:
    """The requests of all plans, then one plan beside its bare requests."""
    with sandbox() as (config, control):
        for kind in (PROMOTE, ROLLBACK):
            for environment in ENVIRONMENTS:
                desk = open_desk(config, "prod", SystemClock())
                try:
                    _count(desk, control, kind, environment)
                finally:
                    desk.close()
        desk = open_desk(config, "prod", SystemClock())
        try:
            _measure(desk, control)
        finally:
            desk.close()


def _request(kind: str, service: str, environment: str) -> ReleaseRequest:
    jenkins = ConnectionName(environment, "jenkins")
    return ReleaseRequest(kind=kind, service=service, environment=environment, connection=jenkins)


def _count(desk: Desk, control: str, kind: str, environment: str) -> None:
    """The most that a plan of any service asks of each connection."""
    most: Counter[str] = Counter()
    for service in desk.catalogue.services:
        _forget(control)
        try:
            desk.changes.propose(_request(kind, service, environment))
        except NotFoundError as error:
            print(f"  {error}")
        log = _log(control)
        most |= Counter(_connection(one["system"], one["path"], environment) for one in log)
    said = ", ".join(f"{name} {count}" for name, count in sorted(most.items()))
    print(f"{kind} into {environment}, the most of {len(desk.catalogue.services)} services: {said}")
    over = {name: count for name, count in most.items() if count > MOST}
    if over:
        raise SystemExit(f"more than {MOST} requests: {over}")


def _forget(control: str) -> None:
    requests.delete(f"{control}/requests", timeout=10).raise_for_status()


def _log(control: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = requests.get(f"{control}/requests", timeout=10).json()["requests"]
    return found


def _connection(system: str, path: str, target: str) -> str:
    """The connection that is meant: one server serves all environments; a folder or path tells them apart.

    What names no environment (Jenkins' own state, Vault's health, an image) is asked for the target.
    """
    where = f"{unquote(path).partition('?')[0]}/"
    named = next((one for one in ENVIRONMENTS if f"/{one}/" in where), target)
    return f"{named}/{system}"


def _measure(desk: Desk, control: str) -> None:
    wanted = _request(PROMOTE, SERVICE, "prod")
    desk.changes.propose(wanted)
    _forget(control)
    desk.changes.propose(wanted)
    paths = [one["path"] for one in _log(control) if one["system"] == "jenkins" and one["method"] == "GET"]

    def plan() -> float:
        began = time.perf_counter()
        desk.changes.propose(wanted)
        return time.perf_counter() - began

    in_turn("plan of a promotion", plan, "its requests to Jenkins, bare", _bare(desk, paths), ROUNDS).show(
        LIMIT
    )


def _bare(desk: Desk, paths: list[str]) -> Callable[[], float]:
    name = ConnectionName("prod", "jenkins")
    configured = next(one for one in desk.config.environments["prod"].connections() if one.name == name)
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
