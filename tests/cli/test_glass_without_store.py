"""Broken glass while the team's store does not answer: a local log, and its way into the team's."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cli_situations import FAILED, UNTOUCHED, SilentLauncher, Situation, runners_of
from command_line import Changed, Ended, Run
from in_process import InProcessLauncher
from postgres_server import Server
from sqlalchemy.engine import make_url

from fedesk.apart import local_file
from fedesk.domain.audit import Phase
from fedesk.domain.audit_chain import time_text
from fedesk.domain.operations import Outcome
from fedesk.execution import Desk
from fedesk.sandbox.server import Sandbox
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

MARA = "mara@finedge.example"
SURE = ("--confirm", "prod", "--write", "prod", "--reason", "02:40, nobody answers", "--break-glass")
LOCAL = [Phase.START, Phase.BREAK_GLASS, Phase.INTENT, Phase.OUTCOME]
ALLOWED = "[environments.prod.emergency]\nwithout_store = true\n"


@dataclass
class Team:
    """A desk of mara's whose team's database is behind a way that can be taken away."""

    run: Run
    sandbox: Sandbox
    url: str
    """As the database's superuser, by another way."""
    way: Path
    config: Path

    def desk(self, *arguments: str) -> Ended:
        moment, launcher = self.sandbox.control.clock.now(), runners_of(self.sandbox)
        return self.run(*arguments, "--config", str(self.config), at=moment, launcher=launcher)

    def local_findings(self) -> list[dict[str, Any]]:
        found = self.desk("findings", "list", "--json").document("findings")["findings"]
        return [one for one in found if one["kind"] == "local-log"]

    def away(self) -> None:
        self.way.unlink()

    def back(self) -> None:
        self.way.symlink_to(str(make_url(self.url).query["host"]))

    def store(self) -> PostgresStore:
        return PostgresStore(self.url)


@pytest.fixture
def team(
    run: Run, postgres: Server, sandbox: Sandbox, changed: Changed, tmp_path: Path
) -> Callable[..., Team]:
    def made(*, profile: str = "advisory", emergency: str = ALLOWED) -> Team:
        url, way = postgres.fresh(), tmp_path / "db"
        postgres.profile(url, profile)
        mine = make_url(postgres.person(url, MARA)).update_query_dict({"host": str(way)})
        config = changed((r'url = "sqlite:[^"]*"', f"url = {json.dumps(str(mine))}"))
        identity = f"[identity]\nprincipal = {json.dumps(MARA)}\n"
        config.write_text(f"{config.read_text()}\n{identity}{emergency}")
        found = Team(run=run, sandbox=sandbox, url=url, way=way, config=config)
        found.back()
        return found

    return made


def test_without_it_the_way_out_is_named(team: Callable[..., Team], situation: Situation) -> None:
    """Today's sentence and code; with broken glass past what allows none, neither a log nor a change."""
    allowed = team()
    allowed.away()
    plain = allowed.desk("rerun", FAILED, *SURE[:-1])
    assert (plain.code, situation.state()) == (6, UNTOUCHED), plain.err
    assert "cannot be reached" in plain.err
    assert plain.err.count("--break-glass` goes on without it") == 1
    allowed.config.write_text(allowed.config.read_text().replace(ALLOWED, ""))
    for words in (SURE, SURE[:-1]):
        barred = allowed.desk("rerun", FAILED, *words)
        assert (barred.code, situation.state()) == (6, UNTOUCHED)
        assert ("without_store = true" in barred.err) == ("--break-glass" in words)
        assert "goes on without it" not in barred.err
    assert not local_file().exists()


def test_a_night_without_it(team: Callable[..., Team], situation: Situation) -> None:
    """Done and recorded here; then each record is in the team's log once, with its operation and review."""
    night = team()
    night.away()
    # By a process of its own, as in life.
    ended = night.run("rerun", FAILED, *SURE, "--config", str(night.config))
    assert ended.code == 0, ended.err
    assert situation.state() is not UNTOUCHED
    assert "retry budget are not known" in ended.err
    file = local_file()
    assert file.stat().st_mode & 0o777 == 0o600
    with closing(SqlStore(file)) as local:
        assert local.verify(deep=True).flaw is None
        (operation,) = local.operations()
        assert operation.outcome is Outcome.SUCCEEDED
        kept = list(local.stream())
    assert [one.draft.phase for one in kept] == LOCAL
    assert "retry budget are not known" in kept[1].draft.result
    assert night.desk("audit", "merge").code == 6
    night.back()
    used = night.desk("rerun", FAILED, *SURE)
    assert "does not answer. What is written" not in used.err
    merged = night.desk("audit", "merge", "--json")
    assert merged.code == 0, merged.err
    found = merged.document("audit-merge")["merged"]
    assert (found["records"], found["operations"]) == (4, [operation.plan.operation])
    assert night.desk("audit", "merge", "--json").document("audit-merge")["merged"] is None
    with closing(night.store()) as store:
        assert store.verify(deep=True).flaw is None
        carried = [one for one in store.stream() if found["log"] in one.draft.result]
        assert [one.draft.phase for one in carried] == LOCAL
        for here, copied in zip(kept, carried, strict=True):
            proof = f"record {here.seq}, {time_text(here.draft.at)}, hash {here.hash}, SHA-256 "
            assert f"{proof}{sha256(here.raw).hexdigest()}]" in copied.draft.result
        done = store.operation(operation.plan.operation)
        assert done is not None
        assert (done.plan, done.digest, done.journal) == (
            operation.plan,
            operation.digest,
            operation.journal,
        )
        assert (done.outcome, done.ended_at) == (Outcome.SUCCEEDED, operation.ended_at)
        assert [one.seq for one in store.unreviewed()] == found["waiting"]
    assert not file.exists()
    with closing(SqlStore(Path(found["file"]))) as aside:
        assert aside.verify(deep=True).records == len(kept) + 1


class Returning(InProcessLauncher):
    """A runner for whom the team's store answers again right before it begins."""

    def __init__(self, desk: Desk, back: Callable[[], None]) -> None:
        super().__init__(desk)
        self._back = back

    def go(self, operation: str) -> None:
        self._back()
        super().go(operation)


def test_the_store_answers_again_before_it_begins(team: Callable[..., Team], situation: Situation) -> None:
    """Refused on the local record, and nothing is sent; that there is one is a finding that pages."""
    night = team()
    night.away()
    moment = night.sandbox.control.clock.now()
    refused = night.run(
        "rerun", FAILED, *SURE, "--config", str(night.config), at=moment,
        launcher=lambda desk: Returning(desk, night.back),
    )  # fmt: skip
    assert (refused.code, situation.state()) == (3, UNTOUCHED), refused.err
    assert "answers again: make the plan anew" in refused.err + refused.out
    (found,) = night.local_findings()
    assert (found["severity"], found["todo"]) == (
        "page",
        "`fedesk audit merge`, once the team's store answers",
    )
    merged = night.desk("audit", "merge", "--json").document("audit-merge")["merged"]
    with closing(night.store()) as store:
        carried = [one for one in store.stream() if merged["log"] in one.draft.result]
        assert [one.draft.phase for one in carried] == [*LOCAL[:2], Phase.REFUSAL]
        (operation,) = store.operations()
        assert (operation.outcome, operation.plan.operation) == (Outcome.REFUSED, merged["operations"][0])
        assert store.verify(deep=True).flaw is None


@pytest.mark.usefixtures("nobody_comes")
def test_what_was_not_begun_is_ended_here_first(team: Callable[..., Team], situation: Situation) -> None:
    """Where no log can be written nothing is confirmed; an unmerged one is told, and settled by its ids."""
    night = team()
    night.away()
    file = local_file()
    file.parent.parent.mkdir(parents=True, exist_ok=True)
    file.parent.touch()
    assert night.desk("rerun", FAILED, *SURE).code == 6
    file.parent.unlink()
    moment = night.sandbox.control.clock.now()
    silent = SilentLauncher()
    left = night.run(
        "rerun", FAILED, *SURE, "--config", str(night.config), at=moment, launcher=lambda _: silent
    )
    (id_,) = silent.told
    assert (left.code, situation.state()) == (70, UNTOUCHED)
    tail = night.desk("audit", "tail", "--json")
    phases = [one["phase"] for one in tail.document("audit")["records"]]
    assert phases == ["start", "break-glass"]
    assert "does not answer: this is the log of this machine, break-glass-" in tail.err
    assert night.desk("operations", "show", id_).code == 0
    assert night.desk("audit", "verify", "--deep", "--store", str(file)).code == 0
    night.back()
    assert "is not in the team's store: this is the log" in night.desk("operations", "show", id_).err
    early = night.desk("audit", "merge")
    assert (early.code, f"operations recheck {id_}" in early.err) == (5, True)
    later = moment + timedelta(hours=1)
    ended = night.run("operations", "recheck", id_, "--config", str(night.config), at=later)
    assert ended.code == 0, ended.err
    assert night.desk("audit", "merge").code == 0
    with closing(night.store()) as store:
        found = store.operation(id_)
        assert found is not None
        assert found.outcome is Outcome.ABORTED
        assert store.verify(deep=True).flaw is None
    assert situation.state() is UNTOUCHED
