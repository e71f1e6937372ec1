"""Budgets: what takes longer than it may is a finding, of runs that were read anyway."""

from dataclasses import replace
from datetime import timedelta

from making import JENKINS, NOW, PROD, catalogue, run, snapshot
from released import cell, deployment, release

from fedesk.domain.release_budgets import KIND, size_said
from fedesk.domain.releases import ReleaseBudget
from fedesk.domain.states import Severity, State, System
from fedesk.services.boards import board_of

CI, DEPLOY = "finedge/prod/payments-ci", "finedge/prod/deploy-payments"


def test_a_slow_build_or_deployment_is_listed_and_nothing_else_is() -> None:
    """At the limit it is met; the newest that succeeded counts; a DAG may take as long as it takes."""
    jenkins = [
        run(CI, State.FAILED, ago=20, took=30, number=4, connection=JENKINS),
        run(CI, State.SUCCEEDED, ago=60, took=10.5, number=3, connection=JENKINS),
        run(DEPLOY, State.SUCCEEDED, ago=60, took=15, number=2, connection=JENKINS),
    ]
    dags = [run("payments_daily", State.SUCCEEDED, ago=300, took=200)]
    seen = [snapshot(jenkins, connection=JENKINS, system=System.JENKINS), snapshot(dags)]
    board = board_of(PROD, catalogue(), seen, {}, NOW)
    (found,) = [one for one in board.findings if one.kind == KIND]
    assert (found.severity, found.subject) == (Severity.LISTED, "ci payments_daily")
    assert found.what == "the build took 10m30s, its budget is 10m"
    assert found.run == jenkins[1].name
    slower = replace(jenkins[2], ended_at=(jenkins[2].ended_at or NOW) + timedelta(seconds=1))
    again = [snapshot([slower], connection=JENKINS, system=System.JENKINS)]
    (deploy,) = [one for one in board_of(PROD, catalogue(), again, {}, NOW).findings if one.kind == KIND]
    assert deploy.what == "the deployment took 15m1s, its budget is 15m"


def test_an_image_is_measured_where_its_size_is_known() -> None:
    """Beyond the budget, not at it."""
    sized = [
        replace(deployment(1, "a", ago=1), release=release("a", size_bytes=size))
        for size in (300_000_000, 312_000_000, None)
    ]
    assert [size_said(cell(one)) for one in sized] == ["", "image 312 MB of 300", ""]
    assert size_said(cell(sized[0]), ReleaseBudget(size_bytes=250_000_000)) == "image 300 MB of 250"
    assert size_said(cell()) == ""
