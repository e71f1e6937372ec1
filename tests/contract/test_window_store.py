"""Freezes, holds and maintenance on a file and on a server: written with their record, read by every desk."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from making import NOW, minutes
from operation_values import draft_of
from postgres_server import Server
from window_values import a_window, wall

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.windows import WindowKind
from fedesk.ports.operation_store import StoreError
from fedesk.ports.window_store import UnknownWindowError, WindowConflictError, WindowStore
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
FREEZE = a_window(opened_by="mara")


def on_record(window: str = FREEZE.id, action: str = "freeze") -> AuditDraft:
    return draft_of(Phase.CONFIGURATION, action=action, target=window, operation="", plan_digest="")


def test_what_was_set_is_read_back(again: Callable[[], SqlStore]) -> None:
    """All its fields, with the number of its record; a hold without an end, a rule as it was given."""
    store = again()
    port: WindowStore = store
    assert port.window(FREEZE.id) is None
    store.append(draft_of(Phase.EXPORT))
    hold = a_window(WindowKind.HOLD, id="HLD-1", pipeline="payments_daily", opened_by="mara")
    weekly = a_window(
        WindowKind.MAINTENANCE, id="MNT-1", service="payments", recurs="FREQ=WEEKLY", zone="Europe/London"
    )
    for one in (FREEZE, hold, weekly):
        store.open_window(one, on_record(one.id, one.kind))
    kept = tuple(replace(one, opened_record=at) for at, one in enumerate((FREEZE, hold, weekly), start=2))
    assert store.open_windows(NOW) == kept
    assert store.windows() == kept[::-1]
    assert store.windows(kind=WindowKind.HOLD) == (kept[1],)
    assert store.windows(limit=1) == (kept[2],)
    record = store.record(2)
    assert record is not None
    assert (record.draft.action, record.draft.phase, record.draft.target) == (
        "freeze", Phase.CONFIGURATION, FREEZE.id,
    )  # fmt: skip


def test_what_is_over_is_left_out_and_still_listed(again: Callable[[], SqlStore]) -> None:
    """Once it is over in every zone; what recurs and a hold are not over by their first times."""
    store = again()
    assert store.open_windows(NOW) == ()
    long_ago: dict[str, Any] = {
        "starts": wall(NOW - timedelta(days=9)),
        "ends": wall(NOW - timedelta(days=3)),
    }
    for one in (
        a_window(id="over", **long_ago),
        a_window(id="recurs", **(long_ago | {"recurs": "FREQ=DAILY"})),
        a_window(WindowKind.HOLD, id="hold", starts=long_ago["starts"]),
        a_window(id="yesterday", starts=long_ago["starts"], ends=wall(NOW - timedelta(days=1))),
        a_window(id="elsewhere", environment="dev"),
    ):
        store.open_window(one, on_record(one.id))
    assert [one.id for one in store.open_windows(NOW, environment="prod")] == ["recurs", "hold", "yesterday"]
    assert [one.id for one in store.open_windows(NOW, environment="dev")] == ["elsewhere"]
    assert len(store.windows(environment="prod")) == 4


def test_one_is_removed_once(again: Callable[[], SqlStore]) -> None:
    """Then it is in force no more and says who removed it and why; a second time is a conflict."""
    store = again()
    store.open_window(FREEZE, on_record())
    store.close_window(FREEZE.id, NOW, "jon", f"done, {TOKEN}", on_record())
    assert store.open_windows(NOW) == ()
    found = store.window(FREEZE.id)
    assert found is not None
    assert (found.closed_at, found.closed_by, found.closed_record) == (NOW, "jon", 2)
    assert found.closed_why.startswith("done, ")
    assert TOKEN not in found.closed_why
    with pytest.raises(WindowConflictError, match="removed already, by jon at 2026-11-20 02:43:10 UTC"):
        store.close_window(FREEZE.id, NOW, "ann", "again", on_record())
    with pytest.raises(UnknownWindowError, match="There is no freeze, hold or maintenance FRZ-0"):
        store.close_window("FRZ-0", NOW, "ann", "what", on_record("FRZ-0"))
    with pytest.raises(WindowConflictError, match="already"):
        store.open_window(FREEZE, on_record())
    # What was refused has left no record.
    assert [one.seq for one in store.tail(9)] == [1, 2]


def test_of_two_that_remove_one_at_once_one_is_told(again: Callable[[], SqlStore]) -> None:
    """The lock of the audit log has them take turns: one removes it, the other hears who did."""
    desks = [again() for _ in range(2)]
    desks[0].open_window(FREEZE, on_record())
    start = Barrier(2)

    def remove(at: int) -> str:
        start.wait()
        try:
            desks[at].close_window(FREEZE.id, NOW + minutes(at), f"desk {at}", "over", on_record())
        except WindowConflictError as error:
            return str(error)
        return "removed"

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(remove, range(2)), reverse=True)
    assert said[0] == "removed"
    assert "removed already, by desk" in said[1]
    assert len(desks[1].tail(9)) == 2


def test_times_that_another_hand_wrote_are_not_guessed(tmp_path: Path) -> None:
    """What cannot be read is a failure of the store, which blocks; it is never taken for no window."""
    with closing(SqlStore(tmp_path / "fedesk.sqlite3")) as store:
        store.open_window(FREEZE, on_record())
        store.database.write(
            lambda connection: connection.exec_driver_sql("UPDATE windows SET ends = 'soon'")
        )
        with pytest.raises(StoreError, match=f"The times of freeze {FREEZE.id} cannot be read"):
            store.open_windows(NOW)


def test_where_it_is_enforced_a_person_is_told_whose_they_are(postgres: Server) -> None:
    """One sentence, and nothing was written: neither the window nor its record."""
    url = postgres.fresh()
    with closing(PostgresStore(url)) as store:
        store.open_window(FREEZE, on_record())
    postgres.profile(url, "enforced")
    with closing(PostgresStore(postgres.person(url, "mara"))) as mara:
        with pytest.raises(StoreError, match="added and removed by the executor's role alone"):
            mara.open_window(replace(FREEZE, id="FRZ-2"), on_record("FRZ-2"))
        with pytest.raises(StoreError, match="added and removed by the executor's role alone"):
            mara.close_window(FREEZE.id, NOW, "mara", "in the way", on_record())
        assert [one.id for one in mara.open_windows(NOW)] == [FREEZE.id]
        assert [one.draft.action for one in mara.tail(9)] == ["freeze", "store-grants"]
