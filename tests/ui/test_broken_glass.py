"""B in the plan frame: past a hold with a name and a reason, loud, and no key where nothing is in the way."""

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, cast

from acting_desk import acting
from memory_desk import NOW
from operation_values import draft_of
from painting import type_in, until
from test_operation_screen import SIZE, ended, frame, phases, planned, words

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome
from fedesk.domain.windows import Window, WindowKind
from fedesk.ui import watch_text
from fedesk.ui.run_text import Moment

if TYPE_CHECKING:
    from fedesk.store.operations import SqlStore

HOLD = Window(
    id="HLD-20261120-7K3MQ9",
    kind=WindowKind.HOLD,
    environment="prod",
    starts=NOW.replace(tzinfo=None, microsecond=0),
    ends=None,
    zone="UTC",
    reason="wrong rates",
    opened_at=NOW,
    opened_by="ann@finedge.example",
)


async def test_past_a_hold(tmp_path: Path) -> None:
    """Blocked, then B: the plan again, loud; name and reason arm it, and it is on the record."""
    with acting(tmp_path) as (desk, app):
        store = cast("SqlStore", desk.store)
        store.open_window(HOLD, draft_of(Phase.CONFIGURATION, action="hold"))
        async with app.run_test(size=(120, 44)) as pilot:
            await planned(pilot)
            await until(pilot, lambda: "Blocked" in words(app))
            assert "wrong rates" in words(app)
            assert "B goes past it: one person" in words(app)
            await pilot.press("B")
            await until(pilot, lambda: "Overridden by break-glass" in words(app))
            assert "▲ break-glass past approvals, freezes and holds" in words(app)
            await type_in(pilot, *"prod")
            assert "not armed: a reason or a ticket is needed" in words(app)
            await type_in(pilot, "tab", *"nobody answers")
            assert "▸ ARMED" in words(app)
            await pilot.press("ctrl+y")
            operation = await ended(pilot)
        assert operation.outcome is Outcome.SUCCEEDED
        assert operation.confirmation.break_glass
        told = watch_text.lines(operation, (), Moment(now=NOW, zone=UTC), 200)
        assert "with broken glass" in "\n".join(line.plain for line in told)
        assert phases(desk)[1:] == [Phase.OVERRIDE, Phase.BREAK_GLASS, Phase.INTENT, Phase.OUTCOME]
        (glass,) = desk.store.unreviewed()
        assert glass.draft.reason == "nobody answers"


async def test_nothing_to_break(tmp_path: Path) -> None:
    """Where nothing of it is in the way B is a letter of the name that is typed."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, "B")
            assert "this is prod, not B" in words(app)
            assert frame(app).target.unbroken == "nothing stands in its way that it would override"
