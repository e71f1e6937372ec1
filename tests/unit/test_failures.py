"""What failed lately, and how long things took."""

from dataclasses import replace
from datetime import timedelta

from making import JENKINS, NOW, minutes, run

from fedesk.domain.board import JobHistory, Role, Subject
from fedesk.domain.failures import FailedRun, failed_since
from fedesk.domain.names import TaskName
from fedesk.domain.runs import Run, Step
from fedesk.domain.states import State, System


def history(name: str, *runs: Run) -> JobHistory:
    subject = Subject(name=name, role=Role.DATA, owner=f"of {name}")
    key = (System.JENKINS, name)
    return JobHistory(connection=JENKINS, key=key, subject=subject, job=None, runs=runs, baseline=None)


def test_what_ended_badly_lately_is_told_the_newest_first() -> None:
    """Up to exactly that long ago; what succeeded, or has no end, is not among it."""
    old, edge = run("a", State.FAILED, ago=60, took=0), run("a", State.UNSTABLE, ago=30, took=0)
    new = run("b", State.ABORTED, ago=5, took=0)
    endless = replace(new, ended_at=None)
    found = failed_since(
        [history("a", run("a", State.SUCCEEDED), old, edge), history("b", endless, new)], NOW, minutes(30)
    )
    assert found == (
        FailedRun(run=new, pipeline="b", owner="of b", since=NOW - minutes(5)),
        FailedRun(run=edge, pipeline="a", owner="of a", since=NOW - minutes(30)),
    )


def test_a_run_and_a_step_last_from_their_beginning_to_their_end_or_now() -> None:
    """None before they began, and never less than nothing: clocks differ."""
    step = Step(
        id="load", name="load", state=State.FAILED, original_state="failed", map_index=3, try_number=2
    )
    assert str(step.task) == str(TaskName("load", 3, 2))
    for begun, ended, length in (
        (None, NOW, None),
        (NOW - minutes(5), None, minutes(5)),
        (NOW - minutes(5), NOW - minutes(1), minutes(4)),
        (NOW + minutes(5), None, timedelta(0)),
    ):
        for one in (run("x", State.FAILED), step):
            assert replace(one, started_at=begun, ended_at=ended).duration(NOW) == length
