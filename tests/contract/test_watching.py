"""People are told what is seen, over real HTTP and a real store: at least once, by one watcher."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from making import NOW, minutes
from operation_values import OWNER
from told_server import Told as Server

from fedesk.clients.apprise_receiver import AppriseReceiver
from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.clients.heartbeat import Heartbeat
from fedesk.clients.pagerduty import PagerDuty
from fedesk.domain.audit import Actor, Phase
from fedesk.domain.names import ConnectionName
from fedesk.domain.notices import Event, Notice, Route
from fedesk.domain.operations import Owner
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import CredentialError
from fedesk.ports.notifying import Receiver
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.services.delivering import Beats, Delivery, Told, What, waited
from fedesk.services.sighting import Sighted
from fedesk.services.watching import LASTS, RENEWED_EVERY, Around, Telling, Watcher
from fedesk.store.operations import SqlStore

KEY = "R0UTINGKEY0123456789abcdef012345"
PASSWORD = "chatpassw0rd8f7e"
OTHER = Owner(host="desk-9", boot="b", pid=99, started="7")


@dataclass
class Hands:
    """A clock that is moved by hand, for the store too."""

    at: datetime = NOW
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def move(self, by: timedelta) -> None:
        self.at += by
        self.seconds += by.total_seconds()


@dataclass
class Machine:
    """A process, as others on its machine see it."""

    owner: Owner
    dead: set[Owner] = field(default_factory=set)

    def me(self) -> Owner:
        return self.owner

    def is_alive(self, owner: Owner) -> bool | None:
        return False if owner in self.dead else None


@dataclass
class World:
    """What there is to see, one store, and as many watchers as are made."""

    clock: Hands
    open_store: Callable[[], SqlStore]
    server: Server
    notices: Sequence[Notice] = ()
    quiet: frozenset[str] = frozenset()
    knows: bool = True
    said: list[Told] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))
    machine: Machine = field(default_factory=lambda: Machine(OWNER))

    def watcher(
        self, owner: Owner = OWNER, store: SqlStore | None = None, *, to: tuple[str, ...] = ("pager", "chat")
    ) -> Watcher:
        opened = self.open_store() if store is None else store
        made = {
            name: Delivery(name, bulkhead, lambda: opened, self.clock, self.said.append)
            for name, bulkhead in self.receivers().items()
        }
        telling = Telling(routes=(Route(to=to),), of_people={"ann": ("chat",)}, deliveries=made)
        around = Around(
            actor=Actor(person="mara", known_by="configuration", host=owner.host, pid=owner.pid),
            clock=self.clock,
            processes=replace(self.machine, owner=owner),
            new_id=lambda: f"letter-{next(self.ids)}",
            tell=self.said.append,
        )
        return Watcher(lambda: opened, self.look, telling, around)

    def receivers(self) -> dict[str, ThreadBulkhead[Receiver]]:
        chat = SecretText(f"json://:{PASSWORD}@127.0.0.1:{self.server.port}/chat")
        return {
            "pager": ThreadBulkhead("pager", lambda: pager(self.server.url)),
            "chat": ThreadBulkhead("chat", lambda: AppriseReceiver("chat", lambda: chat)),
        }

    def look(self) -> Sighted:
        return Sighted(notices=tuple(self.notices), quiet=self.quiet, knows=lambda _: self.knows)

    def told(self, what: What) -> list[tuple[str, str]]:
        return [(one.receiver, one.key) for one in self.said if one.what is what]


def pager(url: str) -> Receiver:
    endpoint = Endpoint(name=ConnectionName("notify", "pager"), url=url, deadline=5)
    return PagerDuty(endpoint, lambda: SecretText(KEY))


@pytest.fixture
def world(tmp_path: Path, told: Server) -> Iterator[World]:
    opened: list[SqlStore] = []

    def open_it() -> SqlStore:
        opened.append(SqlStore(tmp_path / "fedesk.sqlite3"))
        return opened[-1]

    yield World(Hands(), open_it, told)
    for store in opened:
        store.close()


def page(name: str = "payments_daily", **given: object) -> Notice:
    values: dict[str, object] = {
        "key": f"page:prod:failed:{name}",
        "event": Event.PAGE,
        "environment": "prod",
        "subject": f"prod: {name}: failed run",
        "text": "dbt_test failed",
        "at": NOW,
        "link": "https://airflow.example/x",
        "command": "fedesk log prod/airflow:x/y",
    }
    return Notice(**(values | given))  # type: ignore[arg-type]  # its fields


def stepped(watcher: Watcher) -> bool:
    """A step whose deliveries are waited for."""
    leads = watcher.step()
    watcher.deliver()
    return leads


def test_a_receiver_that_is_down_for_a_while_is_told_when_it_is_back(world: World) -> None:
    """Refused, then 503, then 202: tried again later each time, told as one alert, and only once taken."""
    world.notices = [page()]
    watcher = world.watcher(to=("pager",))
    assert stepped(watcher)
    assert world.told(What.NOTICED) == [("", "started:1"), ("", page().key)]
    assert {key for _, key in world.told(What.NOT_SENT)} <= {"started:1", page().key}
    assert 'cannot be reached: "Connection refused"' in world.said[-1].said
    world.server.up()
    world.server.answers = [503]
    world.clock.move(waited(1))
    stepped(watcher)
    assert "(HTTP 503" in world.said[-1].said
    stepped(watcher)
    assert len(world.server.requests) == 1, "not before its time"
    world.clock.move(waited(2))
    for _ in range(3):
        stepped(watcher)
    assert world.server.alerts == {"started:1": "trigger", page().key: "trigger"}
    assert len(world.server.requests) == 3
    assert world.told(What.SENT) == [("pager", body["dedup_key"]) for body in world.server.bodies[1:]]
    payload = next(one["payload"] for one in world.server.bodies if one["dedup_key"] == page().key)
    assert payload["severity"] == "critical"
    assert payload["custom_details"]["command"] == page().command


def test_the_waits_grow_and_have_an_end(world: World) -> None:
    """Doubled with each failure, five minutes at most; after a day it is given up and said so."""
    assert [waited(failures).seconds for failures in (1, 2, 3, 6, 7, 1000)] == [5, 10, 20, 160, 300, 300]
    world.notices = [page()]
    watcher = world.watcher(to=("pager",))
    stepped(watcher)
    world.clock.move(timedelta(days=1))
    for _ in range(2):
        stepped(watcher)
        world.clock.move(timedelta(minutes=5))
    assert {key for _, key in world.told(What.GIVEN_UP)} == {"started:1", page().key}
    world.server.up()
    world.clock.move(timedelta(days=1))
    stepped(watcher)
    assert world.server.requests == []


def test_one_that_hangs_or_is_down_holds_up_no_other(world: World) -> None:
    """Each receiver has its own thread: the step returns at once, and the others have it meanwhile."""
    world.server.up()
    free, taken = threading.Event(), threading.Event()

    class Hung:
        def send(self, notice: Notice) -> None:
            del notice
            free.wait(20)

        def close(self) -> None:
            """Nothing to close."""

    def note(told: Told) -> None:
        if told.what is What.SENT and told.key == page().key:
            taken.set()

    store = world.open_store()
    bulkheads: dict[str, ThreadBulkhead[Receiver]] = {
        "hung": ThreadBulkhead("hung", Hung),
        "pager": world.receivers()["pager"],
    }
    made = {name: Delivery(name, one, lambda: store, world.clock, note) for name, one in bulkheads.items()}
    watcher = world.watcher(store=store)
    watcher._telling = Telling(routes=(Route(to=("hung", "pager")),), of_people={}, deliveries=made)  # noqa: SLF001
    world.notices = [page()]
    assert watcher.step()
    assert taken.wait(10)
    free.set()


def test_the_same_is_told_once_and_told_that_it_is_over(world: World) -> None:
    """However often it is seen, over restarts; over, PagerDuty's alert is resolved; back again it is anew."""
    world.server.up()
    world.notices = [page()]
    for owner in (OWNER, OWNER, OTHER):
        watcher = world.watcher(owner)
        stepped(watcher)
        stepped(watcher)
        watcher.end()
    keys = [body["dedup_key"] for body in world.server.bodies if "dedup_key" in body]
    assert keys.count(page().key) == 1
    world.notices = ()
    watcher = world.watcher()
    world.knows = False
    stepped(watcher)
    assert world.server.alerts[page().key] == "trigger", "what was not looked at is not over"
    world.knows, world.quiet = True, frozenset({page().key})
    stepped(watcher)
    assert world.server.alerts[page().key] == "trigger", "what is quiet goes on"
    world.quiet = frozenset()
    stepped(watcher)
    assert world.server.alerts[page().key] == "resolve"
    assert [body["title"] for body in world.server.bodies if body.get("type") == "success"] == [
        "over: prod: payments_daily: failed run"
    ]
    world.notices = [page()]
    stepped(watcher)
    assert world.server.alerts[page().key] == "trigger"


def test_what_is_over_before_it_was_told_is_told_first(world: World) -> None:
    """A receiver that was down meanwhile hears of it, and then that it is over: in this order."""
    world.notices = [page()]
    watcher = world.watcher(to=("pager",))
    stepped(watcher)
    world.notices = ()
    world.server.up()
    world.clock.move(waited(1))
    for _ in range(3):
        stepped(watcher)
    said = [body["event_action"] for body in world.server.bodies if body["dedup_key"] == page().key]
    assert said == ["trigger", "resolve"]


class _KilledError(BaseException):
    """The process is gone."""


class Dying(SqlStore):
    """A store whose process is killed right after the receiver has answered."""

    def sent(self, *_: object) -> None:
        """It is never written down."""
        raise _KilledError


def test_killed_between_sending_and_writing_it_down_it_is_sent_again(world: World, tmp_path: Path) -> None:
    """At least once; PagerDuty, which takes a dedup key, makes one alert of both."""
    world.server.up()
    world.notices = [page()]
    dying = Dying(tmp_path / "fedesk.sqlite3")
    first = world.watcher(store=dying, to=("pager",))
    delivery = first._telling.deliveries["pager"]  # noqa: SLF001
    with pytest.MonkeyPatch.context() as patch:
        # The step would deliver on a thread of its own, where nobody sees how it ends.
        patch.setattr(delivery, "begin", lambda _leading: None)
        assert first.step()
    with pytest.raises(_KilledError):
        delivery.round(lambda: first.lead)
    dying.close()
    before = len(world.server.requests)
    assert before == 1
    world.machine.dead.add(OWNER)
    second = world.watcher(OTHER, to=("pager",))
    for _ in range(2):
        assert stepped(second)
    sent = [body["dedup_key"] for body in world.server.bodies]
    assert sent.count("started:1") + sent.count(page().key) == 3
    assert world.server.alerts == {"started:1": "trigger", page().key: "trigger", "died:2": "trigger"}


def test_of_two_watchers_one_leads_and_the_other_takes_over(world: World) -> None:
    """Within the lease the second one tells nobody; past it, it leads, and the first writes no more."""
    world.server.up()
    one, other = world.watcher(), world.watcher(OTHER)
    assert stepped(one)
    assert not stepped(other)
    assert "process 4242 on desk-3" in world.said[-1].said
    world.clock.move(timedelta(seconds=RENEWED_EVERY))
    assert stepped(one)
    world.clock.move(LASTS - timedelta(seconds=1))
    assert not other.step(), "it was renewed"
    world.clock.move(timedelta(seconds=2))
    world.notices = [page()]
    assert stepped(other)
    assert not stepped(one)
    assert one.lead is None
    assert [told.what for told in world.said if told.what is What.LOST] == [What.LOST]
    assert not stepped(one)
    keys = [body["dedup_key"] for body in world.server.bodies if "dedup_key" in body]
    assert sorted(keys) == sorted(["started:1", "died:2", page().key])


def test_ended_well_the_next_one_leads_at_once(world: World) -> None:
    """The end is told and on the record, as the start is; nothing of it is said to have died."""
    world.server.up()
    one = world.watcher()
    stepped(one)
    one.end()
    other = world.watcher(OTHER)
    assert stepped(other)
    assert set(world.server.alerts) == {"started:1", "stopped:1", "started:2"}
    records = [(record.draft.action, record.draft.phase) for record in world.open_store().tail(10)]
    assert records == [("watch", Phase.START), ("watch", Phase.STOP), ("watch", Phase.START)]


def test_a_store_that_is_away_is_said_once_and_waited_for(world: World) -> None:
    """Nothing is sent that could not be kept; when it is back, all is told."""
    world.server.up()
    world.notices = [page()]
    store = world.open_store()
    watcher = world.watcher(store=store)
    away: Callable[..., None] = lambda *_, **__: (_ for _ in ()).throw(StoreUnavailableError("no room"))  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "put", away)
        assert not watcher.step()
        assert not watcher.step()
    assert world.told(What.AWAY) == [("", "")]
    assert world.server.requests == []
    assert stepped(watcher)
    assert world.server.alerts[page().key] == "trigger"


def test_what_was_sent_and_cannot_be_kept_is_not_sent_each_second(world: World) -> None:
    """A disk that is full after the send: the receiver is left alone for a while, longer each time."""
    world.server.up()
    world.notices = [page()]
    store = world.open_store()
    watcher = world.watcher(store=store, to=("pager",))
    away: Callable[..., None] = lambda *_, **__: (_ for _ in ()).throw(StoreUnavailableError("no room"))  # noqa: E731
    stepped(watcher)
    world.server.requests.clear()
    world.notices = [page("ledger_load")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "sent", away)
        for _ in range(4):
            stepped(watcher)
            world.clock.move(timedelta(seconds=1))
        assert len(world.server.requests) == 1
    assert world.told(What.AWAY) == [("pager", "")]


def test_people_are_told_beside_the_routes(world: World) -> None:
    """Who is named gets it where they said, also where no route goes."""
    world.server.up()
    wanted = page("plan", event=Event.APPROVAL_WANTED, people=("ann", "eve"))
    world.notices = [wanted]
    watcher = world.watcher(to=())
    stepped(watcher)
    assert world.told(What.SENT) == [("chat", wanted.key)]


PLANTED = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"


def test_no_secret_is_in_a_notice_an_event_or_the_store(world: World, tmp_path: Path) -> None:
    """Planted in what a system said, in an address and in a receiver's own refusal: each is nowhere else."""
    world.notices = [
        page(
            subject=f"prod: {PLANTED}: failed run",
            text=f"login failed: VAULT_TOKEN={PLANTED}\x1b]0;x\x07",
            link=f"http://x/?t={PLANTED}",
        )
    ]
    watcher = world.watcher()
    stepped(watcher)
    world.server.up()
    world.server.answers = [400, 401, 403, 500]
    for _ in range(8):
        world.clock.move(timedelta(minutes=5))
        stepped(watcher)
    assert {receiver for receiver, _ in world.told(What.SENT)} == {"pager", "chat"}
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("fedesk.sqlite3*"))
    said = "\n".join(repr(one) for one in world.said)
    assert b"[hidden: vault-token]" in kept
    for secret in (PLANTED, PASSWORD, KEY):
        assert secret.encode() not in kept
        assert secret not in said
    sent = [
        {name: part for name, part in body.items() if name != "routing_key"} for body in world.server.bodies
    ]
    assert PLANTED not in repr(sent)
    assert "\\x1b" not in repr(sent)


def test_a_heartbeat_goes_out_in_its_time_and_its_silence_is_said_once(told: Server) -> None:
    """Each is one request; while it does not arrive that is said when it begins, without the address."""
    clock, said = Hands(), list[Told]()
    endpoint = Endpoint(name=ConnectionName("notify", "heartbeat"), url=f"{told.url}/ping/{KEY}", deadline=5)
    heart = ThreadBulkhead("heartbeat", lambda: Heartbeat(endpoint, "POST"))
    beats = Beats(heart, minutes(5), clock, said.append)
    beats.send()
    beats.send()
    assert [one.what for one in said] == [What.NO_BEAT]
    assert KEY not in said[0].said
    told.up()
    arrived = threading.Event()
    told.before = arrived.set
    beats.beat()
    assert arrived.wait(10)
    beats.beat()
    assert [(method, path) for method, path, _ in told.requests] == [("POST", f"/ping/{KEY}")]
    told.answers = [500]
    beats.send()
    assert [one.what for one in said] == [What.NO_BEAT, What.NO_BEAT]
    beats.close()


def test_what_a_job_is_called_calls_nobody_and_links_nowhere(told: Server) -> None:
    """A name of a system is text in a chat, however it is written."""
    told.up()
    address = SecretText(f"json://127.0.0.1:{told.port}/chat")
    AppriseReceiver("chat", lambda: address).send(page(subject="@channel <http://evil|safe> @here ann@x"))
    assert told.bodies[0]["title"] == "@ channel (http://evil|safe) @ here ann@x"


def test_an_address_that_apprise_does_not_know_is_said_without_it() -> None:
    """What is wrong and where to look; nothing of what the reference gave."""
    receiver = AppriseReceiver("chat", lambda: SecretText(f"slak://{PASSWORD}"))
    with pytest.raises(CredentialError, match="the receiver chat refers to is no address") as raised:
        receiver.send(page())
    assert PASSWORD not in str(raised.value)
