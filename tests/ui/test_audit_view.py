"""The audit log as a view, and one record with its plan and journal: over the real store, in a file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memory_desk import HOSTILE, MemoryDesk
from operation_values import AWAY, MemoryStore, draft_of, operation, operation_id, unknown
from painting import flat, text_of, until
from recording import store_with
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.store.operations import SqlStore
from fedesk.ui.actions import Place
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.record import RecordScreen

Make = Callable[..., DeskApp]
SMALL = (80, 24)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """One operation that ended unknown, a refusal with a hostile reason, and a write window."""
    found = store_with(tmp_path, unknown(12))
    found.append(
        draft_of(
            Phase.REFUSAL,
            9,
            result="write window: prod is read-only and no write window is open",
            reason=HOSTILE,
            target=f"prod/airflow:{HOSTILE[:60]}/r1",
            operation=operation_id(9),
        )
    )
    found.append(draft_of(Phase.APPROVAL, 8, action="write-window", target="prod", operation=""))
    found.append(draft_of(Phase.INTENT, 7, environment="staging", target="staging/airflow:x/r1"))
    yield found
    found.close()


async def at_audit(pilot: Pilot[int], app: DeskApp, said: str = "outcome") -> None:
    await until(pilot, lambda: app.board)
    await pilot.press("4")
    await until(pilot, lambda: said in text_of(app))


async def test_records_are_rows_the_newest_first(
    make_app: Make, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time, person, phase, action, target and result of this environment, at 80 columns, without colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await at_audit(pilot, app)
        lines = text_of(app).splitlines()
        rows = [line for line in lines if "mara" in line]
        assert [line.split()[4] for line in rows] == ["approval", "refusal", "outcome", "intent"]
        assert "staging/airflow" not in text_of(app)
        assert "\x1b" not in text_of(app)
        assert all(len(line) <= SMALL[0] for line in lines)


async def test_a_record_opens_with_its_plan_and_its_journal(make_app: Make, store: SqlStore) -> None:
    """Enter shows every field, what was agreed to as it was judged, and what each system said."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=(120, 60)) as pilot:
        await at_audit(pilot, app)
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: "journal" in text_of(app))
        shown = text_of(app)
        for said in (
            "mara@finedge.example, known by configuration, on desk-3, pid 4242",
            "? outcome",
            "unknown: it cannot be told whether the tasks were cleared",
            "INC-2207",
            "clear 3 task instances of payments_daily / 2026-11-19: dbt_test, publish, notify",
            "▲ warns    loads  loads are not tracked",
            "write append, catalogue",
            "prod/airflow event log: answered 503",
            operation_id(12),
        ):
            assert said in shown, said
        assert "hash" in shown
        await pilot.press("escape")
        assert not isinstance(app.screen, RecordScreen)


async def test_hostile_text_in_a_record_is_only_text(make_app: Make, store: SqlStore) -> None:
    """Markup, escapes, overrides and halves of pairs in a reason or a target are drawn, never obeyed."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await at_audit(pilot, app)
        await pilot.press("j", "enter")
        await until(pilot, lambda: "It was refused before" in text_of(app) or "reason" in text_of(app))
        assert "[@click=app.quit]y[/]" in text_of(app)
        assert not {"\x1b", "\u202e", "\ud800"} & set(text_of(app))
        await pilot.press("G")
        await until(pilot, lambda: "nothing was sent" in text_of(app))


async def test_what_may_be_copied_is_asked_for(make_app: Make, store: SqlStore) -> None:
    """``y`` asks which: the number, the operation, or the command line that shows the same."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await at_audit(pilot, app)
        await pilot.press("j", "j", "y")
        await until(pilot, lambda: "command line" in text_of(app))
        await pilot.press("c")
        assert app.clipboard == "fedesk audit show 2"
        await pilot.press("y", "i")
        assert app.clipboard == operation_id(12)
        await pilot.press("y", "q")
        assert app.is_running
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RecordScreen) and app.screen.target.operation)
        await pilot.press("y", "d")
        assert len(app.clipboard) == 64


async def test_the_filter_and_the_way_from_record_to_operation(make_app: Make, store: SqlStore) -> None:
    """The list filters as the others do; Enter on a record leads to the operation it tells of."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await at_audit(pilot, app)
        await pilot.press("slash", *"outcome", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, RecordScreen) and app.screen.target.operation)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, RecordScreen))
        assert app.screen.place is Place.WATCH  # type: ignore[attr-defined]  # a screen of the desk


async def test_what_another_process_records_comes_by_itself(
    make_app: Make, store: SqlStore, tmp_path: Path
) -> None:
    """The store has moved: the view reads again without being asked."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await at_audit(pilot, app)
        another = SqlStore(tmp_path / "fedesk.db")
        another.append(draft_of(Phase.REFUSAL, 1, result="in flight: another operation holds it"))
        another.close()
        await until(pilot, lambda: "in flight" in text_of(app))


async def test_an_empty_log_says_why(make_app: Make) -> None:
    """Empty is told in a sentence, with what would fill it."""
    app = make_app(MemoryDesk())
    async with app.run_test(size=SMALL) as pilot:
        await at_audit(pilot, app, "Nothing is on the record in prod")


async def test_a_store_that_is_away_says_so_and_comes_back(make_app: Make) -> None:
    """Without rows the sentence takes their place; with rows they are dimmed, the border says since when."""
    store = MemoryStore(records=[draft_of(Phase.INTENT, 3)])
    store.away = AWAY
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await at_audit(pilot, app, "The store cannot be read")
        assert "disk I/O error" in flat(app)
        store.away = ""
        await until(pilot, lambda: "intent" in text_of(app))
        assert "The store" not in text_of(app)
        store.away = AWAY
        await until(pilot, lambda: "cannot be read since 02:43" in text_of(app))
        assert "intent" in text_of(app)
        assert "store?" in text_of(app).splitlines()[0]


def spoil(folder: Path) -> Path:
    """Put something that is no database where the store is."""
    for file in folder.glob("fedesk.db*"):
        file.unlink()
    (folder / "fedesk.db").write_bytes(b"this is no database" * 400)
    return folder / "fedesk.db"


async def test_a_damaged_store_is_told_and_the_desk_goes_on(
    make_app: Make, store: SqlStore, tmp_path: Path
) -> None:
    """A file that is no database any more is a sentence here; systems are read as before."""
    store.close()
    path = spoil(tmp_path)
    app = make_app(MemoryDesk(store=SqlStore(path)))
    async with app.run_test(size=SMALL) as pilot:
        await at_audit(pilot, app, "The store cannot be read")
        await pilot.press("1")
        await until(pilot, lambda: "payments_daily" in text_of(app))


async def test_a_record_that_is_not_there(make_app: Make, store: SqlStore) -> None:
    """A number without a record is a sentence; what the store cannot give is told above what is known."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.desk)
        app.push_screen(RecordScreen(99))
        await until(pilot, lambda: "The audit log has no record 99" in text_of(app))
        assert operation(1).plan.operation not in text_of(app)
