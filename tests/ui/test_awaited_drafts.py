"""A plan that an executor drafts is waited for on a thread of its own; the frame says for whom."""

import threading
from datetime import UTC
from queue import SimpleQueue
from typing import Any

from memory_desk import NOW, PROD, MemoryDesk, Unchangeable
from textual.message import Message

from fedesk.domain.names import RunName
from fedesk.domain.operations import WriteWindow
from fedesk.domain.requests import Request
from fedesk.domain.reruns import RerunRequest
from fedesk.services.proposals import Proposal
from fedesk.ui import operation_text
from fedesk.ui.confirming import Typed
from fedesk.ui.operation_news import Awaiting
from fedesk.ui.operation_state import Item, Situation
from fedesk.ui.operation_work import Work
from fedesk.ui.run_text import Moment

REQUEST = RerunRequest(run=RunName.parse("prod/airflow:payments_daily/scheduled__1"))
SAID = "Waiting for prod/jenkins:fedesk/execute to draft the plan: [bold]\x1b[31m a dry run …"


class Owner:
    """Takes what a screen would be told."""

    def __init__(self) -> None:
        self.told: SimpleQueue[Message] = SimpleQueue()

    def post_message(self, message: Message) -> None:
        self.told.put(message)


def test_the_frame_says_what_a_plan_waits_for_and_who_leaves_ends_it() -> None:
    """Told from the thread that waits, drawn harmless; once the screen is left, nobody waits any longer."""
    left, ended = threading.Event(), threading.Event()

    class Asking(Unchangeable):
        def propose(self, request: Request, window: WriteWindow | None = None, **given: Any) -> Proposal:
            try:
                given["tell"](SAID)
                left.wait(10)
                given["tell"]("Waiting still …")
            finally:
                ended.set()
            return super().propose(request, window)

    owner: Any = Owner()
    desk: Any = MemoryDesk(PROD)
    desk.changes = Asking()
    work = Work(owner, desk, claimed_within=1.0)
    work.plan(3, [REQUEST], None)
    waits = owner.told.get(timeout=10)
    assert isinstance(waits, Awaiting)
    assert (waits.number, waits.index) == (3, 0)
    item = Item(request=REQUEST, waits=waits.said)
    situation = Situation(environment="prod", facts=PROD, items=(item,), typed=Typed(), now=NOW)
    lines = operation_text.body(situation, item, Moment(now=NOW, zone=UTC), 100, is_slow=True)
    assert lines[0].plain == "Waiting for prod/jenkins:fedesk/execute to draft the plan: [bold] a dry run …"
    work.stop()
    left.set()
    assert ended.wait(10)
    assert owner.told.empty()
