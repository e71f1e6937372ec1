"""The first configuration as text: head, the lines of a page, what a system said, the line of help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.states import FailureKind
from fedesk.ui import present
from fedesk.ui.setup import answers, typing
from fedesk.ui.setup.questions import BY_A_BROWSER, PAGES, SYSTEMS, TITLES, Kind, Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fedesk.services.trying import Seen, Tried
    from fedesk.ui.setup.answers import Setup
    from fedesk.ui.setup.questions import Question
    from fedesk.ui.setup.trials import Trial

_LABEL = 14
_OFFERED = 12
"""What may be chosen is listed as far as this; typing narrows it."""
_DOTS = 16
"""A secret is drawn as a dot for each character, so many at most."""
_WORDS = {
    FailureKind.UNREACHABLE: "not reached",
    FailureKind.TIMEOUT: "no answer in time",
    FailureKind.TLS: "not trusted",
    FailureKind.UNAUTHENTICATED: "refused",
    FailureKind.FORBIDDEN: "not allowed",
    FailureKind.CREDENTIAL: "no credential",
    FailureKind.PROTOCOL: "something else",
    FailureKind.FAULT: "fault",
}
"""What a failure is called before its sentence; else the word it has in documents."""
_GOOD, _BAD, _BUSY = "✓", "✗", "◐"
_OF_JOBS = {Page.JENKINS: ("job", "jobs"), Page.AIRFLOW: ("DAG", "DAGs")}


def head(setup: Setup, trials: dict[Page, Trial], width: int) -> Content:
    """The pages, the one that is seen, and how each connection stands."""
    parts = []
    for page in PAGES:
        style = "bold reverse" if page is setup.page else present.MUTED
        parts.append(Content.assemble(_mark(setup, page, trials), Content.styled(f" {TITLES[page]} ", style)))
    whole = Content(" ").join(parts)
    if whole.cell_length <= width:
        return whole
    number = PAGES.index(setup.page)
    counted = Content.styled(f" {number + 1} of {len(PAGES)} ", present.MUTED)
    return Content.assemble(parts[number], counted).truncate(width, ellipsis=True)


def _mark(setup: Setup, page: Page, trials: dict[Page, Trial]) -> Content:
    """How a page's connection stands, in one cell."""
    trial = trials.get(page)
    if page in SYSTEMS and setup.has(page) and trial is not None:
        if trial.asking:
            return Content.styled(_BUSY, "$text-primary")
        found = trial.newest
        if found is not None:
            return Content.styled(_BAD, "$text-error") if found.failure else _good(found)
    return Content(" ")


def _good(found: Tried) -> Content:
    return Content.styled(_GOOD if found.identity or found.seen else "○", "$text-success")


# The lines


def page(setup: Setup, trial: Trial, width: int) -> tuple[list[Content], int]:
    """The lines of the page one is on, and which of them has the keys."""
    lines: list[Content] = []
    mistakes = answers.read(setup, setup.page).mistakes
    has_left = setup.page in setup.left
    focus = 0
    for number, question in enumerate(setup.questions):
        is_here = number == setup.line
        if is_here:
            focus = len(lines)
        lines.append(_line(setup, question, width, is_here=is_here))
        if question.key in mistakes and (number < setup.line or (has_left and not is_here)):
            lines += _below(f"{_BAD} {mistakes[question.key]}", "$text-error", width)
        if is_here:
            lines += _offers(setup, width)
    if setup.page in SYSTEMS:
        lines += [Content(), *_said(setup, trial, width)]
    return lines, focus


def _line(setup: Setup, question: Question, width: int, *, is_here: bool) -> Content:
    label = Content.styled(f"{question.label:<{_LABEL}}", "bold" if is_here else present.MUTED)
    mark = Content.styled("▸ " if is_here else "  ", "$text-accent")
    room = max(width - _LABEL - 3, 10)
    match question.kind:
        case Kind.CHOICE:
            value = _choice(setup, question, room, is_here=is_here)
        case Kind.HIDDEN:
            value = _secret(setup, room, is_here=is_here)
        case _:
            value = _typed(setup, question, room, is_here=is_here)
    return Content.assemble(mark, label, " ", value)


def _choice(setup: Setup, question: Question, room: int, *, is_here: bool) -> Content:
    """All there is to choose, the chosen marked by more than its colour; where that is too long, it alone."""
    now = setup.text(question)
    if not is_here:
        return Content(now)
    every = Content("  ").join(
        Content.styled(f"[{one}]", "bold") if one == now else Content.styled(f" {one} ", present.MUTED)
        for one in setup.choices(question)
    )
    if every.cell_length <= room:
        return every
    return Content.assemble(("< ", present.MUTED), (now, "bold"), (" >", present.MUTED))


def _secret(setup: Setup, room: int, *, is_here: bool) -> Content:
    """Dots: that something was typed, and nothing of what."""
    text = setup.text(setup.question) if is_here and setup.question else setup.secret(setup.page).reveal()
    count, lines = len(text), text.strip().count("\n") + 1
    if not count:
        drawn = Content()
    elif lines > 1:
        drawn = Content(f"{lines} lines, hidden")
    else:
        drawn = Content("•" * min(count, _DOTS, room - 1) + ("…" if count > _DOTS else ""))
    return Content.assemble(drawn, (" ", "reverse")) if is_here else drawn


def _typed(setup: Setup, question: Question, room: int, *, is_here: bool) -> Content:
    """A line with its cursor, the part around it where it is too long, and in grey what could follow."""
    text = setup.text(question)
    if not is_here:
        return Content(present.text(text, room)) if text else Content.styled("–", present.MUTED)
    at = min(setup.cursor, len(text))
    start = max(0, at - room + 2)
    shown = text[start : start + room - 1]
    at -= start
    after = _ghost(setup, text)
    cursor = shown[at : at + 1] or after[:1] or " "
    rest = shown[at + 1 :]
    return Content.assemble(
        shown[:at], (cursor, "reverse"), rest, ("" if rest else after[1:], present.MUTED)
    ).truncate(room, ellipsis=True)


def _ghost(setup: Setup, text: str) -> str:
    """What ``→`` would add; where it would change what is typed, nothing is drawn."""
    word = typing.suggestion(setup)
    begun = text.rpartition(",")[2].strip()
    return word[len(begun) :] if word.casefold().startswith(begun.casefold()) else ""


def _offers(setup: Setup, width: int) -> list[Content]:
    """What there is to choose from, by what was seen."""
    found = typing.offered(setup)
    question = setup.question
    if not found or question is None or (question.key == "timezone" and setup.text(question) in found):
        return []
    shown = ", ".join(present.text(one, 60) for one in found[:_OFFERED])
    more = f" and {len(found) - _OFFERED} more" if len(found) > _OFFERED else ""
    return _below(f"→ {shown}{more}", present.MUTED, width)[:3]


def _below(text: str, style: str, width: int) -> list[Content]:
    """A text below its line, indented to where answers begin."""
    indent = " " * (_LABEL + 3)
    return [
        Content.assemble(indent, line)
        for line in Content.styled(text, style).wrap(max(width - len(indent), 20))
    ]


# What the system says


def _said(setup: Setup, trial: Trial, width: int) -> Iterator[Content]:
    """What came of trying it so far, in the order in which it was tried."""
    if not setup.has(setup.page):
        yield Content.styled("No address: the environment has no such system.", present.MUTED)
        return
    for mark, style, said in _sentences(setup, trial):
        wrapped = Content(present.text(said, 600)).wrap(max(width - 2, 20))
        for number, line in enumerate(wrapped):
            yield Content.assemble(Content.styled(f"{mark} ", style) if number == 0 else "  ", line)


def _sentences(setup: Setup, trial: Trial) -> Iterator[tuple[str, str, str]]:
    if trial.asking == "knock":
        yield _BUSY, "$text-primary", "Looking whether somebody is there …"
    if trial.knocked is not None and trial.looked is None:
        yield _knocked(setup, trial.knocked)
    if trial.asking == "look":
        yield _BUSY, "$text-primary", "Logging in, and looking at what there is …"
    if trial.looked is not None:
        yield from _looked(setup, trial.looked, trial.knocked)
    if setup.answers(setup.page).get("auth") in BY_A_BROWSER and trial.looked is None:
        name = answers.connection_name(setup, setup.page)
        yield " ", present.MUTED, f"A browser signs in once the file is written: `fedesk login {name}`."
    if trial.waits and not trial.asking:
        yield " ", present.MUTED, "Changed since it was tried: Enter tries it."
    url = setup.answers(setup.page).get("url", "")
    if url.startswith("http://") and "//127." not in url and "//localhost" not in url:
        yield "▲", "$text-warning", "http is not encrypted: whoever is on the way can read the credential."


def _knocked(setup: Setup, found: Tried) -> tuple[str, str, str]:
    if found.failure is not None:
        return _BAD, "$text-error", _failed(found)
    version = f" {found.version}" if found.version else ""
    return (
        "○",
        "$text-success",
        f"{TITLES[setup.page]}{version} is there{_took(found)}. No credential was sent.",
    )


def _looked(setup: Setup, found: Tried, knocked: Tried | None) -> Iterator[tuple[str, str, str]]:
    if found.failure is not None:
        yield _BAD, "$text-error", _failed(found)
        return
    said = found.version or (knocked.version if knocked is not None else "")
    version = f" {said}" if said else ""
    who = found.identity.user if found.identity is not None else ""
    as_whom = f" knows you as {who}" if who else " lets you in"
    roles = ", ".join(found.identity.roles[:4]) if found.identity is not None else ""
    yield (
        _GOOD,
        "$text-success",
        f"{TITLES[setup.page]}{version}{as_whom}{f' ({roles})' if roles else ''}{_took(found)}.",
    )
    if found.seen is not None:
        seen = _seen(setup, found.seen)
        is_empty = not (found.seen.jobs or found.seen.secrets)
        if seen:
            yield ("▲", "$text-warning", seen) if is_empty else (_GOOD, "$text-success", seen)
        for problem in found.seen.problems[:3]:
            yield "▲", "$text-warning", problem


def _seen(setup: Setup, seen: Seen) -> str:
    """How much there is to see, in the system's own nouns."""
    page = setup.page
    if page is Page.VAULT:
        if not setup.answers(page).get("kv", "").strip():
            return "No secrets are watched before their engine is named."
        return f"It sees {_count(seen.secrets, 'secret', 'secrets', whole=seen.whole)}."
    one, many = _OF_JOBS[page]
    within = f" in {', '.join(seen.within)}" if seen.within else ""
    return f"It sees {_count(seen.jobs, one, many, whole=seen.whole)}{within}."


def _count(number: int, one: str, many: str, *, whole: bool) -> str:
    so_far = "" if whole else " so far"
    return f"{number or 'no'} {one if number == 1 else many}{so_far}"


def _failed(found: Tried) -> str:
    if found.failure is None:
        return ""
    word = _WORDS.get(found.failure.kind, found.failure.kind.value)
    return f"{word}: {found.failure.sentence}"


def _took(found: Tried) -> str:
    return "" if found.latency is None else f", in {present.latency(found.latency).strip()}"


# The last page


def summary(setup: Setup, trials: dict[Page, Trial], problem: str, width: int) -> list[Content]:
    """Whether it can be written, what is, where, and how each connection stood when it was tried."""
    facts = setup.answers(Page.ENVIRONMENT)
    is_production = ", production" if facts["production"] == "yes" else ""
    said = [
        *_verdict(setup, problem),
        Content(),
        Content.assemble(("File        ", present.MUTED), present.text(str(setup.path), 300)),
        Content.assemble(
            ("Environment ", present.MUTED),
            (present.text(setup.environment, 60), "bold"),
            f"{is_production}, {facts['mode']}, {present.text(facts.get('timezone', ''), 40)}",
        ),
        Content(),
    ]
    for page in SYSTEMS:
        said += _summed(setup, page, trials.get(page), width)
    entries = [str(answers.connection_name(setup, page)) for page in SYSTEMS if _is_kept(setup, page)]
    if entries:
        said += [Content(), Content(f"The keyring keeps {', '.join(entries)}; the file has no secret.")]
    return [line for one in said for line in (one.wrap(max(width, 20)) or [Content()])]


def _verdict(setup: Setup, problem: str) -> list[Content]:
    """What is in the way, or the key."""
    missing = answers.missing(setup)
    failed = [Content.styled(f"{_BAD} {present.text(problem, 600)}", "$text-error")] if problem else []
    if missing:
        return [*failed, Content.styled(f"▲ Not yet: {missing}.", "$text-warning")]
    return [*failed, Content.assemble(("ctrl+y", "bold $text-accent"), " writes it, and the board opens.")]


def _is_kept(setup: Setup, page: Page) -> bool:
    return setup.has(page) and answers.typed_secret(setup, page) is not None


def _summed(setup: Setup, page: Page, trial: Trial | None, width: int) -> list[Content]:
    title = Content.styled(f"{TITLES[page]:<{_LABEL}}", "bold")
    if not setup.has(page):
        return [Content.assemble("  ", title, ("none", present.MUTED))]
    found = trial.newest if trial is not None else None
    if trial is not None and trial.asking:
        mark, style, said = _BUSY, "$text-primary", "being tried"
    elif found is None:
        mark, style, said = "?", "$state-violet", "not tried"
    elif found.failure is not None:
        mark, style, said = _BAD, "$text-error", f"{_failed(found)} It is written all the same."
    else:
        who = found.identity.user if found.identity is not None else ""
        mark, style = (_GOOD, "$text-success") if trial and trial.looked else ("○", "$text-success")
        said = f"as {who}" if who else "reached" if trial and not trial.looked else "in"
    first = Content.assemble(Content.styled(f"{mark} ", style), title)
    wrapped = Content(present.text(said, 300)).wrap(max(width - first.cell_length, 20))
    heads = [first, *[Content(" " * first.cell_length)] * (len(wrapped) - 1)]
    return [Content.assemble(before, line) for before, line in zip(heads, wrapped, strict=True)][:3]


# Below


def foot(setup: Setup, width: int) -> list[Content]:
    """What the line with the keys is for."""
    question = setup.question
    if question is None:
        return []
    said = question.help
    if question.key == "kept" and not setup.keyring:
        said = f"This machine has no keyring. {said.partition('. ')[2]}"
    return Content.styled(said, present.MUTED).wrap(max(width, 20))[:3]


def window(lines: Sequence[Content], focus: int, height: int) -> list[Content]:
    """As many lines as fit, the one with the keys and what follows it among them."""
    if len(lines) <= height:
        return list(lines)
    start = min(max(focus - height // 3, 0), len(lines) - height)
    return list(lines[start : start + height])
