"""Looking up whether a clear was carried out: by Airflow's event log, and by the notes on task instances.

What Airflow tells [seen on 3.3.2]: the event log has an entry, with the note, for every clear that was asked
for, also for one that was refused; it does not tell how it ended. A clear that was carried out has put its
note on its task instances, where it stays through all later tries until another change overwrites it. So ours
was done where our note stands. It was not where it stands nowhere and nobody has overwritten it since our
entry, or where a log that goes back far enough has no entry of ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from fedesk.clients.airflow_board import PAGE, run_path
from fedesk.clients.airflow_events import asked_by, note_of, read_page, texts
from fedesk.clients.airflow_json import EventLogJson, TaskInstanceJson, run_link
from fedesk.clients.airflow_preview import FAILED, standing, task_instances
from fedesk.clients.airflow_session import AirflowSession
from fedesk.clients.wording import quoted
from fedesk.domain.operations import Call, Evidence, Settled, Settlement
from fedesk.domain.reruns import TaskPin
from fedesk.domain.traces import minted_at
from fedesk.ports.errors import ForbiddenError

VERB = "clear-task-instances"
_CLEAR = "post_clear_task_instances"
_NOTING = (
    _CLEAR,
    "clear_dag_run",
    "clear_dag_runs",
    "clear_dag_run_partitions",
    "patch_task_instance",
    "patch_task_group_instances",
    "bulk_task_instances",
)
"""Events that may put a note on a task instance."""
_PAGES = 10
_LISTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """The arguments of a ``clear-task-instances``."""

    dag_id: str
    run_id: str
    tasks: tuple[TaskPin, ...]
    """As they were pinned; their states are not among the arguments and are empty."""
    note: str
    run_on_latest_version: bool

    @property
    def path(self) -> str:
        """``/dags/D/dagRuns/R``."""
        return run_path(f"{self.dag_id}/{self.run_id}")


def clear_of(call: Call) -> Clear:
    """The arguments of a call; raises ValueError for a verb or arguments that no plan of ours has."""
    if call.verb != VERB:
        raise ValueError(f"Airflow has no verb {call.verb!r}")
    args = call.args
    tasks = tuple(
        TaskPin(task_id=task_id, map_index=None if index < 0 else index, try_number=tried, state="")
        for task_id, index, tried in cast("Sequence[tuple[str, int, int]]", args["tasks"])
    )
    note = str(args["note"])
    if not tasks or not note:
        # No tasks would mean all of them to Airflow, and without a note nothing could be settled.
        raise ValueError("a clear needs its task instances and its note")
    return Clear(
        dag_id=str(args["dag_id"]),
        run_id=str(args["run_id"]),
        tasks=tasks,
        note=note,
        run_on_latest_version=args["run_on_latest_version"] is True,
    )


def settle(session: AirflowSession, clear: Clear) -> Settlement:
    """What is known of a clear by now. Sends nothing but reads; raises SourceError."""
    look = _Look.of(session, clear)
    if look.holders:
        return look.settled(Settled.DONE, f"our note stands on {look.of_all(look.holders)}")
    if look.log is None:
        return look.by_state("the event log may not be read")
    if look.ours is not None:
        return _requested(look)
    if look.log_covers:
        return look.settled(Settled.NOT_DONE, "Airflow's event log has no such request")
    return look.by_state("the event log does not go back far enough")


def _requested(look: "_Look") -> Settlement:
    """Of a clear that Airflow has received, and whose note stands nowhere."""
    if not look.overwriters:
        said = "Airflow received the request and did not carry it out: its note stands nowhere"
        return look.settled(Settled.NOT_DONE, said)
    who = asked_by(look.overwriters[-1])
    if look.rivals:
        said = f"{asked_by(look.rivals[-1])} asked for a clear before us, and {who} for another one after us"
        return look.settled(Settled.UNKNOWN, f"{said}: which of them did it cannot be told")
    if look.moved:
        said = f"{look.of_all(look.moved)} moved; our note was overwritten by {who}"
        return look.settled(Settled.DONE, said)
    said = f"no task instance has moved, and {who} has written another note since our request"
    return look.settled(Settled.UNKNOWN, said)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    """Entries about one run that may have put a note on its task instances, oldest first."""

    entries: tuple[EventLogJson, ...]
    is_whole: bool
    """Whether it was read to its oldest entry."""
    at: datetime
    """When it was read, by the server's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look at everything that tells of a clear."""

    session: AirflowSession
    clear: Clear
    at: datetime
    now: dict[TaskPin, TaskInstanceJson]
    """The planned task instances that are there."""
    log: _Log | None
    """None where it may not be read."""

    @classmethod
    def of(cls, session: AirflowSession, clear: Clear) -> "_Look":
        # The log last: whoever overwrites our note before the notes are read has an entry by then.
        found = {(each.task_id, each.map_index): each for each in task_instances(session, clear.path)}
        now = {
            pin: each
            for pin in clear.tasks
            for each in (standing(found, pin.task_id, -1 if pin.map_index is None else pin.map_index),)
            if each is not None
        }
        try:
            log = _log(session, clear)
        except ForbiddenError:
            log = None
        return cls(session=session, clear=clear, at=datetime.now(UTC), now=now, log=log)

    @property
    def holders(self) -> list[TaskPin]:
        """Those that carry our note."""
        return [pin for pin, each in self.now.items() if each.note == self.clear.note]

    @property
    def moved(self) -> list[TaskPin]:
        """Those that have been cleared or run since they were pinned, by whomever."""
        return [
            pin
            for pin, each in self.now.items()
            if each.state not in FAILED or each.try_number > pin.try_number
        ]

    @property
    def ours(self) -> EventLogJson | None:
        """The entry of our request."""
        entries = () if self.log is None else self.log.entries
        return next((entry for entry in entries if entry.event == _CLEAR and self._is_ours(entry)), None)

    @property
    def others(self) -> list[EventLogJson]:
        """Entries of others that came after ours; all that are known where ours is not there."""
        entries = () if self.log is None else self.log.entries
        first = 0 if self.ours is None else self.ours.event_log_id
        return [entry for entry in entries if entry.event_log_id > first and not self._is_ours(entry)]

    @property
    def rivals(self) -> list[EventLogJson]:
        """Clears of others that were asked for between our plan and our request."""
        minted, ours = self._minted, self.ours
        if minted is None or ours is None or self.log is None:
            return []
        return [
            entry
            for entry in self.log.entries
            if entry.event == _CLEAR and entry.event_log_id < ours.event_log_id and entry.when >= minted
        ]

    @property
    def overwriters(self) -> list[EventLogJson]:
        """Later requests whose note stands on a planned task instance now, or whose note is not told."""
        standing_notes = {each.note for each in self.now.values() if each.note}
        return [
            entry
            for entry in self.others
            if standing_notes & texts(entry) or (entry.event != _CLEAR and not entry.extra)
        ]

    @property
    def log_covers(self) -> bool:
        """Whether an entry of ours would be in the log: it goes back to before the operation was minted."""
        minted = self._minted
        if self.log is None or not self.log.is_whole or minted is None:
            return False
        oldest, _ = read_page(self.session, [("order_by", "event_log_id"), ("limit", 1)])
        return bool(oldest) and oldest[0].when <= minted

    @property
    def _minted(self) -> datetime | None:
        """When the operation was minted, by the server's clock; None where its id does not tell."""
        minted = minted_at(self.clear.note.rpartition(" ")[2])
        if minted is None or self.log is None:
            return None
        return minted + (self.log.at - self.at)

    def _is_ours(self, entry: EventLogJson) -> bool:
        return self.clear.note in texts(entry)

    def of_all(self, pins: Sequence[TaskPin]) -> str:
        """``2 of 3 task instances``."""
        count = len(self.clear.tasks)
        return f"{len(pins)} of {count} task instance{'s' * (count != 1)}"

    def by_state(self, why: str) -> Settlement:
        """What states and notes alone tell, where the log does not."""
        if not self.moved and self.now and not any(each.note for each in self.now.values()):
            return self.settled(Settled.NOT_DONE, f"no task instance has moved or carries a note ({why})")
        return self.settled(
            Settled.UNKNOWN,
            f"our note stands on no task instance, and whose doing it is cannot be told: {why}",
        )

    def settled(self, state: Settled, said: str) -> Settlement:
        """The settlement with everything that was seen."""
        return Settlement(state=state, said=f"{said}.", evidence=tuple(self._evidence()))

    def _evidence(self) -> Iterator[Evidence]:
        name, url = self.session.endpoint.name, self.session.endpoint.url
        link = run_link(url, self.clear.dag_id, self.clear.run_id)
        source = f"{name} event log"
        if self.log is None:
            yield Evidence(source=source, said="may not be read", at=self.at)
        elif self.ours is None:
            yield Evidence(source=source, said=f"no request with the note {self.clear.note!r}", at=self.at)
        else:
            said = f"entry {self.ours.event_log_id}: {asked_by(self.ours)} asked for our clear"
            yield Evidence(source=source, said=said, at=self.ours.when)
        for entry in self.others[-_LISTED:]:
            said = f"entry {entry.event_log_id}: {asked_by(entry)} asked for {entry.event}{note_of(entry)}"
            yield Evidence(source=source, said=said, at=entry.when)
        standing_now = ", ".join(_told(pin, self.now.get(pin)) for pin in self.clear.tasks[:_LISTED])
        more = len(self.clear.tasks) - _LISTED
        yield Evidence(
            source=f"{name} task instances",
            said=standing_now + (f" and {more} more" if more > 0 else ""),
            at=self.at,
            link=link,
        )


def _log(session: AirflowSession, clear: Clear) -> _Log:
    found: list[EventLogJson] = []
    at = datetime.now(UTC)
    for _ in range(_PAGES):
        page, at = read_page(
            session,
            [
                ("dag_id", clear.dag_id),
                ("run_id", clear.run_id),
                *(("included_events", event) for event in _NOTING),
                ("order_by", "-event_log_id"),
                ("limit", PAGE),
                ("offset", len(found)),
            ],
        )
        found += page
        if len(page) < PAGE:
            return _Log(entries=tuple(reversed(found)), is_whole=True, at=at)
    return _Log(entries=tuple(reversed(found)), is_whole=False, at=at)


def _told(pin: TaskPin, now: TaskInstanceJson | None) -> str:
    if now is None:
        return f"{pin.name} is gone"
    note = f", note {quoted(now.note, limit=80)}" if now.note else ""
    return f"{pin.name} {now.state or 'none'} (try {now.try_number}, planned at {pin.try_number}{note})"
