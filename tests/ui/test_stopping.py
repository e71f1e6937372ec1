"""Releases put into quarantine and let out at the desk, over a real store: Q and L, each with a reason."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from memory_desk import ACTOR, HOSTILE, NOW, Deployed, MemoryDesk
from painting import said, text_of, type_in, until
from released import release
from test_releases_view import a_matrix, at_releases, main
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.release_matrix import Matrix
from fedesk.domain.releases import ReleaseStop, StopKind
from fedesk.domain.roles import People, Person, Rights, Role
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.services.release_matrix import MatrixRead
from fedesk.services.release_reading import HistoryRead
from fedesk.store.operations import SqlStore
from fedesk.ui import release_rows
from fedesk.ui.actions import action
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.release import ReleaseScreen

Make = Callable[..., DeskApp]
SIZE = (120, 36)
RUNS, OTHER = release("b").digest, release("e").digest
"""What payments runs in prod, by ``a_matrix``; and a release of it that runs nowhere."""


class Stopped(Deployed):
    """The matrix and histories, with what the store has against releases."""

    def __init__(self, store: SqlStore) -> None:
        super().__init__()
        self._store = store

    def matrix(self) -> MatrixRead:
        self.found = self._now()
        return super().matrix()

    def history(self, service: str, environment: str) -> HistoryRead:
        row = next(one for one in self._now().rows if one.service == service)
        cell = next(one for one in row.cells if one.environment == environment)
        return HistoryRead(cell=cell, rows=(), failures={}, troubles=())

    def _now(self) -> Matrix:
        stops = [one for one in self._store.stops() if one.lifted_at is None]
        base = a_matrix()
        rows = []
        for row in base.rows:
            own = tuple(one for one in stops if one.service == row.service)
            cells = (
                replace(
                    cell, stops=tuple(x for x in own if cell.current and x.stops(cell.current.digest, ""))
                )
                for cell in row.cells
            )
            rows.append(replace(row, cells=tuple(cells), stops=own))
        return replace(base, rows=tuple(rows))


class Away:
    """Writes nothing, and says why."""

    def put(self, service: str, digest: str, reason: str) -> ReleaseStop:
        del service, digest, reason
        raise StoreUnavailableError("the store is away")

    def lift(self, given: str, reason: str) -> ReleaseStop:
        return self.put("", given, reason)

    def listed(self) -> tuple[ReleaseStop, ...]:
        raise StoreUnavailableError("the store is away")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MemoryDesk]:
    with closing(SqlStore(tmp_path / "state.sqlite3")) as store:
        made = MemoryDesk(store=store)
        made.deployed = Stopped(store)
        yield made


def stops(desk: MemoryDesk) -> list[tuple[str, str, str]]:
    """What stands: service, digest, reason."""
    return [(one.service, one.digest, one.reason) for one in desk.quarantining.listed()]


def phases(desk: MemoryDesk) -> list[tuple[str, Phase]]:
    """What is on the record."""
    return [(one.draft.action, one.draft.phase) for one in desk.store.tail(20)]


def become(desk: MemoryDesk, role: Role) -> None:
    """The person at the desk has one role, everywhere."""
    person = Person(principal=ACTOR.person, roles=frozenset({role}))
    desk.rights = Rights(people=People({ACTOR.person: person}), person=ACTOR.person)
    desk.quarantining = replace(desk.quarantining, rights=desk.rights)  # type: ignore[type-var] # its own


async def typed(pilot: Pilot[int], app: DeskApp, asked: str, reason: str) -> None:
    """Answer what is asked at the foot."""
    await until(pilot, lambda: asked in text_of(app))
    await type_in(pilot, *("space" if letter == " " else letter for letter in reason), "enter")


async def test_what_runs_is_put_into_quarantine_and_let_out(make_app: Make, desk: MemoryDesk) -> None:
    """Q asks why, and the row says so; again Q says what L does; L lifts it with a reason. On the record."""
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        await at_releases(pilot, app)
        await pilot.press("L")
        assert said(app)[-1] == "lift: nothing stands against a release of payments in prod."
        await pilot.press("Q")
        await typed(pilot, app, "Quarantine bbbbbbbbbbbb of payments, because", "doubles the rows")
        await until(pilot, lambda: "in quarantine: doubles the rows" in text_of(app))
        assert stops(desk) == [("payments", RUNS, "doubles the rows")]
        assert any("bbbbbbbbbbbb of payments is in quarantine, everywhere: QRT-" in one for one in said(app))
        await pilot.press("Q")
        assert said(app)[-1] == "quarantine: bbbbbbbbbbbb is in quarantine already, L lifts that."
        await pilot.press("L")
        await typed(pilot, app, "Lift quarantine of bbbbbbbbbbbb of payments, because", "built anew")
        await until(pilot, lambda: not main(app).target.unstoppable)
        assert stops(desk) == []
        assert phases(desk) == [("quarantine", Phase.CONFIGURATION), ("quarantine-lift", Phase.CONFIGURATION)]


async def test_esc_stops_nothing(make_app: Make, desk: MemoryDesk) -> None:
    """Nor does an empty line; what has no release, or no deploy job here, says why. 80x24."""
    app = make_app(desk)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_releases(pilot, app)
        await type_in(pilot, "Q", *"oops", "escape")
        await type_in(pilot, "Q", "enter")
        await pilot.pause()
        why = {}
        for _ in range(6):
            target = main(app).target
            why[target.service] = action("quarantine").against(target)
            await pilot.press("j")
        assert why["reporting"] == "reporting has no deploy job in prod"
        assert why[HOSTILE] == "nothing is deployed in prod"
        assert (stops(desk), phases(desk)) == ([], [])


async def test_a_reason_that_could_not_be_written_is_there_again(make_app: Make, desk: MemoryDesk) -> None:
    """Said, and the line stands there with what was typed; closed by Esc, it comes back with the key."""
    real, desk.quarantining = desk.quarantining, Away()
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        await at_releases(pilot, app)
        await pilot.press("Q")
        await typed(pilot, app, "because", "doubles")
        await until(pilot, lambda: "the store is away" in said(app))
        await until(pilot, lambda: "because doubles" in text_of(app))
        await pilot.press("escape")
        desk.quarantining = real
        await pilot.press("Q")
        await until(pilot, lambda: "because doubles" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: stops(desk) == [("payments", RUNS, "doubles")])


async def test_who_may_not_is_told_and_who_finds_out_late_is_on_the_record(
    make_app: Make, desk: MemoryDesk
) -> None:
    """A viewer's Q says the role; an operator stops and does not lift; the service asks again by itself."""
    app = make_app(desk)
    become(desk, Role.VIEWER)
    async with app.run_test(size=SIZE) as pilot:
        await at_releases(pilot, app)
        await pilot.press("Q")
        assert said(app)[-1].startswith("quarantine: needs the role operator, releaser or admin")
        become(desk, Role.OPERATOR)
        await pilot.press("Q")
        await until(pilot, lambda: "because" in text_of(app))
        become(desk, Role.VIEWER)
        await type_in(pilot, *"bad", "enter")
        await until(pilot, lambda: phases(desk) == [("quarantine", Phase.REFUSAL)])
        await pilot.press("escape")
        become(desk, Role.OPERATOR)
        desk.quarantining.put("payments", RUNS, "bad")
        await pilot.press("r")
        await until(pilot, lambda: "in quarantine: bad" in text_of(app))
        await pilot.press("L")
        assert said(app)[-1].startswith("lift: needs the role releaser or admin")


def test_picture_of_a_service_with_stops(
    snap_compare: Callable[..., bool], make_app: Make, desk: MemoryDesk
) -> None:
    """What is stopped stands first, with who and why; L asks which. 80x24."""
    desk.quarantining.put("payments", RUNS, "doubles the rows")
    desk.quarantining.put("payments", OTHER, HOSTILE[:60])

    async def run(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, DeskApp)
        await at_releases(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "What is stopped" in text_of(app) and "What was" in text_of(app))
        await until(pilot, lambda: text_of(app).count("nothing is known") == 2)
        await pilot.press("L")
        await until(pilot, lambda: "1 of 2" in text_of(app))

    assert snap_compare(make_app(desk), terminal_size=(80, 24), run_before=run)


async def test_a_service_shows_what_is_stopped_and_lifts_it(make_app: Make, desk: MemoryDesk) -> None:
    """Also what does not run any more: L asks which of several; the store away is said in its place."""
    for digest in (RUNS, OTHER):
        desk.quarantining.put("payments", digest, "doubles")
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        await at_releases(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: text_of(app).count("quarantine, everywhere: doubles") == 2)
        await pilot.press("L")
        await type_in(pilot, *"eeeeeeeeeeee", "enter")
        await typed(pilot, app, "Lift quarantine of eeeeeeeeeeee of payments, because", "built anew")
        await until(pilot, lambda: text_of(app).count("quarantine, everywhere") == 1)
        assert stops(desk) == [("payments", RUNS, "doubles")]
        await pilot.press("L")
        await typed(pilot, app, "Lift quarantine of bbbbbbbbbbbb", "fine")
        await until(pilot, lambda: "What is stopped" not in text_of(app))
        await pilot.press("Q")
        await typed(pilot, app, "Quarantine bbbbbbbbbbbb of payments, because", "again")
        await until(pilot, lambda: "quarantine, everywhere: again" in text_of(app))
        desk.quarantining = Away()
        await pilot.press("r")
        await until(pilot, lambda: "the store is away" in text_of(app))
        assert isinstance(app.screen, ReleaseScreen)


def test_of_holds_those_of_this_environment_are_lifted_here() -> None:
    """A quarantine holds everywhere; what a rollback holds, where it was rolled back."""
    hold = ReleaseStop(
        id="1",
        kind=StopKind.HOLD,
        service="payments",
        digest=RUNS,
        environment="prod",
        reason="",
        by="",
        at=NOW,
    )
    everywhere = replace(hold, kind=StopKind.QUARANTINE, environment="")
    assert release_rows.stops_here((hold, everywhere), "staging") == (everywhere,)
    assert release_rows.stops_here((hold, everywhere), "prod") == (hold, everywhere)
