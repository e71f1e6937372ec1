"""What a look after a release comes to, as a pure function of what was seen; checks as a plan keeps them."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from making import run
from released import release

from fedesk.domain import verifying
from fedesk.domain.catalogue import (
    AirflowCheck,
    AirflowLook,
    Band,
    DbtCheck,
    HttpCheck,
    SnowflakeCheck,
    Verification,
)
from fedesk.domain.releases import CheckState
from fedesk.domain.states import State
from fedesk.domain.verifying import Judged

GOOD, BAD = CheckState.SUCCESSFUL, CheckState.FAILED
WAITS, NEVER = CheckState.WAITING, CheckState.INCONCLUSIVE
SEVEN = ["100", "110", "90", None, "105", "95", "100"]


def results(*statuses: str) -> bytes:
    """A ``run_results.json`` as dbt writes it."""
    rows = [{"unique_id": f"model.finedge.m{number}", "status": one} for number, one in enumerate(statuses)]
    return json.dumps({"metadata": {"dbt_version": "1.9.0"}, "results": rows}).encode()


def band(seen: str | None, history: list[str | None] = SEVEN) -> Judged:
    return verifying.band(Band(tolerance=0.3), seen, history, "the 7 days before")


CASES: dict[str, tuple[Callable[[], Judged], CheckState, CheckState, str]] = {
    "imports": (lambda: verifying.import_errors("d", ()), GOOD, GOOD, "no import error of d"),
    "does not import": (
        lambda: verifying.import_errors("", ("No module\x1b[31m x",)),
        WAITS,
        BAD,
        "cannot import any file: No module x",
    ),
    "the commit": (lambda: verifying.dag_version("d", "a" * 40, "4", "a" * 12), GOOD, GOOD, "version 4"),
    "the number": (lambda: verifying.dag_version("d", "4", "4", ""), GOOD, GOOD, "version 4"),
    "an older version": (
        lambda: verifying.dag_version("d", "a" * 40, "3", "b" * 40),
        WAITS,
        BAD,
        f"not as {'a' * 40}",
    ),
    "a commit too short": (lambda: verifying.dag_version("d", "a" * 40, "", "aaaaaa"), WAITS, BAD, "aaaaaa"),
    "no version": (lambda: verifying.dag_version("d", "4", "", ""), WAITS, NEVER, "no version of d"),
    "smoke run well": (
        lambda: verifying.smoke_run(run("d", State.SUCCEEDED)),
        GOOD,
        GOOD,
        "d/r1 is succeeded",
    ),
    "smoke run runs": (lambda: verifying.smoke_run(run("d", State.RUNNING)), WAITS, NEVER, "d/r1 is running"),
    "smoke run failed": (
        lambda: verifying.smoke_run(run("d", State.FAILED, reason="dbt_test")),
        BAD,
        BAD,
        "d/r1 is failed: dbt_test.",
    ),
    "status": (lambda: verifying.http("https://x/", 200, 200), GOOD, GOOD, "answers 200"),
    "another status": (lambda: verifying.http("https://x/", 200, 503), WAITS, BAD, "answers 503, not 200"),
    "value": (lambda: verifying.value("3", "3.0"), GOOD, GOOD, "gives 3.0"),
    "text": (lambda: verifying.value("ok", "ok"), GOOD, GOOD, "gives ok"),
    "another value": (lambda: verifying.value("3", "4"), BAD, BAD, "gives 4, not 3"),
    "no value": (lambda: verifying.value("3", None), BAD, BAD, "gives nothing, not 3"),
    "at the edge": (lambda: band("130"), GOOD, GOOD, "within 30 % around it"),
    "beyond it": (lambda: band("130.1"), BAD, BAD, "is not within 30 %"),
    "too little": (lambda: band("69"), BAD, BAD, "the median of the 7 days before is 100"),
    "without history": (lambda: band("100", ["100", None, "x"]), NEVER, NEVER, "only 1 of the 7 days"),
    "no number": (lambda: band("many"), BAD, BAD, "which is no number"),
    "not a number": (lambda: band("NaN"), BAD, BAD, "which is no number"),
    "dbt": (lambda: verifying.dbt(results("success", "pass", "warn")), GOOD, GOOD, "All 3 results"),
    "dbt failed": (
        lambda: verifying.dbt(results("success", "error")),
        BAD,
        BAD,
        "Of 2 results of dbt 1 are not good: model.finedge.m1 is error.",
    ),
    "dbt ran nothing": (lambda: verifying.dbt(results()), NEVER, NEVER, "has run nothing"),
    "no dbt": (lambda: verifying.dbt(b"[" * 9000), NEVER, NEVER, "is no run_results.json"),
    "half a file": (lambda: verifying.dbt(b'{"results": [{}]}'), NEVER, NEVER, "is no run_results.json"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_look_is_judged(name: str) -> None:
    """Now, and when its time is up: what is wrong has failed then, what was not told is inconclusive."""
    make, state, late, said = CASES[name]
    judged = make()
    assert judged.state is state
    assert (judged.late if state is WAITS else judged.state) is late
    assert said in judged.said


FIVE = timedelta(minutes=5)
CHECKS: list[Verification] = [
    AirflowCheck(check=AirflowLook.IMPORT_ERRORS, dag="d_{environment}"),
    AirflowCheck(check=AirflowLook.DAG_VERSION, dag="d", expect="{commit}"),
    AirflowCheck(check=AirflowLook.SMOKE_RUN, dag="d", expect="success", within=timedelta(minutes=10)),
    HttpCheck(url="https://x.{environment}.example/health", expect=204),
    SnowflakeCheck(query="select 1", expect="1"),
    SnowflakeCheck(query="select :partition", expect=Band(tolerance=0.25)),
    DbtCheck(artifact="target/run_results.json"),
]


@pytest.mark.parametrize("check", CHECKS, ids=verifying.told)
def test_a_check_is_kept_in_the_plan_as_it_is_looked_at(check: Verification) -> None:
    """Written with the release filled in, and read back as the same; no float stands in a plan."""
    written = verifying.written(check, "prod", release())
    assert not any(isinstance(value, float) for value in written.values())
    found = verifying.read(json.loads(json.dumps(written)))
    assert type(found) is type(check)
    assert found.within == check.within
    assert verifying.written(found, "prod", release()) == written
    assert "{" not in json.dumps(dict(written)).removeprefix("{")


def test_words_of_a_release_are_filled_in_once() -> None:
    """What a release says is never read as a template itself."""
    odd = release(version="{digest}")
    assert verifying.filled_in("{version} {operation} {x}", "prod", odd) == "{digest} {operation} {x}"
