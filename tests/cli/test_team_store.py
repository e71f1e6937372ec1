"""A desk whose store is a team's PostgreSQL: reached by its address, with a password by reference."""

import json
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli_situations import FAILED, YES, Situation
from command_line import Changed, Run
from postgres_server import Server
from sqlalchemy.engine import make_url

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome, Stage
from fedesk.store.postgres_store import PostgresStore

PASSWORD = "hunter2-planted-password"
PRINCIPAL = "mara@finedge.example"
Team = Callable[..., tuple[Path, str]]


@pytest.fixture
def team(postgres: Server, changed: Changed, tmp_path: Path) -> Team:
    """A configuration whose store is a fresh database, as a role with a password; and the database's URL."""

    def configure(password: str = PASSWORD, profile: str = "advisory") -> tuple[Path, str]:
        url = make_url(postgres.fresh())
        postgres.profile(str(url), profile)
        role = postgres.role(PASSWORD)
        postgres.admin(f"GRANT fedesk_people TO {role}")
        postgres.behind(str(url), role, PRINCIPAL)
        secret = tmp_path / "password"
        secret.touch(0o600)
        secret.write_text(password)
        store = f"url = {json.dumps(str(url.set(username=role)))}"
        credential = f"credential = {json.dumps(f'command:cat {secret}')}"
        identity = f"[identity]\nprincipal = {json.dumps(PRINCIPAL)}"
        file = changed((r'url = "sqlite:[^"]*"', f"{store}\n{credential}\n{identity}"))
        return file, str(url)

    return configure


def test_an_operation_of_a_team(run: Run, team: Team) -> None:
    """Planned, confirmed, executed by a process of its own and recorded: in the database, by the role."""
    file, url = team()
    ended = run("rerun", FAILED, *YES, "--json", "--config", str(file))
    assert ended.code == 0, ended.err
    assert ended.document("change")["outcome"] == "succeeded"
    with closing(PostgresStore(url)) as store:
        (operation,) = store.operations()
        role = make_url(_configured(file)).username
        assert operation.outcome is Outcome.SUCCEEDED
        actors = [record.draft.actor for record in store.tail(9)]
        assert [(one.person, one.known_by) for one in actors] == [(PRINCIPAL, f"database role {role}")] * 2
        assert store.verify(deep=True).flaw is None


def _configured(file: Path) -> str:
    return str(tomllib.loads(file.read_text())["store"]["url"])


def test_a_wrong_password_is_one_sentence(run: Run, team: Team) -> None:
    """Exit 6, with what to look at; nothing is sent, and the password is nowhere."""
    file, _ = team("hunter2-planted-wrong")
    ended = run("rerun", FAILED, *YES, "--config", str(file))
    assert ended.code == 6
    assert "hunter2" not in ended.out + ended.err
    assert "store.credential" in ended.err


def test_when_it_is_enforced_the_executor_runs_what_a_person_proposed(
    run: Run,
    team: Team,
    postgres: Server,
    changed: Changed,
    situation: Situation,
) -> None:
    """A person's yes is submitted and waits, nothing is sent; under the executor's role it is carried out."""
    file, url = team(profile="enforced")
    refused = run("rerun", FAILED, *YES, "--config", str(file))
    assert refused.code == 8
    assert "Your role in the store proposes changes and carries none out. The plan waits" in refused.err
    assert situation.clears() == []
    with closing(PostgresStore(url)) as store:
        (waiting,) = store.operations()
        assert (waiting.stage, waiting.confirmation.by) == (Stage.CONFIRMED, PRINCIPAL)
    executor = postgres.person(url, "runner@finedge.example", group="fedesk_executor")
    file = changed((r'url = "sqlite:[^"]*"', f"url = {json.dumps(executor)}"))
    ended = run("execute", waiting.plan.operation, "--config", str(file))
    assert ended.code == 0, ended.err
    assert len(situation.clears()) == 1
    with closing(PostgresStore(url)) as store:
        intent, outcome = store.tail(2)
        assert (intent.draft.phase, outcome.draft.phase) == (Phase.INTENT, Phase.OUTCOME)
        assert {intent.draft.actor.person, outcome.draft.actor.person} == {"runner@finedge.example"}
        assert store.verify(deep=True).flaw is None
