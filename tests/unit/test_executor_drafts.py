"""Drafts of an executor: what a desk believes of a build's log, and what it says where it does not."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from making import AIRFLOW, JENKINS
from operation_values import operation_id
from planning import (
    BUILD,
    CATALOGUE,
    DAG_RUN,
    StillClock,
    StillSystem,
    StillSystems,
    asked,
    changes,
    clear_preview,
    rebuild_preview,
)

from fedesk.domain.names import RunName
from fedesk.domain.operations import Progress, StepState
from fedesk.domain.reruns import RerunRequest
from fedesk.domain.runs import LogChunk, LogRequest, Run, RunDetail
from fedesk.domain.states import State
from fedesk.ports.errors import UnreachableError
from fedesk.ports.sources import Connection
from fedesk.services.asked_executor import ExecutorJob
from fedesk.services.draft_documents import LONGEST, DraftError, asked_name, fields_of, marked, read
from fedesk.services.executor_drafts import LONGEST_LOG, ExecutorDrafts
from fedesk.services.kinds import kind_for
from fedesk.services.kinds.airflow_clear import draft as clear
from fedesk.services.kinds.jenkins_rebuild import draft as rebuild
from fedesk.services.operation_kinds import Draft
from fedesk.services.proposals import Proposal
from fedesk.store.operations import SqlStore

REQUEST = operation_id(7)
BY_READS = clear_preview(is_dry_run=False)
BY_DRY_RUN = clear_preview(tasks=BY_READS.tasks[:1])
"""What Airflow itself would clear: fewer tasks than reads list."""


def looked(preview: Any, request: RerunRequest | None = None) -> tuple[Draft, Connection]:
    systems = StillSystems(prod_airflow=StillSystem(preview))
    connection = systems.reading(AIRFLOW)
    return clear(request or asked(), systems, CATALOGUE), connection


def document(preview: Any = BY_DRY_RUN, **altered: Any) -> dict[str, Any]:
    """As the executor writes it, with fields altered."""
    draft, connection = looked(preview)
    fields = fields_of(
        draft,
        name=asked_name(asked()),
        request=REQUEST,
        kind=kind_for(asked(), connection),
        connection=connection,
        made_by="fedesk 0.1.0 on agent-1",
        person="executor@finedge.example",
    )
    head = {"schema": "fedesk-draft/1", "environment": "prod", "observed_at": "2026-11-20T00:00:00Z"}
    return head | fields | altered


def line(preview: Any = BY_DRY_RUN, **altered: Any) -> str:
    return marked(REQUEST, json.dumps(document(preview, **altered)))


class Controller:
    """A Jenkins whose job writes a log that the test gives."""

    def __init__(self, log: str, *, state: State = State.SUCCEEDED, queue: Progress | None = None) -> None:
        self.log_text = log
        self.state = state
        self.queue = queue or Progress(state=StepState.DONE, said="It began.", reference="build:12")
        self.asked: list[tuple[str, str]] = []

    def call(self, use: Callable[["Controller"], Any], *, deadline: float | None = None) -> Any:
        del deadline
        return use(self)

    def ask_for_draft(self, run: str, request: str) -> int:
        self.asked.append((run, request))
        return 4

    def follow_queue(self, item: int, job: str, operation: str) -> Progress:
        assert (item, job, operation) == (4, "fedesk/execute", REQUEST)
        return self.queue

    def run(self, run_id: str) -> RunDetail:
        assert run_id == "fedesk/execute#12"
        run = Run(name=RunName(JENKINS, run_id), job="fedesk/execute", state=self.state, original_state="x")
        return RunDetail(run=run, steps=())

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """In pieces of whole lines, as Jenkins gives a long one."""
        del request
        lines = self.log_text.splitlines(keepends=True)
        at = int(cursor or 0)
        return LogChunk(text="".join(lines[at : at + 2]), cursor=str(at + 2), complete=at + 2 >= len(lines))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    found = SqlStore(tmp_path / "state.sqlite3")
    yield found
    found.close()


def drafts_of(controller: Controller, clock: StillClock) -> ExecutorDrafts:
    reading: Any = controller
    jenkins = replace(
        StillSystems(prod_jenkins=StillSystem(rebuild_preview())).reading(JENKINS),
        runs=reading,
        queues=reading,
    )
    job = ExecutorJob(name="fedesk/execute", executor=reading, jenkins=jenkins, begins_within=300.0)

    def pause(seconds: float) -> None:
        clock.at += timedelta(seconds=seconds)

    return ExecutorDrafts(job=job, clock=clock, new_id=lambda: REQUEST, pause=pause)


def proposed(
    store: SqlStore, controller: Controller, preview: Any = BY_READS, **given: Any
) -> tuple[Proposal, list[str]]:
    """A plan made at a desk that has an executor, and what it has said to wait for."""
    clock, said = StillClock(), list[str]()
    made = changes(store, clock=clock, prod_airflow=StillSystem(preview))
    made = replace(made, drafts={"prod": drafts_of(controller, clock)})
    return made.propose(asked(), tell=said.append, **given), said


def tasks_of(proposal: Proposal) -> list[str]:
    args: Mapping[str, Any] = proposal.plan.effects[0].call.args
    return [task for task, _, _ in args["tasks"]]


def test_the_plan_is_the_executors_where_reads_alone_made_the_desks(store: SqlStore) -> None:
    """Tasks, guards and facts are those of the dry run; who made it and what was waited for is said."""
    log = f"+ fedesk plans draft {DAG_RUN} --marked {REQUEST}\nLooking …\n[12:00:01] {line()}\r\nFinished\n"
    controller = Controller(log)
    proposal, said = proposed(store, controller)
    assert controller.asked == [(str(DAG_RUN), REQUEST)]
    assert tasks_of(proposal) == ["dbt_test"]
    assert proposal.draft is not None
    assert {one.source for one in proposal.draft.facts} == {"prod/airflow dry run"}
    plan = proposal.plan
    assert plan.made_by == (
        "prod/jenkins:fedesk/execute#12, fedesk 0.1.0 on agent-1 for executor@finedge.example"
    )
    assert plan.notes[-1].startswith(
        "Drafted by the executor prod/jenkins:fedesk/execute, with its own rights"
    )
    assert not proposal.is_blocked
    job = "prod/jenkins:fedesk/execute"
    assert said == [
        f"Waiting for {job} to draft the plan: Airflow does not let us ask for a dry run …",
        f"Waiting for {job}#12 to draft the plan: Airflow does not let us ask for a dry run …",
    ]


@pytest.mark.parametrize(
    ("preview", "given"),
    [(BY_DRY_RUN, {}), (clear_preview(state=State.RUNNING, is_dry_run=False), {})],
    ids=["a dry run of its own", "denied anyway"],
)
def test_nobody_is_asked_for_what_the_desk_knows(store: SqlStore, preview: Any, given: Any) -> None:
    """A build is asked for where its draft would be another, and might come to something."""
    controller = Controller(line())
    proposal, said = proposed(store, controller, preview, **given)
    assert (controller.asked, said) == ([], [])
    assert proposal.plan.made_by == "fedesk 0.1.0 on desk-3"


FORGED: dict[str, tuple[str, str]] = {
    "no line": ("Finished: SUCCESS", "its log holds no draft"),
    "of another request": (line().replace(REQUEST, operation_id(8)), "its log holds no draft"),
    "two lines": (f"{line()}\n{line()}", "its log holds 2 drafts"),
    "half a line": (line()[:400], "its draft is not whole"),
    "a line in a line": (f"{line()[:90]}{line()}", "its draft is not whole"),
    "too long": (marked(REQUEST, "x" * LONGEST), "its draft is longer than any plan"),
    "a log without end": (f"{'x' * LONGEST_LOG}\n{line()}", "its log is longer than any draft"),
    "no JSON": (marked(REQUEST, "{'run': 1}"), "its draft is no JSON"),
    "nested without end": (marked(REQUEST, "[" * 100_000), "its draft is no JSON"),
    "a huge number": (marked(REQUEST, "9" * 5000), "its draft is no JSON"),
    "a list": (marked(REQUEST, "[]"), "not made as fedesk makes one: draft"),
    "a field more": (line(more=1), "not made as fedesk makes one: draft"),
    "another run": (line(run=f"{DAG_RUN}x"), "another run"),
    "another environment": (line(environment="staging"), "another environment"),
    "another connection": (line(connection="prod/airflow-b"), "another connection"),
    "another address": (line(address="http://evil.example"), "another address"),
    "another kind": (line(kind="jenkins.rebuild"), "another kind"),
    "another target": (
        line(target=document()["target"] | {"name": "prod/airflow:x/y"}),
        "of another target",
    ),
    "another server": (
        line(target=document()["target"] | {"pins": {"server": "http://evil.example"}}),
        "of another server",
    ),
    "another verb": (line(effects=[document()["effects"][0] | {"call": "drop"}]), "call something else"),
    "nothing to call": (line(effects=[]), "call something else"),
    "another system": (line(effects=[document()["effects"][0] | {"system": "mars"}]), "that there is not"),
    "a fraction": (line(effects=[document()["effects"][0] | {"args": {"tasks": 0.5}}]), "no call takes"),
    "a guard left out": (line(guards=[]), "leaves out a guard"),
    "another verdict": (line(guards=[document()["guards"][0] | {"verdict": "fine"}]), "no guard gives"),
    "an escape": (line(notes=["\x1b]52;c;eA==\x07"]), "not made as fedesk makes one: notes"),
    "half a pair": (line(notes=["\ud800"]), "not made as fedesk makes one: notes"),
    "a megabyte": (line(notes=["x" * 1_000_000]), "not made as fedesk makes one: notes"),
    "no time": (line(facts=[document()["facts"][0] | {"observed_at": "soon"}]), "a time that is none"),
}


@pytest.mark.parametrize("case", FORGED)
def test_what_is_forged_is_one_sentence_and_the_desks_own_draft(store: SqlStore, case: str) -> None:
    """Whatever a build writes, the plan from reads is there, and says why it is not the executor's."""
    log, why = FORGED[case]
    proposal, _ = proposed(store, Controller(log))
    assert tasks_of(proposal) == ["dbt_test", "publish", "notify"]
    assert proposal.plan.made_by == "fedesk 0.1.0 on desk-3"
    said = proposal.plan.notes[-1]
    assert said.startswith("The executor drafts again and refuses what differs; it gave no draft now: ")
    assert why in said
    assert "\n" not in said
    assert len(said) < 400
    assert not proposal.is_blocked


def test_an_executor_that_cannot_be_had_is_not_waited_for_without_end(store: SqlStore) -> None:
    """Cancelled, not begun, failed, hanging, unreachable: each ends in time, in the words of who knows."""
    waits = Progress(state=StepState.WAITING, said="Queue item 4 waits: no agent has the label")
    gone = Progress(state=StepState.FAILED, said="Queue item 4 was cancelled in Jenkins")

    class Away(Controller):
        def ask_for_draft(self, run: str, request: str) -> int:
            del run, request
            raise UnreachableError("prod/jenkins cannot be reached")

    for controller, why in (
        (Controller("", queue=gone), "was cancelled in Jenkins"),
        (Controller("", queue=waits), "it did not begin within 300 s: Queue item 4 waits: no agent"),
        (
            Controller("", state=State.FAILED),
            "#12 has ended failed; `fedesk log prod/jenkins:fedesk/execute#12`",
        ),
        (Controller("", state=State.RUNNING), "#12 made none within 90 s: it still runs"),
        (Away(""), "prod/jenkins cannot be reached"),
    ):
        proposal, _ = proposed(store, controller)
        assert why in proposal.plan.notes[-1]


def test_who_leaves_waits_no_longer(store: SqlStore) -> None:
    """What hears of the waiting may end it: nothing of a plan is left."""

    class LeftError(Exception):
        pass

    def leave(said: str) -> None:
        raise LeftError(said)

    made = changes(store, prod_airflow=StillSystem(BY_READS))
    made = replace(made, drafts={"prod": drafts_of(Controller(line()), StillClock())})
    with pytest.raises(LeftError):
        made.propose(asked(), tell=leave)


def test_with_broken_glass_nobody_waits_for_an_executor_that_it_goes_past(store: SqlStore) -> None:
    """Where sealed credentials are used, the plan is the desk's own at once."""
    controller = Controller(line())
    made = changes(store, prod_airflow=StillSystem(BY_READS))
    made = replace(
        made,
        drafts={"prod": drafts_of(controller, StillClock())},
        emergency={"prod": "prod/airflow (fedesk-emergency)"},
    )
    assert tasks_of(made.propose(asked(), break_glass=True)) == ["dbt_test", "publish", "notify"]
    assert controller.asked == []


def test_a_name_that_the_job_would_refuse_is_not_sent_to_it(store: SqlStore) -> None:
    """The pattern of the kit's job holds at the desk, too."""
    odd = RunName(AIRFLOW, "payments_daily/manual$(touch pwned)")
    controller, clock = Controller(line()), StillClock()
    made = changes(store, clock=clock, prod_airflow=StillSystem(clear_preview(odd, is_dry_run=False)))
    made = replace(made, drafts={"prod": drafts_of(controller, clock)})
    assert "characters that no executor's job takes" in made.propose(asked(odd)).plan.notes[-1]
    assert controller.asked == []


def test_a_build_comes_back_as_it_was_drafted() -> None:
    """Arguments of a call to Jenkins, a mapping in a mapping, are the same when they are read."""
    systems = StillSystems(prod_jenkins=StillSystem(rebuild_preview()))
    connection = systems.reading(JENKINS)
    kind = kind_for(asked(BUILD), connection)
    own = rebuild(asked(BUILD), systems, CATALOGUE)
    fields = fields_of(
        own,
        name=str(BUILD),
        request=REQUEST,
        kind=kind,
        connection=connection,
        made_by="fedesk",
        person="executor",
    )
    head = {"schema": "fedesk-draft/1", "environment": "prod", "observed_at": None}
    text = json.dumps(head | fields)
    found, made_by = read(text, REQUEST, name=str(BUILD), own=own, kind=kind, connection=connection)
    assert json.loads(text)["effects"][0]["args"] == found.effects[0].call.args
    assert (found.guards, found.facts, found.notes) == (own.guards, own.facts, own.notes)
    assert (found.target.reserves, dict(found.target.pins)) == (own.target.reserves, dict(own.target.pins))
    assert made_by == "fedesk for executor"
    with pytest.raises(DraftError, match="another request"):
        read(text, operation_id(9), name=str(BUILD), own=own, kind=kind, connection=connection)
