"""Which log a name means, against runs whose ids hold what names are made of."""

import pytest
from making import NOW, minutes

from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.runs import Run, RunDetail, Step
from fedesk.domain.states import State, System
from fedesk.ports.errors import NotFoundError
from fedesk.services.log_choice import choose_log, find_run

AIRFLOW = ConnectionName("prod", "airflow")


def step(name: str, state: State, *, ago: float = 10, node: str = "") -> Step:
    """A step that began ``ago`` minutes before NOW, or never where it was skipped."""
    began = None if state is State.SKIPPED else NOW - minutes(ago)
    ended = began if state.is_final else None
    return Step(
        id=node or name, name=name, state=state, original_state=state.value, started_at=began, ended_at=ended
    )


def detail(run_id: str, *steps: Step) -> RunDetail:
    """A run with these steps."""
    run = Run(name=RunName(AIRFLOW, run_id), job="dag", state=State.FAILED, original_state="failed")
    return RunDetail(run=run, steps=steps)


class Runs:
    """Runs by id; each question is counted."""

    def __init__(self, *known: RunDetail) -> None:
        self.known = {one.run.name.id: one for one in known}
        self.asked: list[str] = []

    def detail(self, name: RunName) -> RunDetail:
        """The run, or NotFoundError."""
        self.asked.append(name.id)
        if name.id not in self.known:
            raise NotFoundError(f"404: {name.id}")
        return self.known[name.id]


def test_a_name_without_a_task_asks_once() -> None:
    """The common case costs one request."""
    runs = Runs(detail("dag/r1"))
    assert find_run(runs, RunName(AIRFLOW, "dag/r1"))[1] is None
    assert runs.asked == ["dag/r1"]


def test_a_task_is_split_off_where_the_run_has_it() -> None:
    """Map index and try belong to the task; an id may hold :: itself."""
    runs = Runs(detail("dag/r::1", step("t", State.FAILED)), detail("dag/r", step("other", State.FAILED)))
    found, task = find_run(runs, RunName(AIRFLOW, "dag/r::1::t[3]@2"))
    assert (found.run.name.id, task) == ("dag/r::1", TaskName("t", 3, 2))
    found, task = find_run(runs, RunName(AIRFLOW, "dag/r::1"))
    assert (found.run.name.id, task) == ("dag/r::1", None)


def test_what_is_no_run_keeps_the_systems_words() -> None:
    """The error is the one of the name as far as its last ::."""
    with pytest.raises(NotFoundError, match="404: dag/r"):
        find_run(Runs(), RunName(AIRFLOW, "dag/r::t"))


def test_without_a_task_the_one_that_matters_is_chosen() -> None:
    """The first that failed, else the one that runs, else the last that ended; never one that did not run."""
    done, later = step("a", State.SUCCEEDED, ago=20), step("b", State.SUCCEEDED, ago=5)
    failed, running, skipped = (step(name, State(name)) for name in ("failed", "running", "skipped"))
    for steps, chosen in (
        ((done, running, failed), "failed"),
        ((done, running, skipped), "running"),
        ((later, done, skipped), "b"),
    ):
        request = choose_log(detail("dag/r", *steps), System.AIRFLOW, None)
        assert request.task is not None
        assert request.task.task == chosen
    with pytest.raises(NotFoundError, match="no task that ran"):
        choose_log(detail("dag/r", skipped), System.AIRFLOW, None)


def test_a_jenkins_stage_is_named_as_on_screen() -> None:
    """A stage's name becomes the id of its node; without one it is the whole console."""
    build = detail("job#1", step("Verify", State.FAILED, node="42"))
    assert choose_log(build, System.JENKINS, None).task is None
    assert choose_log(build, System.JENKINS, TaskName("Verify")).task == TaskName("42")
    with pytest.raises(NotFoundError, match="it has: Verify"):
        choose_log(build, System.JENKINS, TaskName("Nowhere"))
