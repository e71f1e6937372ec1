"""Releases as a view: what is deployed where, and what one may ask of it."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from memory_desk import HOSTILE, NOW, MemoryDesk
from painting import text_of, type_in, until
from released import cell, deployment, release
from textual.pilot import Pilot

from fedesk.domain.dora import dora_of
from fedesk.domain.names import ConnectionName
from fedesk.domain.release_diff import Side, between
from fedesk.domain.release_history import history_of
from fedesk.domain.release_matrix import PROMOTE, KnownReleases, Matrix, MatrixRow
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import Cell, Migration, ReleaseRequest, ReleaseStop, Sighting, StopKind, Verified
from fedesk.domain.requests import Request
from fedesk.domain.runs import Change
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError
from fedesk.services.release_diff import DiffRead
from fedesk.services.release_reading import HistoryRead
from fedesk.ui import release_rows
from fedesk.ui.actions import Place, action
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.operation import OperationScreen

Make = Callable[..., DeskApp]
ENVIRONMENTS = ("dev", "staging", "prod")


def row(service: str, *cells: Cell) -> MatrixRow:
    """A service of which these are its cells."""
    return MatrixRow(
        service=service, owner="engineering", cells=tuple(replace(one, service=service) for one in cells)
    )


def not_there(environment: str) -> Cell:
    return Cell(service="", environment=environment, connection=None)


def where(letter: str, environment: str, ago: float, **given: object) -> Cell:
    """A release that runs there, with the one before it."""
    before = deployment(6, "a", ago=ago + 90, environment=environment)
    return cell(
        deployment(7, letter, ago=ago, environment=environment), before, environment=environment, **given
    )


def a_matrix() -> Matrix:
    """Services in every state that a row can have."""
    held = ReleaseStop(
        id="QRT-1",
        kind=StopKind.QUARANTINE,
        service="cards",
        digest=release("c").digest,
        reason="doubles the rows [bold]",
        by="mara",
        at=NOW,
    )
    other = Sighting(
        source="prod/airflow DAG fx_rates", said="version 14, bundle 984c37b4", agrees=False, observed_at=NOW
    )
    failed = deployment(8, "d", ago=1, state=State.FAILED).run
    running = deployment(9, "d", ago=0, state=State.RUNNING).run
    good = Verified.VERIFIED
    return Matrix(
        at=NOW,
        environments=ENVIRONMENTS,
        rows=(
            row(
                "payments",
                where("d", "dev", 2),
                where("c", "staging", 30, verified=good),
                where("b", "prod", 70, verified=good, in_flight=running),
            ),
            row("cards", not_there("dev"), where("c", "staging", 3), where("c", "prod", 5, stops=(held,))),
            row(
                "fx_rates",
                not_there("dev"),
                where("b", "staging", 3),
                where("b", "prod", 5, sightings=(other,)),
            ),
            row("kyc", not_there("dev"), where("d", "staging", 3), where("b", "prod", 5, last_failed=failed)),
            row(
                HOSTILE,
                not_there("dev"),
                not_there("staging"),
                cell(trouble="prod/jenkins answered 503", connection=ConnectionName("prod", "jenkins")),
            ),
            row("reporting", where("a", "dev", 1), not_there("staging"), not_there("prod")),
        ),
    )


@pytest.fixture
def desk() -> MemoryDesk:
    made = MemoryDesk()
    made.deployed.found = a_matrix()
    return made


async def at_releases(pilot: Pilot[int], app: DeskApp, said: str = "payments") -> None:
    await until(pilot, lambda: app.board)
    await pilot.press("5")
    await until(pilot, lambda: said in text_of(app))


def test_picture(snap_compare: Callable[..., bool], make_app: Make, desk: MemoryDesk) -> None:
    """Each service in each environment, and below what contradicts the one under the cursor."""

    async def run(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, DeskApp)
        await at_releases(pilot, app)
        await pilot.press("j", "j")
        await until(pilot, lambda: "984c37b4" in text_of(app))

    assert snap_compare(make_app(desk), terminal_size=(120, 24), run_before=run)


def main(app: DeskApp) -> MainScreen:
    assert isinstance(app.screen, MainScreen)
    return app.screen


def asked(app: DeskApp, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What plans are asked for."""
    found: list[Request] = []
    monkeypatch.setattr(app, "open_plan", lambda requests, _reason: found.extend(requests))
    return found


async def test_what_may_be_asked_of_each(
    make_app: Make, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P from the environment before, V to what was there; else the key says why it does not serve. 80x24."""
    app = make_app(desk)
    found = asked(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_releases(pilot, app)
        await pilot.press("P", "V")
        await pilot.pause()
        connection = ConnectionName("prod", "jenkins")
        assert found == [
            ReleaseRequest(
                kind=PROMOTE, service="payments", environment="prod", connection=connection, origin="staging"
            ),
            ReleaseRequest(kind=ROLLBACK, service="payments", environment="prod", connection=connection),
        ]
        why = {}
        for _ in range(6):
            target = main(app).target
            why[target.service] = [action(name).against(target) for name in ("promote", "roll-back")]
            await pilot.press("j")
        assert why["payments"] == [None, None]
        assert why["cards"] == ["prod runs what staging runs", None]
        assert why["reporting"] == ["reporting has no deploy job in prod"] * 2


async def test_it_is_read_while_it_is_looked_at(make_app: Make, desk: MemoryDesk) -> None:
    """Not before, again after a minute or at r, and never while another view is seen."""
    app = make_app(desk)
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: app.board)
        assert desk.deployed.looks == 0
        await at_releases(pilot, app)
        assert desk.deployed.looks == 1
        await pilot.press("r")
        await until(pilot, lambda: desk.deployed.looks == 2)
        await pilot.press("1")
        assert main(app).place is Place.TRIAGE
        main(app).tick()
        await pilot.pause()
        assert desk.deployed.looks == 2


async def test_what_is_away_is_said_and_what_was_known_stays(make_app: Make, desk: MemoryDesk) -> None:
    """Nothing yet: why; then rows with the sentence on their border."""
    desk.deployed.found = Matrix(at=NOW, environments=ENVIRONMENTS, rows=())
    app = make_app(desk)
    async with app.run_test(size=(100, 24)) as pilot:
        await at_releases(pilot, app, "has a deploy job")
        desk.deployed.found = a_matrix()
        await pilot.press("r")
        await until(pilot, lambda: "payments" in text_of(app))
        desk.deployed.found = RuntimeError("[bold]broken")
        await pilot.press("r")
        await until(pilot, lambda: "fedesk failed while reading releases" in text_of(app))
        assert "payments" in text_of(app)


def test_picture_of_one_service(
    snap_compare: Callable[..., bool], make_app: Make, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this environment would get, commit by commit; each build of its deploy job; DORA's four."""
    old, new = release("b", build=2, size_bytes=281_000_000), release("c", build=3, size_bytes=296_400_000)
    commit = Change(
        commit="984c37b4" + "0" * 32,
        author="jun@finedge.example",
        message="Read the amount as decimal, not float [bold] FIN-12",
        at=NOW,
        paths=("models/payments/payments.sql",),
    )
    diff = between(
        Side(name="prod", release=old, said="prod"),
        Side(
            name="staging", release=replace(new, migrations=(Migration(id="V14", reversible=False),)), said=""
        ),
        [
            commit,
            replace(commit, commit="64bf24ab" + "0" * 32, message=HOSTILE, author="mara@finedge.example"),
        ],
        repository="https://github.com/finedge/payments",
        tickets=[re.compile("FIN-[0-9]+")],
        untold=["Commits of 2 builds are not told: Jenkins has removed them (retention)."],
    )
    rows = history_of(
        [
            deployment(7, "b", ago=5),
            deployment(6, "c", ago=9, state=State.FAILED),
            deployment(5, "a", ago=70, stage=State.SUCCEEDED),
        ],
        (),
    )
    known = KnownReleases()
    dora = dora_of(
        rows,
        [],
        service="payments",
        environment="prod",
        since=NOW - timedelta(days=30),
        until=NOW,
        is_whole=True,
        untold=["Which commits came in is not known: prod/jenkins answered 503"],
    )
    read = HistoryRead(cell=where("b", "prod", 5), rows=rows, failures={}, troubles=())
    monkeypatch.setattr(desk.deployed, "diff", lambda _s, _n: DiffRead(diff=diff, known=known, failures=()))
    monkeypatch.setattr(desk.deployed, "history", lambda _s, _e: read)
    monkeypatch.setattr(desk.deployed, "dora", lambda _s, _e, _l: dora)

    async def run(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, DeskApp)
        await at_releases(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "#5" in text_of(app) and "984c37b4" in text_of(app))
        await until(pilot, lambda: "time to restore" in text_of(app))

    assert snap_compare(make_app(desk), terminal_size=(110, 40), run_before=run)


async def test_a_service_whose_systems_are_away_says_so(make_app: Make, desk: MemoryDesk) -> None:
    """Each of the two in its own words, at 80x24; P still leads to a plan, which asks by itself."""
    app = make_app(desk)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_releases(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "nothing is known of payments in prod" in text_of(app))
        await pilot.press("P")
        await until(pilot, lambda: isinstance(app.screen, OperationScreen))


async def test_an_answer_that_comes_while_one_types_is_drawn_in_its_place(
    make_app: Make, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies over the foot, a command or the demo's offer, neither takes the answer nor goes."""
    come = threading.Event()

    def history(service: str, environment: str) -> HistoryRead:
        come.wait(60)
        raise NotFoundError(f"nothing is known of {service} in {environment}")

    monkeypatch.setattr(desk.deployed, "history", history)
    app = make_app(desk)
    async with app.run_test(size=(100, 24)) as pilot:
        await at_releases(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "Reading what was deployed" in text_of(app))
        await type_in(pilot, ":", "a", "u", "d")
        come.set()
        await until(pilot, lambda: "nothing is known of payments in prod" in text_of(app))
        assert ":aud" in text_of(app)


def test_what_no_person_began_is_told_in_jenkins_own_words() -> None:
    """``by mara`` of a person; not ``by Started by upstream project``."""
    mine = deployment(7, "a", ago=5)
    theirs = replace(mine, by='Started by upstream project "ci"')
    assert release_rows.started_by(mine, 40) == " by mara"
    assert release_rows.started_by(theirs, 40) == ', started by upstream project "ci"'
