"""A plan as text: what changes where, what stands in the way, by which facts, and what is still wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain import break_glass
from fedesk.domain.break_glass import OVERRIDDEN
from fedesk.domain.guards import IN_FLIGHT
from fedesk.domain.operations import Ruling
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.releases import AnswerRequest, ReleaseRequest
from fedesk.ui import present
from fedesk.ui.actions import action, key_name
from fedesk.ui.present import Face

if TYPE_CHECKING:
    from datetime import datetime

    from fedesk.domain.operations import Fact, GuardResult, Plan
    from fedesk.domain.requests import Request
    from fedesk.ui.operation_news import Made
    from fedesk.ui.run_text import Moment

LABEL = 10
RULINGS: Mapping[Ruling, Face] = {
    Ruling.ALLOW: Face("✓", "+", "allows", "$state-quiet-green"),
    Ruling.WARN: Face("▲", "!", "warns", "$text-warning"),
    Ruling.CONFIRM: Face("▲", "!", "asks", "$text-warning"),
    Ruling.DENY: Face("✗", "x", "refuses", "$text-error"),
    Ruling.UNKNOWN: Face("?", "?", "unknown", "$state-violet"),
}
_LISTED = 40
"""Tasks or parameters that are listed at most."""


def doing_of(plan: Plan) -> str:
    """What a plan does, without the list behind it: ``clear 3 task instances of payments_daily``."""
    said = present.text(plan.sentence, 300) if plan.effects else "change nothing"
    return said.partition(": ")[0].rstrip(".")


def request_name(request: Request) -> str:
    """What was asked for, before there is a plan."""
    return present.text(request.name, 200)


def asking(request: Request) -> str:
    """The question, before there is a plan: ``Run payments_daily / 2026-11-20 again?``."""
    if isinstance(request, ReleaseRequest):
        service, there = present.text(request.service, 80), present.text(request.environment, 40)
        is_promotion = request.kind == PROMOTE
        return f"Promote {service} into {there}?" if is_promotion else f"Roll {service} back in {there}?"
    if isinstance(request, AnswerRequest):
        return f"Answer {request_name(request)}: {present.text(request.choice, 20)}?"
    return f"Run {request_name(request)} again?"


def entry(label: str, said: Content, width: int, indent: int = 0) -> list[Content]:
    """A labelled text, wrapped to ``width`` cells; lines that follow are indented by ``indent`` more."""
    room = max(width - LABEL - indent, 10)
    first, *rest = said.wrap(room) or [Content()]
    return [
        Content.assemble((label.ljust(LABEL), present.MUTED), first),
        *(Content.assemble(" " * (LABEL + indent), line) for line in rest),
    ]


def section(label: str, parts: Iterable[tuple[Content, int]], width: int) -> list[Content]:
    """Several texts under one label, each with the indent of its further lines."""
    lines: list[Content] = []
    for index, (said, indent) in enumerate(parts):
        lines += entry("" if index else label, said, width, indent)
    return [*lines, Content()] if lines else []


def lines(made: Made, accepted: frozenset[str], reason: str, moment: Moment, width: int) -> list[Content]:
    """The whole plan, with the reason it would be confirmed with; what blocks stands first."""
    plan, proposal = made.proposal.plan, made.proposal
    blocking = [one for one in proposal.guards if one.blocks]
    others = [one for one in proposal.guards if not one.blocks]
    return [
        *section("blocked", _guards(blocking, made, accepted), width),
        *section("changes", _changes(plan), width),
        *section("guards", _guards(others, made, accepted), width),
        *section("facts", _facts(proposal.guards, moment), width),
        *section("know", ((present.plain(note), 0) for note in plan.notes), width),
        *section("plan", [(_identity(plan, reason, moment), 0)], width),
    ]


def _changes(plan: Plan) -> Iterable[tuple[Content, int]]:
    for effect in plan.effects:
        yield Content(present.text(effect.sentence, 600)), 0
        parameters = effect.call.args.get("parameters")
        if isinstance(parameters, Mapping):
            unsaid = [
                (name, value) for name, value in parameters.items() if str(value) not in effect.sentence
            ]
            for name, value in unsaid[:_LISTED]:
                yield _parameter(name, value), 2
    for target in plan.targets:
        yield Content.styled(present.text(target.name, 300), present.MUTED), 2
        pins = [
            f"{present.text(name, 60)} {_short(value)}"
            for name, value in list(target.pins.items())[:_LISTED]
            if value != plan.address
        ]
        if pins:
            yield Content.styled(f"as it was seen: {' · '.join(pins)}", present.MUTED), 2


def _parameter(name: str, value: object) -> Content:
    # ``domain.operations.filled`` puts it in before anything is sent.
    shown = "this operation's id" if value == "{operation}" else str(value)
    return Content.assemble((f"{present.text(name, 60)} ", present.MUTED), present.text(shown, 200))


def _short(value: str) -> str:
    """A pin's value; a hash in twelve characters."""
    shown = present.text(value, 80)
    return shown[:12] if len(shown) == _HASH and shown.isalnum() else shown


_HASH = 64
_WORD = 9


def _guards(
    guards: Sequence[GuardResult], made: Made, accepted: frozenset[str]
) -> Iterable[tuple[Content, int]]:
    for guard in guards:
        face = RULINGS[guard.ruling]
        word = face.word
        if guard.ruling is Ruling.CONFIRM and guard.guard in accepted:
            face, word = RULINGS[Ruling.ALLOW], "accepted"
        quiet = guard.ruling is Ruling.ALLOW
        yield (
            Content.assemble(
                face.mark,
                (f" {word:<{_WORD}}", face.style),
                (f"{present.text(guard.guard, 40)}  ", present.MUTED if quiet else "bold"),
                (present.text(guard.reason, 600), present.MUTED if quiet else ""),
            ),
            2 + _WORD,
        )
        if guard.remedy:
            yield _behind(Content.styled(present.text(guard.remedy, 600), present.MUTED)), 2 + _WORD
        if guard.blocks:
            yield _behind(_way(guard, made.holder)), 2 + _WORD
        elif guard.guard in made.proposal.needs.accept and guard.guard not in accepted:
            yield _behind(_key("accept", "accepts it.")), 2 + _WORD


def _way(guard: GuardResult, holder: str) -> Content:
    """The key that leads to what would lift it."""
    if holder and guard.guard == IN_FLIGHT:
        return _key("holder", "follows the operation that holds it.")
    if guard.guard == break_glass.GUARD:
        return Content.styled("Esc leaves; planned again, it is planned without.", present.MUTED)
    if guard.guard in OVERRIDDEN:
        return _key("break-glass", "goes past it: one person, with a reason, reviewed by another afterwards.")
    if guard.conflict or guard.ruling is Ruling.UNKNOWN:
        return _key("replan", "plans again, from what the systems say then.")
    return _key("open-run", "opens the run.")


def _key(name: str, does: str) -> Content:
    return Content.assemble(
        (key_name(action(name).keys[0]), "bold $text-accent"), (f" {does}", present.MUTED)
    )


def _behind(said: Content) -> Content:
    """Under a guard's own text."""
    return Content.assemble(" " * (2 + _WORD), said)


def _facts(guards: Sequence[GuardResult], moment: Moment) -> Iterable[tuple[Content, int]]:
    """What was read together on one line, with where and how long ago."""
    together: dict[tuple[str, datetime], dict[Fact, None]] = {}
    for fact in (fact for guard in guards for fact in guard.facts):
        together.setdefault((fact.source, fact.observed_at), {})[fact] = None
    for (source, at), facts in together.items():
        said = [
            Content.assemble((f"{present.text(one.name, 60)} ", present.MUTED), present.text(one.value, 200))
            for one in facts
        ]
        origin = Content.styled(f"{present.text(source, 80)}, {present.age(at, moment.now)} ago", "bold")
        yield Content.assemble(origin, "  ", Content.styled(" · ", "$foreground-disabled").join(said)), 2


def _identity(plan: Plan, reason: str, moment: Moment) -> Content:
    from fedesk.domain.plans import digest_of

    # The reason is under the digest: what is shown is what the key would confirm.
    digest = digest_of(replace(plan, reason=reason))
    parts = [
        Content.assemble("digest ", (present.digest(digest), "bold")),
        expiry(plan, moment),
        Content(f"for {present.text(plan.requester, 80)} by {present.text(plan.made_by, 80)}"),
        Content(f"operation {present.text(plan.operation, 40)}"),
    ]
    return Content.styled(" · ", "$foreground-disabled").join(parts)


def expiry(plan: Plan, moment: Moment) -> Content:
    """``expires in 14m``, or that it has."""
    if plan.expires_at <= moment.now:
        return Content.styled("expired, r plans again", "$text-warning")
    return Content(f"expires {present.until(plan.expires_at, moment.now)}")
