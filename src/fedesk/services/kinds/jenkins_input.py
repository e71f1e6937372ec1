"""Jenkins: answer the question at which a build waits. The approver is the person, not the robot."""

from dataclasses import replace
from types import MappingProxyType

from fedesk.domain import guards, rerun_guards
from fedesk.domain.names import RunName, split_build
from fedesk.domain.operations import (
    Call,
    Effect,
    Evidence,
    Fact,
    GuardResult,
    JournalEntry,
    Json,
    Plan,
    Progress,
    Ruling,
    StepKind,
    StepState,
    Target,
)
from fedesk.domain.releases import AnswerRequest
from fedesk.domain.requests import Request
from fedesk.domain.states import System
from fedesk.domain.text import one_line
from fedesk.ports.changing import Systems
from fedesk.ports.errors import NotFoundError
from fedesk.ports.releasing import InputAsked
from fedesk.ports.sources import Clock, Connection
from fedesk.services.hiding import hidden
from fedesk.services.operation_kinds import Around, Draft, OperationKind, Step

NAME = "jenkins.answer-input"
_CHOSEN = "answer"
_WORDS = {"proceed": "let {run} proceed", "abort": "have {run} end"}


def draft(request: Request, around: Around) -> Draft:
    """What answering would do. Raises NotFoundError where the build waits for no answer, SourceError."""
    if not isinstance(request, AnswerRequest):
        raise TypeError(f"{type(request).__name__} answers nothing")
    connection = around.systems.reading(request.connection)
    pending = _pending(connection, request.run.id)
    if not pending:
        raise NotFoundError(f"{request.run} waits for no answer.")
    question, now = pending[0], around.clock.now()
    job, number = split_build(request.run.id)
    said = hidden(one_line(question.message or question.id, 160))
    target = Target(
        name=str(request.run),
        pipeline=job,
        pins=MappingProxyType(
            {"server": connection.address, "input": question.id, "message": said, _CHOSEN: request.choice}
        ),
        reserves=(f"{connection.name}:{request.run.id} input {question.id}",),
        link=question.link,
    )
    args: dict[str, Json] = {"job": job, "build": number, "input": question.id, "choice": request.choice}
    what = _WORDS[request.choice].format(run=request.run.id)
    effect = Effect(
        connection=connection.name,
        call=Call(system=System.JENKINS, verb="answer-input", args=MappingProxyType(args), key="{operation}"),
        sentence=f"{what}: it asks {said}",
    )
    fact = Fact(name="input", value=said, source=str(connection.name), observed_at=now)
    return Draft(
        target=target,
        effects=(effect,),
        guards=(
            rerun_guards.folder_scope(connection.name, connection.scope, job),
            _without_values(question),
        ),
        facts=(fact,),
        notes=_notes(question, len(pending)),
    )


def _pending(connection: Connection, run: str) -> tuple[InputAsked, ...]:
    if connection.deploys is None:
        raise NotFoundError(f"{connection.name} is not configured as a Jenkins whose inputs are answered.")
    return connection.deploys.call(lambda source: source.inputs(run))


def _without_values(question: InputAsked) -> GuardResult:
    """An input that asks for values gets none from here: what a plan sends is kept."""
    if not question.parameters:
        return GuardResult(
            guard=guards.PARAMETERS_REPEATABLE, ruling=Ruling.ALLOW, reason="It asks for no values."
        )
    return GuardResult(
        guard=guards.PARAMETERS_REPEATABLE,
        ruling=Ruling.DENY,
        reason=f"It asks for {', '.join(question.parameters)}, and fedesk gives none.",
        remedy=f"Answer it in Jenkins: {question.link}",
    )


def _notes(question: InputAsked, waiting: int) -> tuple[str, ...]:
    notes = [f"Jenkins lets {question.submitter} answer it."] if question.submitter else []
    if waiting > 1:
        notes.append(f"{waiting - 1} more questions of the build wait.")
    return tuple(notes)


def asked(plan: Plan) -> AnswerRequest:
    """What was asked for when a plan was made. Raises ValueError."""
    target = plan.targets[0]
    if _CHOSEN not in target.pins:
        raise ValueError("The plan answers nothing.")
    return AnswerRequest(run=RunName.parse(target.name), choice=target.pins[_CHOSEN])


def read_back(plan: Plan, _: tuple[JournalEntry, ...], systems: Systems, clock: Clock) -> Progress:
    """Whether the question is pending no more. Raises SourceError."""
    target, connection = plan.targets[0], systems.reading(plan.connection)
    run = RunName.parse(target.name).id
    is_pending = any(one.id == target.pins["input"] for one in _pending(connection, run))
    said = f"{run} {'still waits' if is_pending else 'waits no more'} for that answer."
    evidence = Evidence(source=f"{connection.name} build", said=said, at=clock.now(), link=target.link)
    state = StepState.WAITING if is_pending else StepState.DONE
    return Progress(state=state, said=said, evidence=(evidence,))


KIND = OperationKind(
    name=NAME,
    action="promote",
    system=System.JENKINS,
    draft=draft,
    asked=asked,
    steps=(
        Step(name="answer", kind=StepKind.EFFECT, sentence="answer the question of the build"),
        Step(
            name="read back",
            kind=StepKind.VERIFY,
            sentence="read back that it waits no more",
            look=read_back,
            within=30.0,
        ),
    ),
)

ABORT = replace(KIND, name="jenkins.abort-input", action="rollback")
"""Having a build end is no promotion: it goes by the rule of what stops one."""
