"""Every key that changes something against every role: by the key, from the palette, by the ``:`` line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from acting_desk import ActingDesk, acting
from memory_desk import ACTOR, MemoryDesk
from operation_values import operation_id
from painting import said, text_of, type_in, until
from test_operation_screen import SIZE, ended, phases, planned, words
from test_settle_screen import IN_PROD, unknown
from textual.binding import BindingType
from textual.command import DiscoveryHit
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Outcome
from fedesk.domain.policy import DEFAULTS, Governance, Policy
from fedesk.domain.roles import RIGHTS, People, Person, Rights, Role
from fedesk.ui.actions import ACTIONS, EVERYWHERE, THE_PLANS, Action, Place, Target, bindings
from fedesk.ui.app import DeskApp
from fedesk.ui.command_line import parse
from fedesk.ui.command_table import COMMANDS
from fedesk.ui.commands import perform
from fedesk.ui.palette import DeskCommands
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.screens.main import MainScreen

MARA = ACTOR.person
RUN = RunName(ConnectionName("prod", "airflow"), "payments_daily/scheduled__2026-11-19T00:00:00+00:00")
GIVES_BACK = "close-window"
"""Changes nothing but what its own process may do, and takes that away."""
CHANGING = tuple(one for one in ACTIONS if (one.group == "change" or one.asks) and one.id != GIVES_BACK)
PALETTES = frozenset[Place]().union(*(one.places for one in CHANGING if not one.by_key_alone))
"""Where the palette offers something that changes."""
FITS = Target(
    name="it",
    run=RUN,
    rerun=RUN,
    link="https://x",
    accepts="operation id",
    operation=operation_id(1),
    marked=1,
    unapproved="",
    unbegun="",
    unwithdrawn="",
    unbroken="",
    service="payments",
    unstoppable="",
    unanswered="",
    unliftable="",
)
"""A target that everything could be done with."""


def rights_of(role: Role, environment: str = "prod") -> Rights:
    """Somebody with a role in one environment, and in what holds in all; who is an operator elsewhere."""
    roles = {environment: frozenset({role}), "": frozenset({role})}
    person = Person(principal=MARA, roles=frozenset({Role.OPERATOR}), environments=roles)
    return Rights(people=People({MARA: person}), person=MARA)


def verbs_of(action: Action) -> tuple[str, ...]:
    """The rights that an action may take."""
    return tuple(RIGHTS) if action.asks == THE_PLANS else (action.asks,)


def may(role: Role, verb: str) -> bool:
    return role in RIGHTS[verb]


# The tables


def test_every_key_that_changes_something_names_the_right_it_takes() -> None:
    """A new one that names none fails here; what only looks takes none."""
    assert {one.id for one in CHANGING if not set(verbs_of(one)) <= set(RIGHTS)} == set()
    said = {one.id for one in ACTIONS if one.asks and one.group != "change"}
    assert said == {"acknowledge", "mark-menu"}, "what is said of a finding changes no system"


@pytest.mark.parametrize("role", Role)
def test_an_action_says_which_role_it_wants(role: Role) -> None:
    """Of every action and every right: it serves those who may, and tells the others what they lack."""
    barred = rights_of(role).barred("prod")
    for one in CHANGING:
        for verb in verbs_of(one):
            why = one.against(replace(FITS, barred=barred, doing=verb))
            assert (why is None) == may(role, verb), (one.id, verb)
            assert why is None or why.endswith(f" in prod; you are {role}")
            assert why is None or why.startswith("needs the role ")


# Keys and palette, on a screen that has every key


class EveryKey(DeskScreen):
    """A screen with a target that everything could be done with, which counts what is reached."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(*EVERYWHERE)

    def __init__(self) -> None:
        super().__init__()
        self.at, self.verb, self.reached = Place.TRIAGE, "rerun", list[str]()

    @property
    def place(self) -> Place:
        return self.at

    @property
    def target(self) -> Target:
        return replace(FITS, doing=self.verb)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("do_"):
            return lambda: self.reached.append(name.removeprefix("do_").replace("_", "-"))
        return super().__getattribute__(name)


class OwnRights(MemoryDesk):
    """A desk whose person has another role when the test says so."""

    rights = rights_of(Role.VIEWER)


async def entries(screen: DeskScreen) -> list[Callable[[], object]]:
    """What the palette would do, entry by entry."""
    provider = DeskCommands(screen)
    hits = [hit async for hit in provider.discover() if isinstance(hit, DiscoveryHit)]
    return [hit.command for hit in hits if str(hit.display) != "Theme"]


async def test_what_a_role_may_not_do_is_reached_by_no_key_and_no_entry(
    make_app: Callable[..., DeskApp],
) -> None:
    """Each changing key is pressed in each of its places, each palette entry is chosen, by each role."""
    desk = OwnRights()
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.desk is not None)
        screen = EveryKey()
        await app.push_screen(screen)
        for role in Role:
            desk.rights = rights_of(role)
            for one in CHANGING:
                for place in one.places:
                    screen.at, screen.reached = place, []
                    screen.verb = verbs_of(one)[0] if one.asks != THE_PLANS else "promote"
                    for key in one.keys:
                        await pilot.press(key)
                    verb = screen.verb if one.asks == THE_PLANS else one.asks
                    assert (one.id in screen.reached) == may(role, verb), (role, one.id, place)
            for place in PALETTES:
                screen.at, screen.reached, screen.verb = place, [], "promote"
                for chosen in await entries(screen):
                    chosen()
                await pilot.pause()
                reached = {one for one in CHANGING if one.id in screen.reached}
                assert all(may(role, one.asks) for one in reached), (role, place)
                offered = {one for one in CHANGING if place in one.places and not one.by_key_alone}
                assert {one for one in offered if may(role, one.asks)} == reached


# The real screens, store and services


def become(desk: ActingDesk, role: Role) -> None:
    """The person at the desk has another role in prod from now on."""
    rights = rights_of(role)
    desk.rights = rights
    desk.by_hand = replace(desk.by_hand, rights=rights)  # type: ignore[type-var] # the acting desk's own
    desk.incidents = replace(desk.incidents, rights=rights)  # type: ignore[type-var]
    desk.recheck = desk.by_hand.recheck  # type: ignore[method-assign, attr-defined]

    def permit(verb: str, environment: str, target: str) -> None:
        from fedesk.services.permitting import permit as asked

        asked(verb, environment, target, rights=rights, store=desk.sql, actor=ACTOR, clock=desk.clock)

    desk.permit = permit  # type: ignore[method-assign]


def refusals(desk: ActingDesk) -> list[str]:
    """What was refused, by the action of its record."""
    records = desk.sql.tail(200)
    return [one.draft.action for one in records if one.draft.phase is Phase.REFUSAL]


LINES: dict[tuple[str, ...], tuple[str, str]] = {
    ("rerun",): ("rerun", f"rerun {RUN}"),
    ("operations", "recheck"): ("recheck", "operations recheck {operation}"),
    ("operations", "settle"): ("settle", "operations settle {operation} --outcome done"),
    ("release", "promote"): ("promote", "release promote fx_rates"),
    ("release", "rollback"): ("rollback", "release rollback fx_rates"),
    ("incident", "open"): ("incident", 'incident open "late by {role}"'),
    ("incident", "note"): ("incident", 'incident note INC-0 "seen by {role}"'),
    ("incident", "close"): ("incident", "incident close INC-{number}"),
}
"""Commands of the ``:`` line that change something: the right each takes, and how it is typed."""
READING = {
    ("findings", "list"), ("handover",), ("windows",),
    ("freeze", "list"), ("hold", "list"), ("maintenance", "list"),
    ("operations", "list"), ("operations", "show"), ("trace",), ("audit", "tail"), ("audit", "show"),
    ("audit", "verify"), ("incident", "list"), ("incident", "show"), ("status",), ("failures",), ("runs",),
    ("log",), ("secrets", "list"), ("release", "matrix"), ("release", "timeline"),
    ("env",), ("tour",), ("quit",), ("q",),
}  # fmt: skip
"""Those that look."""


ALIKE = {
    frozenset(verb for verb, _ in LINES.values() if may(role, verb)): role for role in reversed(list(Role))
}
"""One role of those who may do the same of it."""


def test_every_command_of_the_line_is_one_that_looks_or_takes_a_right() -> None:
    """A new command is sorted into one of the two, and with that is tried against every role."""
    assert {one.words for one in COMMANDS} == set(LINES) | READING


async def test_what_a_role_may_not_do_is_reached_by_no_command(tmp_path: Path) -> None:
    """Each changing command, by each role that is unlike: done, or said and recorded with nothing changed."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            operation = (await unknown(pilot, app, desk, *IN_PROD)).plan.operation
            await until(pilot, lambda: app.following.operations)
            for number in range(len(ALIKE) + 1):
                desk.incidents.open("prod", "late", given=f"INC-{number}")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            for number, role in enumerate(ALIKE.values(), start=1):
                become(desk, role)
                for verb, line in LINES.values():
                    before = refusals(desk)
                    words = line.format(operation=operation, role=role, number=number)
                    await _typed(pilot, app, desk, words, leads=may(role, verb))
                    assert refusals(desk) == ([*before] if may(role, verb) else [*before, verb_of(verb)])
        found = desk.sql.incidents(limit=50)
        operating = [role for role in ALIKE.values() if may(role, "incident")]
        assert {one.title for one in found} == {"late", *(f"late by {role}" for role in operating)}
        closed = {one.id for one in found if not one.is_open}
        assert closed == {f"INC-{at}" for at, role in enumerate(ALIKE.values(), start=1) if role in operating}
        assert len(desk.sql.operations()) == 1


def verb_of(verb: str) -> str:
    """The action of a refusal's record: of a word on an operation it is what the operation does."""
    return "rerun" if verb in {"recheck", "settle"} else verb


async def _typed(pilot: Pilot[int], app: DeskApp, desk: ActingDesk, line: str, *, leads: bool) -> None:
    """Carry a line out, and wait until it has led somewhere, or was refused on the record."""
    parsed, screen = parse(line), app.screen
    assert parsed is not None
    assert isinstance(screen, MainScreen)
    app.clear_notifications()
    count = len(refusals(desk))
    perform(screen, parsed)
    await until(
        pilot,
        lambda: (
            app.screen is not screen or any(not one.startswith("Looking ") for one in said(app))
            if leads
            else len(refusals(desk)) > count
        ),
    )
    assert leads or app.screen is screen
    if app.screen is not screen:
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_a_viewers_key_says_what_it_wants(tmp_path: Path) -> None:
    """The key is dimmed, says the role, asks no system; in another environment it serves."""
    with acting(tmp_path) as (desk, app):
        become(desk, Role.VIEWER)
        async with app.run_test(size=SIZE) as pilot:
            await until(pilot, lambda: app.board is not None and "payments_daily" in text_of(app))
            await pilot.press("R")
            assert (
                said(app)[-1] == "re-run: needs the role operator, releaser or admin in prod; you are viewer."
            )
            assert isinstance(app.screen, MainScreen)
            assert "needs the role operator, releaser or admin in prod" in " ".join(
                app.screen.aim.barred.values()
            )
            assert not desk.launcher.warmed
            assert app.with_rights(Target(environment="staging")).barred.get("rerun") is None


async def test_an_on_call_rerun_is_one_key_one_word_and_one_reason(tmp_path: Path) -> None:
    """People, ADVISORY, the default policy: R, the name, a reason, the key; nobody is waited for."""
    approver = Person(principal="ann@finedge.example", roles=frozenset({Role.APPROVER}))
    people = People(
        {MARA: Person(principal=MARA, roles=frozenset({Role.OPERATOR})), approver.principal: approver}
    )
    governance = Governance(people=people, policy=Policy(general=DEFAULTS))
    with acting(tmp_path, governance=governance) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            assert "ADVISORY" in text_of(app).splitlines()[0]
            assert f"✓ allows role {MARA} is operator in prod" in words(app)
            assert "expires in 15m" in words(app)
            await type_in(pilot, *"prod", "tab", *"late file")
            await pilot.press("ctrl+y")
            operation = await ended(pilot)
        assert (operation.outcome, operation.plan.reason) == (Outcome.SUCCEEDED, "late file")
        assert operation.confirmation.accepted == ()
        assert phases(desk) == [Phase.OVERRIDE, Phase.INTENT, Phase.OUTCOME]
        assert desk.store.unreviewed() == ()
