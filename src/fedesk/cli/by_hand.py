"""``fedesk operations settle`` and ``decide``: a person's word, where no look can tell or a step waits."""

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import acts, apart, output, session
from fedesk.cli.endings import code_of, sentences
from fedesk.cli.operations import named
from fedesk.cli.output import Column, Json, narrate
from fedesk.cli.saying_yes import ConfirmOption, ReasonOption, YesOption, check_environments, check_one_yes
from fedesk.domain.operations import Choice, Outcome
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.operations import Operation
    from fedesk.execution import Desk
    from fedesk.services.proposals import Answer

EVIDENCE_COLUMNS = (
    Column(title="SYSTEM", importance=9),
    Column(title="SAID", importance=9, is_text=True),
    Column(title="AT", importance=6),
    Column(title="LINK", importance=4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What settling one operation came to."""

    before: "Operation"
    after: "Operation"
    by_hand: bool = False
    error: str = ""
    code: Exit = Exit.DONE


def settle(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    operation_id: Annotated[
        str, typer.Argument(metavar="ID", help="The operation's id, whole or its beginning.")
    ],
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", metavar="done|not-done", help="What you have seen: done or not-done."),
    ] = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
    confirm: ConfirmOption = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Settle an operation of which no look can tell whether it was done: by your word, on the record.

    It looks once more first; where that can tell, it ends by that. It prints what each system says. Nothing
    is sent; the target is free afterwards. Wants --yes outside production, --confirm NAME in it, and a
    reason:

    fedesk operations settle ID --outcome done --confirm prod --reason INC-4711
    """
    verdict = None if outcome is None else _verdict(outcome)
    with closing(_opened(context, config, environment, operation_id, yes=yes, confirm=confirm)) as desk:
        operation = named(desk, operation_id)
        settled = _settled(desk, operation, verdict, answer_of(reason, yes=yes, confirm=confirm))
        _tell(desk, settled, as_json=as_json)
    return settled.code


def _verdict(word: str) -> Outcome:
    from fedesk.services.by_hand import VERDICTS

    found = VERDICTS.get(word.strip().lower())
    if found is None:
        raise session.StopError(f"--outcome: {word!r} is neither done nor not-done", Exit.USAGE)
    return found


def _opened(
    context: typer.Context,
    config: session.ConfigOption,
    environment: str | None,
    operation: str,
    *,
    yes: bool,
    confirm: str | None,
) -> "Desk":
    check_one_yes(yes=yes, confirm=confirm)
    loaded = session.load(config)
    check_environments(loaded, environment, confirm)
    return apart.compose(context, loaded, environment, operation)


def answer_of(reason: str, *, yes: bool, confirm: str | None) -> "Answer":
    """The yes that was given, and its reason."""
    from fedesk.services.proposals import Answer

    how = f"--confirm {confirm}" if confirm is not None else "--yes" if yes else ""
    return Answer(how=how, named=confirm or "", reason=reason)


def _settled(desk: "Desk", operation: "Operation", verdict: Outcome | None, answer: "Answer") -> Settled:
    looked = operation
    try:
        narrate(f"looking up {operation.plan.operation}")
        looked = desk.by_hand.look_first(operation.plan.operation)
        if not looked.is_open:
            narrate("Looking could tell; nothing was settled by hand.")
            return Settled(before=operation, after=looked)
        if verdict is None:
            raise session.StopError("Say what you have seen: --outcome done, or not-done.", Exit.REFUSED)
        after = desk.by_hand.settle(operation.plan.operation, verdict, answer)
    except sentences() as error:
        return Settled(before=operation, after=looked, error=str(error), code=code_of(error))
    return Settled(before=operation, after=after, by_hand=True)


def _tell(desk: "Desk", settled: Settled, *, as_json: bool) -> None:
    from fedesk.domain.open_operations import evidence_of

    after = settled.after
    evidence = evidence_of(after)
    if settled.error:
        narrate(settled.error)
    if as_json:
        fields: dict[str, Json] = {
            **acts.summary_document(after),
            "before": acts.standing_document(settled.before),
            "by_hand": settled.by_hand,
            "evidence": acts.evidence_document(evidence),
            "error": settled.error or None,
            "exit_code": int(settled.code),
        }
        del fields["environment"]
        output.document("fedesk-settlement/1", after.plan.environment, desk.clock.now(), **fields)
        return
    facts = desk.by_name.get(after.plan.environment)
    zone = facts.timezone if facts is not None else "UTC"
    rows = [(one.source, one.said, output.when(one.at, zone), one.link) for one in evidence]
    output.table(EVIDENCE_COLUMNS, rows, "no system has said anything of it")
    said = f": {after.said}" if after.said else ""
    output.line(f"{after.plan.targets[0].name}: {acts.standing(after)}{said}")


def decide(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    operation_id: Annotated[
        str, typer.Argument(metavar="ID", help="The operation's id, whole or its beginning.")
    ],
    choice: Annotated[Choice, typer.Argument(metavar="proceed|stop", help="Whether it goes on.")],
    reason: ReasonOption = "",
    yes: YesOption = False,
    confirm: ConfirmOption = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Decide of the step in which an operation waits for a person. The first decision counts.

    Whoever carries the operation on goes by it. Wants --yes outside production, --confirm NAME in it, and
    a reason:

    fedesk operations decide ID proceed --confirm prod --reason INC-4711
    """
    from fedesk.services.settling import left_alone

    with closing(_opened(context, config, environment, operation_id, yes=yes, confirm=confirm)) as desk:
        operation = named(desk, operation_id)
        answer = answer_of(reason, yes=yes, confirm=confirm)
        decision = desk.by_hand.decide(operation.plan.operation, choice, answer)
        now = desk.store.now(desk.clock.now())
        is_left = not left_alone(operation, now=now, processes=desk.processes)
        carry_on = f"fedesk execute {decision.operation}" if is_left else ""
        if carry_on:
            narrate(f"No process is at it: `{carry_on}` carries it on.")
        if as_json:
            fields: dict[str, Json] = {
                "operation": decision.operation,
                "run": operation.plan.targets[0].name,
                "step": decision.step,
                "choice": decision.choice.value,
                "reason": decision.reason,
                "by": decision.by,
                "at": output.instant(decision.at),
                "next": carry_on or None,
            }
            output.document("fedesk-decision/1", operation.plan.environment, desk.clock.now(), **fields)
        else:
            output.line(f"{operation.plan.targets[0].name}: {decision.step}: {decision.said}")
    return Exit.DONE
