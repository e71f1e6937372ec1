"""Findings at the desk: taken, assigned, snoozed, silenced, noted; the store away; another desk beside it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from memory_desk import ACTOR, HOSTILE, NOW, MemoryDesk
from operation_values import AWAY, MemoryStore, draft_of, unknown
from painting import flat, said, text_of, type_in, until
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.marks import Mark, MarkKind, theme_of
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.views import Side
from fedesk.ui.widgets.row_list import RowList
from fedesk.ui.widgets.still import Still

Make = Callable[..., DeskApp]
SIZE = (130, 36)
TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"


def rows_of(app: DeskApp) -> RowList:
    screen = app.screen
    assert isinstance(screen, MainScreen)
    return screen.rows


def side_of(app: DeskApp) -> str:
    """What stands beside the list, on one line."""
    screen = app.screen
    assert isinstance(screen, MainScreen)
    return " ".join(str(screen.query_one(Side).query_one(Still).content).split())


async def ready(pilot: Pilot[int]) -> tuple[DeskApp, RowList]:
    """Once there are findings, and the store was read."""
    app = pilot.app
    assert isinstance(app, DeskApp)
    await until(pilot, lambda: app.board is not None and app.following.news is not None)
    await pilot.press("j", "k")
    return app, rows_of(app)


async def typed(pilot: Pilot[int], text: str) -> None:
    await type_in(pilot, *("space" if letter == " " else letter for letter in text), "enter")


def others_mark(store: MemoryStore, finding: str, kind: MarkKind, **given: object) -> None:
    """What another desk writes."""
    values: dict[str, object] = {
        "environment": "prod",
        "at": NOW - timedelta(hours=1),
        "by": "jon@finedge.example",
    }
    store.mark(Mark(finding=finding, kind=kind, **(values | given)), draft_of(Phase.REVIEW))  # type: ignore[arg-type]  # its fields


async def test_a_takes_it_at_once_and_again_gives_it_back(make_app: Make) -> None:
    """One key, on the record; the row says who, the side since when; of another's it says who had it."""
    store = MemoryStore()
    async with make_app(MemoryDesk(store=store)).run_test(size=SIZE) as pilot:
        app, rows = await ready(pilot)
        first = rows.shown[0]
        await pilot.press("a")
        await until(pilot, lambda: "☑ mara" in rows.shown[0].cells[3].plain)
        assert [(one.kind, one.finding) for one in store.said] == [(MarkKind.ACKNOWLEDGE, first.key)]
        assert store.drafts[0].action == "mark"
        assert said(app)[-1] == f"{first.target.name}: you have it."
        await until(pilot, lambda: "mara@finedge.example since 02:43" in side_of(app))
        await pilot.press("a")
        await until(pilot, lambda: "mara" not in rows.shown[0].cells[3].plain)
        assert store.said[-1].kind is MarkKind.RELEASE
        others_mark(store, first.key, MarkKind.ACKNOWLEDGE)
        await until(pilot, lambda: "☑ jon" in rows.shown[0].cells[3].plain)
        await pilot.press("a")
        await until(pilot, lambda: said(app)[-1].endswith("you have it, jon had it."))
        # Of marked rows those that one has not are taken.
        second = rows.shown[1].key
        await pilot.press("space", "space", "a")
        await until(pilot, lambda: "So it is with 1 more." in said(app)[-1])
        assert (store.said[-1].finding, store.said[-1].kind) == (second, MarkKind.ACKNOWLEDGE)


async def test_what_is_snoozed_leaves_the_queue_is_counted_and_comes_back(make_app: Make) -> None:
    """Asked for at the foot; ``z`` shows it, with the time that is left; once it ends it is there again."""
    store = MemoryStore()
    async with make_app(MemoryDesk(store=store)).run_test(size=SIZE) as pilot:
        app, rows = await ready(pilot)
        first, count = rows.shown[0].key, len(rows.shown)
        await pilot.press("m", "s")
        await typed(pilot, "06:00 after the load")
        await until(pilot, lambda: first not in [row.key for row in rows.shown])
        assert len(rows.shown) == count - 1
        assert not any(row.gone for row in rows.shown)
        (mark,) = store.said
        assert (mark.kind, mark.said, mark.until) == (
            MarkKind.SNOOZE, "after the load", NOW.replace(hour=6, minute=0, second=0),
        )  # fmt: skip
        assert "1 quiet, z shows it" in text_of(app)
        assert f"Triage {count - 1}" in flat(app)
        await pilot.press("z")
        shown = {row.key: row for row in rows.shown}
        assert len(shown) == count
        assert "quiet 3h" in shown[first].cells[3].plain
        await pilot.press("z", "g")
        app.clock.moment = NOW + timedelta(hours=4)  # type: ignore[attr-defined]  # the test's clock
        await until(pilot, lambda: first in [row.key for row in rows.shown])


async def test_a_silence_holds_for_the_next_failure_too_and_is_lifted(make_app: Make) -> None:
    """Of its kind and subject; without a reason nothing is written, and what was typed stands there again."""
    store = MemoryStore()
    async with make_app(MemoryDesk(store=store)).run_test(size=SIZE) as pilot:
        app, rows = await ready(pilot)
        first = rows.shown[0].key
        assert app.board is not None
        finding = next(one for one in app.board.findings if one.id == first)
        await pilot.press("m", "x")
        await typed(pilot, "2d")
        await until(pilot, lambda: said(app) == ["A reason has at least one word."])
        await until(pilot, lambda: "2d▏" in flat(app))
        await typed(pilot, " known to the vendor")
        await until(pilot, lambda: first not in [row.key for row in rows.shown])
        assert (store.said[0].finding, store.said[0].whom) == (theme_of(finding), ACTOR.person)
        assert app.following.marks("prod").state(replace(finding, id="another"), NOW).quiet is not None
        await pilot.press("z", "g", "m", "l")
        await until(pilot, lambda: "quiet no more" in said(app)[-1])
        await until(pilot, lambda: "quiet, z" not in text_of(app))


async def test_what_another_desk_says_is_seen_and_nothing_jumps(make_app: Make) -> None:
    """A row that another desk snoozes is struck where it stood; what it wrote is text, secrets hidden."""
    store = MemoryStore()
    async with make_app(MemoryDesk(store=store)).run_test(size=SIZE) as pilot:
        app, rows = await ready(pilot)
        first, second = (row.key for row in rows.shown[:2])
        others_mark(store, second, MarkKind.SNOOZE, until=NOW + timedelta(hours=2))
        await until(pilot, lambda: rows.shown[1].gone)
        assert rows.shown[1].key == second
        others_mark(store, first, MarkKind.NOTE, said=f"{HOSTILE[:60]} {TOKEN}", by=HOSTILE)
        await until(pilot, lambda: "noted" in side_of(app))
        assert "[bold red]x[/]" in side_of(app)
        assert TOKEN[:12] not in side_of(app)
        assert "\x1b" not in text_of(app)
        others_mark(store, first, MarkKind.ASSIGN, whom="ann@finedge.example")
        await until(
            pilot, lambda: "ann@finedge.example since 01:43, from jon@finedge.example" in side_of(app)
        )


async def test_with_the_store_away_nothing_typed_is_lost(make_app: Make) -> None:
    """It says so, asks again with what was typed, and keeps that for the next time; then it is written."""
    store = MemoryStore()
    async with make_app(MemoryDesk(store=store)).run_test(size=SIZE) as pilot:
        app, _ = await ready(pilot)
        store.away = AWAY
        await pilot.press("m", "n")
        await typed(pilot, "the file came")
        await until(pilot, lambda: "the file came▏" in flat(app))
        assert any(AWAY[:30] in one for one in said(app))
        await pilot.press("escape", "m", "n")
        assert "the file came▏" in flat(app)
        store.away = ""
        await typed(pilot, " late")
        await until(pilot, lambda: store.said)
        assert store.said[0].said == "the file came late"
        await until(pilot, lambda: "mara@finedge.example: the file came late" in side_of(app))
        await pilot.press("m", "n")
        assert "the file came" not in app.screen.foot_line.text  # type: ignore[attr-defined]  # a line of the desk


async def test_the_handover_is_read_and_copied(make_app: Make) -> None:
    """``:handover`` shows who has what and what is quiet; ``y m`` copies it, hostile words as text."""
    store = MemoryStore(unknown())
    async with make_app(MemoryDesk(store=store)).run_test(size=(160, 90)) as pilot:
        app, rows = await ready(pilot)
        first, second = (row.key for row in rows.shown[:2])
        others_mark(store, first, MarkKind.ASSIGN, whom="ann_[x](http://y)@finedge.example")
        others_mark(store, first, MarkKind.NOTE, said=f"called {TOKEN}")
        others_mark(store, second, MarkKind.SNOOZE, until=NOW + timedelta(hours=2), said="after the load")
        await pilot.press("colon")
        await typed(pilot, "handover")
        await until(pilot, lambda: "has it since 01:43" in flat(app))
        shown = flat(app)
        assert "ann_[x](http://y)@finedge.example has it" in shown
        assert f"snooze until 04:43, ends within a day, of {second}, by" in shown
        assert "Unknown outcomes - unknown since" in shown
        assert "due 06:00: payments_daily, failed, expected 02:46 if it runs again now" in shown
        await pilot.press("y", "m")
        copied = app.clipboard
        assert copied.startswith("# Handover of prod, 2026-11-20 02:43")
        assert "ann\\_\\[x\\](http://y)@finedge.example has it since 01:43" in copied
        assert TOKEN not in copied + shown
