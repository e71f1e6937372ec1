"""The frames of an operation as text: the question above, the selection, what is typed and the key below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.operations import Ruling
from fedesk.domain.redaction import redact
from fedesk.domain.states import State
from fedesk.ui import plan_text, present, waiting_text, watch_text
from fedesk.ui.confirming import Line
from fedesk.ui.listed import Column, Row
from fedesk.ui.plan_text import RULINGS, doing_of, request_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fedesk.domain.operations import Plan
    from fedesk.services.proposals import Proposal
    from fedesk.ui.confirming import Typed, Wanted
    from fedesk.ui.operation_state import Item, Situation
    from fedesk.ui.present import Face
    from fedesk.ui.run_text import Moment

ITEM_COLUMNS = (
    Column(title="", width=1),
    Column(title="", width=11, importance=8),
    Column(title="what", width=24, grow=3),
    Column(title="why", width=16, importance=5, grow=3),
)
ARMED = "bold $on-error on $error"
READY = "bold auto on $primary"
_FIELD = 12
_NAMED = 4
"""Services of a batch that are named in its question."""


def question(situation: Situation) -> str:
    """The target stands in it: ``Clear 3 task instances of payments_daily / 2026-11-20 on prod/airflow?``."""
    if len(situation.items) == 1:
        item = situation.items[0]
        if item.made is not None:
            plan = item.made.proposal.plan
            doing = doing_of(plan)
            return f"{doing[:1].upper()}{doing[1:]} on {plan.connection}?"
        return plan_text.asking(item.request) if item.request is not None else "Do it?"
    free = [item.made.proposal.plan for item in situation.free.values() if item.made]
    places = ", ".join(sorted({str(plan.connection) for plan in free})) or situation.environment
    if situation.is_batch:
        return f"Promote {_services(situation)} on {places}, one after the other?"
    count, every = len(free), len(situation.items)
    said = f"{count} of {every}" if situation.is_planned and count != every else f"{every}"
    return f"Run {said} again on {places}?"


def _services(situation: Situation) -> str:
    """Those of a batch that can go, as far as is known; all where none can."""
    meant = list(situation.free.values()) if situation.is_planned else situation.items
    names = [item.service for item in meant or situation.items]
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return present.text(", ".join([*names[:_NAMED], *more]), 200)


def _asked(item: Item) -> str:
    return request_name(item.request) if item.request is not None else "it"


def head(situation: Situation, moment: Moment, width: int) -> list[Content]:
    """What is done to what, and on which server; the first that is read."""
    if len(situation.items) > 1:
        return _wrapped(_selection_title(situation), _counts(situation), width)
    item = situation.items[0]
    plan = plan_of(item)
    if plan is None:
        asked = "The operation" if situation.watches else question(situation)
        return _wrapped(Content.styled(asked, "bold"), Content(), width)
    if item.operation is not None:
        doing = doing_of(plan)
        title = Content.assemble(
            watch_text.face_of(item.operation).mark,
            (f" {doing[:1].upper()}{doing[1:]} on {plan.connection}", "bold"),
        )
        return _wrapped(title, Content.assemble((_server(plan), present.MUTED)), width)
    word = "" if item.can_go else "✗ Refused  " if item.refusal else "✗ Blocked  "
    mark = Content.styled(word, "bold $text-error")
    return _wrapped(
        Content.assemble(mark, (question(situation), "bold")),
        Content.styled(" · ", "$foreground-disabled").join(
            [Content(_server(plan)), plan_text.expiry(plan, moment)]
        ),
        width,
    )


def plan_of(item: Item) -> Plan | None:
    """The plan of an item, as soon as it has one."""
    if item.operation is not None:
        return item.operation.plan
    return item.made.proposal.plan if item.made is not None else None


def _server(plan: Plan) -> str:
    scope = f", only {', '.join(present.text(one, 60) for one in plan.scope[:3])}" if plan.scope else ""
    return f"{plan.connection} at {present.text(plan.address, 200)}{scope}"


def _wrapped(title: Content, below: Content, width: int) -> list[Content]:
    room = max(width - 2, 10)
    lines = title.wrap(room)[:3] + ([below.truncate(room, ellipsis=True)] if below.plain else [])
    return [Content.assemble(" ", line) for line in lines]


def _selection_title(situation: Situation) -> Content:
    if situation.watching:
        count = sum(item.operation is not None for item in situation.items)
        return Content.styled(
            f"{count} operation{'' if count == 1 else 's'} in {situation.environment}", "bold"
        )
    return Content.styled(question(situation), "bold")


def _counts(situation: Situation) -> Content:
    words: dict[str, int] = {}
    for index in range(len(situation.items)):
        _, word, _ = _standing_in(situation, index)
        words[word] = words.get(word, 0) + 1
    return Content.styled(", ".join(f"{count} {word}" for word, count in words.items()), present.MUTED)


# The selection


def item_rows(situation: Situation) -> list[Row]:
    """One row an item; once all is planned, what cannot go stands below what can, unless it is a batch."""
    order = list(enumerate(situation.items))
    if (situation.is_planned or situation.watching) and not situation.is_batch:
        order.sort(key=lambda pair: not pair[1].can_go)
    return [_item_row(situation, index, item) for index, item in order]


def _item_row(situation: Situation, index: int, item: Item) -> Row:
    from fedesk.ui.actions import Target

    face, word, why = _standing_in(situation, index)
    plan = plan_of(item)
    what = doing_of(plan) if plan is not None else _asked(item)
    return Row(
        key=str(index),
        cells=(
            face.mark,
            Content.styled(word, face.style),
            Content.styled(what, "bold" if item.can_go else ""),
            Content.styled(why, present.MUTED),
        ),
        target=Target(name=what),
    )


def _standing_in(situation: Situation, index: int) -> tuple[Face, str, str]:
    """How an item stands among the others: one of a batch may wait for another."""
    if held_by := situation.held_by(index):
        return present.NOTHING, "not begun", f"{present.text(held_by, 40)} before it cannot go"
    if behind := situation.behind(index):
        waits = present.FACES[State.WAITING]
        return waits, "in line", f"begins when {present.text(behind, 40)} has succeeded"
    return standing(situation.items[index])


def standing(item: Item) -> tuple[Face, str, str]:
    """How an item stands: its face, a word or two, and why."""
    if item.operation is not None:
        face = watch_text.face_of(item.operation)
        newest = item.operation.journal[-1].said if item.operation.journal else ""
        return face, face.word, present.text(item.trouble or item.operation.said or newest, 200)
    if item.refusal:
        return RULINGS[Ruling.DENY], "refused", present.text(item.refusal, 200)
    if item.problem:
        return RULINGS[Ruling.UNKNOWN], "no plan", present.text(item.problem, 200)
    if item.made is None:
        return present.CONNECTING, "planning", ""
    return _ruled(item.made.proposal)


def _ruled(proposal: Proposal) -> tuple[Face, str, str]:
    guards, asked = proposal.guards, proposal.needs.accept
    blocking = next((one for one in guards if one.blocks), None)
    if blocking is not None:
        return RULINGS[blocking.ruling], "blocked", present.text(f"{blocking.guard}: {blocking.reason}", 200)
    warned = next((one for one in guards if one.ruling is Ruling.WARN or one.guard in asked), None)
    if warned is not None:
        return RULINGS[warned.ruling], "can go", present.text(f"{warned.guard}: {warned.reason}", 200)
    return RULINGS[Ruling.ALLOW], "can go", ""


# The body


def body(situation: Situation, item: Item, moment: Moment, width: int, *, is_slow: bool) -> list[Content]:
    """The plan, or how it goes; a skeleton while the plan is made, after a moment."""
    if item.operation is not None:
        awaited = situation.awaited(item)
        waits = awaited is not None and bool(awaited.said)
        return [
            *(waiting_text.lines(awaited, width) if awaited is not None else []),
            *(waiting_text.plan_lines(item.operation, moment, width) if waits else []),
            *watch_text.lines(item.operation, () if waits else item.steps, moment, width),
        ]
    lines: list[Content] = []
    if item.refusal:
        said = Content.assemble(("✗ ", "$text-error"), present.text(item.refusal, 800))
        lines += plan_text.section(
            "refused", [(said, 2), (Content("Nothing was sent. r plans again."), 0)], width
        )
    if item.made is not None:
        return [
            *lines,
            *plan_text.lines(item.made, situation.typed.accepted, situation.reason, moment, width),
        ]
    if item.problem:
        said = Content.assemble(("? ", "$state-violet"), present.text(item.problem, 800))
        return [*lines, *plan_text.section("no plan", [(said, 2), (Content("r plans again."), 0)], width)]
    if item.trouble:
        said = Content.assemble(("? ", "$state-violet"), present.text(item.trouble, 800))
        return [*lines, *plan_text.section("not read", [(said, 2)], width)]
    if not is_slow:
        return lines
    asked = f"Asking {item.request.connection} what it would touch …" if item.request else READING
    asked = present.text(item.waits, 300) if item.waits else asked
    return [*lines, *present.waiting(asked, width)]


READING = "Reading the operation from the store …"


# What is typed, and the key


def foot(situation: Situation, item: Item, moment: Moment, width: int) -> list[Content]:
    """The lines in which something is typed and the key, dim until it is armed; later how it stands."""
    if situation.watching:
        if item.operation is None:
            _, word, why = _standing_in(situation, situation.items.index(item))
            said = "" if situation.watches else f" not done: {word}. {why}"
            return Content.styled(said, present.MUTED).wrap(width)
        awaited = situation.awaited(item)
        told = (
            watch_text.ending(item.operation, item.trouble)
            if awaited is None
            else waiting_text.ending(item.operation, awaited, moment, situation.person)
        )
        lines = told.wrap(max(width - 2, 10))
        return [Content.assemble(" " * (1 + (index > 0)), line) for index, line in enumerate(lines)]
    given = fields(situation.want, situation.typed, after_reason=_for_incident(situation))
    rows = [*_broken_glass(situation), *given, *_reason_of_window(situation)]
    loud = situation.is_production or situation.glass
    armed = key(situation.missing, question(situation), width, is_production=loud)
    return [*(row.truncate(width, ellipsis=True) for row in rows), *armed]


def _broken_glass(situation: Situation) -> Iterable[Content]:
    if situation.glass:
        said = "past approvals, freezes and holds; it pages until another one has reviewed it"
        yield Content.assemble((f" ▲ {'break-glass':<{_FIELD}} ", "bold $text-error"), (said, "$text-error"))


def fields(want: Wanted, typed: Typed, *, after_reason: str = "") -> Iterable[Content]:
    """The lines in which name and reason are typed; ``after_reason`` says what the reason becomes."""
    if want.name:
        opens = ", which opens a write window for an hour" if want.window else ""
        yield _field(
            "environment",
            typed.name,
            f"type its name{opens}",
            typed.line is Line.NAME,
            typed.name == want.name,
        )
    if want.reason:
        given = bool(typed.reason.strip())
        # People paste tokens: they are hidden here as they are on the record.
        reason = redact(typed.reason).text
        field = _field("reason", reason, "why, or a ticket", typed.line is Line.REASON, given)
        yield Content.assemble(field, (after_reason, present.MUTED))


def _reason_of_window(situation: Situation) -> Iterable[Content]:
    if not situation.want.reason and situation.window is not None and situation.free:
        reason = present.text(situation.window.reason, 200)
        yield Content.styled(f" {'reason':<{_FIELD}}  {reason}, as for the write window", present.MUTED)


def _for_incident(situation: Situation) -> str:
    """What the reason becomes, where it is an open incident's id."""
    incident = situation.incident
    if incident is None:
        return ""
    return f"  it belongs to {incident.id}, {present.text(redact(incident.title).text, 100)}"


def _field(label: str, text: str, hint: str, typing: bool, done: bool) -> Content:  # noqa: FBT001 - two flags
    # The end of a long text is what one sees while typing it.
    shown = present.text(text, 400)[-60:] + (" " if text.endswith(" ") else "")
    return Content.assemble(
        (f" {label:<{_FIELD}}", "bold" if typing else present.MUTED),
        ("✓ " if done else "  ", "$state-quiet-green"),
        (shown, "bold"),
        ("▏" if typing else "", "bold $text-accent"),
        ("" if text else f" {hint}" if typing else hint, present.MUTED),
    )


def key(missing: str, asked: str, width: int, *, is_production: bool) -> list[Content]:
    """The key that says yes to a question: dim with what is missing, until it is armed."""
    if missing:
        said = f" {'ctrl+y':<{_FIELD}}  not armed: {present.text(missing, 400)}"
        return Content.styled(said, present.MUTED).wrap(width)[:3]
    # Whole, however narrow: where it happens stands at its end.
    begin = " ▸ ARMED  ctrl+y  "
    lines = Content(asked).wrap(max(width - len(begin) - 1, 10))
    heads = [begin, *[" " * len(begin)] * (len(lines) - 1)]
    style = ARMED if is_production else READY
    return [
        Content.styled(f"{before}{line.plain}" + " " * max(width - len(before) - line.cell_length, 0), style)
        for before, line in zip(heads, lines, strict=True)
    ]
