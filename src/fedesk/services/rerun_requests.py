"""What was asked for, told from the plan that was made of it: a run, or one task of it, to be run again."""

from collections.abc import Sequence

from fedesk.domain.names import RunName, split_task
from fedesk.domain.operations import Json, Plan
from fedesk.domain.reruns import RerunRequest


def request_of(plan: Plan) -> RerunRequest:
    """What was asked for when a plan was made: its run, or the one task that its target is named after."""
    target = plan.targets[0]
    run = RunName.parse(target.name)
    tasks = {
        str(row[0])
        for effect in plan.effects
        for row in _rows(effect.call.args.get("tasks"))
        if isinstance(row, Sequence) and row
    }
    # A run is reserved whole; an id that looks as if it ended in a task is not split.
    run_id, task = (run.id, None) if target.name in target.reserves else split_task(run.id, tasks)
    return RerunRequest(run=RunName(run.connection, run_id), task=task, environment=plan.environment)


def _rows(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
