"""Broken glass on the command line: past a hold at a desk of one's own, past the executor of a team."""

import json
import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cli_situations import FAILED, UNTOUCHED, YES, Situation
from command_line import Ended, Run
from enforced_rig import ANN, MARA, RUNNER, Enforced, enforced
from postgres_server import Server

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome, Stage
from fedesk.store.postgres_store import PostgresStore

SURE = ("--confirm", "prod", "--write", "prod", "--reason", "02:40, nobody answers")
EMERGENCY = "emergency@finedge.example"


def test_past_a_hold_with_a_reason_and_reviewed_by_nobody_yet(acting: Run, situation: Situation) -> None:
    """Refused without it; with it cleared, loud in list and log, and one's own review is refused: exit 3."""
    assert acting("hold", "add", "--pipeline", "payments_daily", "--reason", "wrong rates").code == 0
    assert acting("rerun", FAILED, *YES).code == 3
    assert situation.state() is UNTOUCHED
    refused = acting("rerun", FAILED, "--break-glass", "--confirm", "prod", "--write", "prod")
    assert refused.code == 3
    assert "--confirm prod --break-glass --write prod --reason TEXT" in refused.err
    assert situation.state() is UNTOUCHED
    ended = acting("rerun", FAILED, *SURE, "--break-glass")
    assert ended.code == 0, ended.err
    assert situation.state() is not UNTOUCHED
    assert "Overridden by break-glass" in ended.err
    shown = acting("operations", "show", "--json").document("operation")
    assert shown["confirmation"]["break_glass"] is True
    (waits,) = acting("audit", "review", "--json").document("reviews")["records"]
    assert (waits["phase"], waits["action"], waits["wants_rotation"]) == ("break-glass", "break-glass", False)
    assert "wrong rates" in waits["result"]
    explained = acting("policy", "explain", "--json").document("policy-explanation")
    asked = {one["what"]: (one["met"], one["said"]) for one in explained["asked"]}
    assert asked["break-glass"][0] is True
    assert (
        f"(record {waits['seq']}), because 02:40, nobody answers: it overrides hold"
        in asked["break-glass"][1]
    )
    assert asked["review"][0] is None
    own = acting("audit", "review", str(waits["seq"]), "--said", "it was well")
    assert own.code == 3
    assert "somebody else has to review it" in own.err
    assert acting("audit", "review", str(waits["seq"])).code == 2
    assert acting("audit", "review", "999", "--said", "x").code == 1


@pytest.fixture(scope="module")
def company(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enforced]:
    with enforced(postgres, tmp_path_factory.mktemp("glass")) as running:
        yield running


def with_emergency(company: Enforced) -> Path:
    """Mara's configuration with sealed credentials: the writer's of Airflow, and a role that may execute."""
    writer = company.sandbox.world.identity("airflow", writer=True)
    own = company.sandbox.config_path.parent / "credentials" / "airflow"
    store = company.postgres.person(company.url, EMERGENCY, group="fedesk_executor")
    sealed = f"""
[environments.prod.emergency]
store_url = {json.dumps(store)}
[environments.prod.emergency.airflow]
user = {json.dumps(writer.user)}
credential = {json.dumps(f"command:cat {shlex.quote(str(own))}")}
"""
    file = company.folder / "mara-at-night.toml"
    file.write_text(company.config("mara").read_text(encoding="utf-8") + sealed, encoding="utf-8")
    return file


def test_past_an_executor_that_is_down(company: Enforced, run: Run) -> None:
    """Its Jenkins is away: the plan waits, exit 8. Broken glass takes the sealed credential, or is refused.

    A viewer may not. The record of it waits for somebody else, and for the credential to be rotated.
    """

    def desk(file: Path, *arguments: str) -> Ended:
        return run(*arguments, "--config", str(file))

    failed, mara, at_night = company.failed_runs()[-1], company.config("mara"), with_emergency(company)
    company.sandbox.control.fault("jenkins", "status", status=503)
    waits = desk(mara, "rerun", str(failed), *SURE)
    assert waits.code == 8, waits.err
    assert "The plan waits" in waits.err
    none = desk(mara, "rerun", str(failed), *SURE, "--break-glass")
    assert none.code == 3
    assert "no emergency credential" in none.err
    viewer = desk(company.config("ann"), "rerun", str(failed), *SURE, "--break-glass")
    assert viewer.code == 3
    assert "break-glass needs the role operator" in viewer.err
    assert not company.is_cleared(failed)
    ended = desk(at_night, "rerun", str(failed), *SURE, "--break-glass")
    assert ended.code == 0, ended.err
    assert company.is_cleared(failed)
    with closing(PostgresStore(company.url)) as store:
        done, waiting = store.operations()
        assert (done.outcome, done.confirmation.by) == (Outcome.SUCCEEDED, MARA)
        assert waiting.stage is Stage.CONFIRMED
        withdrawn = [
            one.principal for one in store.statements(waiting.plan.operation) if one.action == "reject"
        ]
        assert withdrawn == [MARA]
        (glass,) = store.unreviewed()
        assert (glass.draft.actor.person, glass.draft.action) == (MARA, "emergency-credential")
        assert "prod/airflow (" in glass.draft.result
        intent = [one for one in store.stream() if one.draft.phase is Phase.INTENT]
        assert [one.draft.actor.person for one in intent] == [EMERGENCY]
        assert glass.seq < intent[0].seq
    assert f"Operation {waiting.plan.operation}, which waited for the same, is withdrawn" in ended.err
    late = desk(company.config("executor"), "execute", waiting.plan.operation)
    assert late.code == 5, late.err
    assert f"Rejected by {MARA}: the glass was broken instead" in late.out + late.err
    said = ("audit", "review", str(glass.seq), "--said", "the file was late")
    assert desk(mara, *said, "--rotated").code == 3
    assert desk(company.config("ann"), *said).code == 2
    assert desk(company.config("ann"), *said, "--rotated").code == 0
    assert desk(company.config("ann"), *said, "--rotated").code == 5
    with closing(PostgresStore(company.url)) as store:
        assert store.unreviewed() == ()
        found = store.review_of(glass.seq)
        assert found is not None
        assert found.by == ANN
        assert store.verify(deep=True).flaw is None


def test_the_executor_takes_no_broken_glass(company: Enforced, run: Run) -> None:
    """A person's word is not enough there: refused on the record, and nothing is sent."""
    company.sandbox.control.clear_faults()
    failed = company.failed_runs()[-1]
    file = with_emergency(company)
    before, _, sealed = file.read_text(encoding="utf-8").rpartition("command:cat")
    # A runner that comes to nothing: the operation stays as it was confirmed.
    file.write_text(f"{before}command:false{sealed}", encoding="utf-8")
    left = run("rerun", str(failed), *SURE, "--break-glass", "--config", str(file))
    assert left.code != 0
    with closing(PostgresStore(company.url)) as store:
        operation = next(one for one in store.operations() if one.confirmation.break_glass and one.is_open)
    ended = run("execute", operation.plan.operation, "--config", str(company.config("executor")))
    assert ended.code == 3, ended.err
    assert "only what was signed is executed here" in ended.err + ended.out
    assert not company.is_cleared(failed)
    with closing(PostgresStore(company.url)) as store:
        refusal = store.tail(1)[0].draft
        assert (refusal.phase, refusal.actor.person) == (Phase.REFUSAL, RUNNER)
