"""Broken glass: what it overrides and what it does not, what is on the record before, and where it serves."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from acting import LineWorld, Rig, make_plan
from acting import submission as with_a_key
from making import NOW, minutes
from operation_values import OWNER, draft_of
from planning import DAG_RUN, StillSystem, asked, changes, clear_preview, window
from window_values import a_window

from fedesk.config import load_config
from fedesk.config_emergency import (
    apart_from_team,
    closed_without_store,
    credentials_said,
    sealed_at_desk,
    sealed_here,
    with_emergency,
)
from fedesk.domain import local_log
from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.audit_chain import GENESIS, START, Mark, link, record_bytes, record_of, time_text
from fedesk.domain.kept_text import kept_text
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Confirmation, Outcome, Ruling
from fedesk.domain.policy import Governance, Policy, Rule
from fedesk.domain.reruns import TaskPin
from fedesk.domain.reviews import findings_of
from fedesk.domain.roles import People, Person, Role
from fedesk.domain.states import Severity
from fedesk.domain.windows import WindowKind
from fedesk.mistakes import ConfigurationError
from fedesk.services.changes import Changes
from fedesk.services.proposals import Answer, Proposal, RefusedError
from fedesk.store.operations import SqlStore

MARA = "mara@finedge.example"
HOLD = a_window(WindowKind.HOLD, id="HLD-20261120-7K3MQ9", pipeline="payments_daily", reason="wrong rates")
FREEZE = a_window()
LATER = a_window(id="FRZ-20261120-9QQQQ9", opened_at=NOW)
YES = Answer(
    how="name and key", named="prod", reason="nobody answers", window=window(opened=0), break_glass=True
)
BY_OTHERS = Policy(general={"rerun": Rule(approvals=1)})
SIGNED = "[environments.prod]\nsigned = true\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with closing(SqlStore(tmp_path / "fedesk.sqlite3")) as opened:
        yield opened


def governed(*roles: Role, policy: Policy | None = None) -> Governance:
    people = People({MARA: Person(principal=MARA, roles=frozenset(roles))}) if roles else People()
    return Governance(people=people, policy=policy or Policy())


def desk(
    store: SqlStore, preview: Any = None, *, sealed: str = "", emergency: str = "", **given: Any
) -> Changes:
    """Changes over one Airflow in production."""
    made = changes(store, prod_airflow=StillSystem(preview or clear_preview()), **given)
    return replace(
        made,
        sealed={"prod": sealed} if sealed else {},
        emergency={"prod": emergency} if emergency else {},
    )


def broken(made: Changes) -> Proposal:
    return made.with_broken_glass(made.propose(asked()))


def ruled(proposal: Proposal) -> dict[str, tuple[Ruling, str]]:
    return {one.guard: (one.ruling, one.reason) for one in proposal.guards}


def recorded(store: SqlStore) -> list[AuditDraft]:
    return [one.draft for one in store.stream() if one.draft.phase is not Phase.CONFIGURATION]


def test_freeze_hold_and_approvals_warn_and_nothing_else_does(store: SqlStore) -> None:
    """What it overrides is named, a freeze that began since included; the yes is asked as ever, and why."""
    for one in (HOLD, FREEZE, LATER):
        store.open_window(one, draft_of(Phase.CONFIGURATION, action=one.kind.value))
    made = desk(store, governance=governed(Role.OPERATOR, policy=BY_OTHERS))
    assert made.propose(asked()).is_blocked
    proposal = broken(made)
    assert not proposal.is_blocked
    found = ruled(proposal)
    for guard in ("hold", "freeze", "approvals", "break-glass"):
        assert found[guard][0] is Ruling.WARN, guard
    assert all(
        found[one][1].endswith("Overridden by break-glass.") for one in ("hold", "freeze", "approvals")
    )
    needs = proposal.needs
    assert (needs.name, needs.reason, needs.window, needs.accept) == ("prod", True, True, ())
    operation = made.confirm(proposal, YES)
    assert operation.confirmation.break_glass
    assert store.operation(operation.plan.operation) == operation
    (record,) = recorded(store)
    assert (record.phase, record.action, record.reason) == (
        Phase.BREAK_GLASS,
        "break-glass",
        "nobody answers",
    )
    assert record.operation == operation.plan.operation
    for named in ("overrides", "wrong rates", "year end", "approvals: "):
        assert named in record.result
    assert [one.seq for one in store.unreviewed()] == [4]


@pytest.mark.parametrize(
    ("answer", "guard"),
    [
        (replace(YES, reason=" "), "reason"),
        (replace(YES, how=""), "confirmation"),
        (replace(YES, named="staging"), "confirmation"),
        (replace(YES, window=None), "write window"),
    ],
)
def test_the_yes_is_asked_as_ever(store: SqlStore, answer: Answer, guard: str) -> None:
    """A window's reason is none of it; what is refused is recorded, and no glass is broken."""
    made = desk(store)
    with pytest.raises(RefusedError) as caught:
        made.confirm(broken(made), answer)
    assert guard in {one.guard for one in caught.value.guards}
    assert [one.phase for one in recorded(store)] == [Phase.REFUSAL]
    assert store.operations() == ()


def test_a_reason_is_asked_where_none_is_otherwise(store: SqlStore) -> None:
    """In staging, where the key is enough."""
    run = RunName(ConnectionName("staging", "airflow"), DAG_RUN.id)
    made = changes(store, staging_airflow=StillSystem(clear_preview(run, tags=("staging",))))
    proposal = made.with_broken_glass(made.propose(asked(run)))
    assert proposal.needs.reason
    with pytest.raises(RefusedError, match="The glass is broken with a reason"):
        made.confirm(proposal, Answer(how="key", break_glass=True))


def test_pins_and_who_holds_it_stop_it_as_ever(store: SqlStore) -> None:
    """A target that another operation holds, somebody at the run: blocked, whoever breaks what."""
    made = desk(store)
    first = made.confirm(broken(made), YES)
    store.claim(first.plan.operation, OWNER, NOW, minutes(5), dead=None)
    active = (TaskPin(task_id="load", map_index=None, try_number=1, state="running"),)
    found = ruled(broken(desk(store, clear_preview(active=active))))
    assert found["somebody at it"][0] is Ruling.DENY
    assert ruled(broken(made))["in flight"][0] is Ruling.DENY


@pytest.mark.parametrize(
    ("role", "may"),
    [(Role.VIEWER, False), (Role.APPROVER, False), (Role.OPERATOR, True), (Role.SECRETS, True)],
)
def test_its_own_role_is_asked(store: SqlStore, role: Role, *, may: bool) -> None:
    """That of break-glass in the place of the verb's."""
    made = desk(store, governance=governed(role))
    proposal = broken(made)
    assert proposal.is_blocked is not may
    assert ruled(proposal)["role"][0] is (Ruling.ALLOW if may else Ruling.DENY)


def test_where_it_is_sealed_it_is_refused(store: SqlStore) -> None:
    """By the desk, which has no emergency credential; the reason says what there is not."""
    made = desk(store, sealed="There is no emergency credential.")
    with pytest.raises(RefusedError, match="There is no emergency credential"):
        made.confirm(broken(made), YES)
    assert [one.phase for one in recorded(store)] == [Phase.REFUSAL]


def test_a_sealed_credential_is_named_on_the_record(store: SqlStore) -> None:
    """Its use is another action, which wants rotation."""
    sealed = "prod/airflow (fedesk-emergency)"
    made = desk(store, emergency=sealed)
    made.confirm(broken(made), YES)
    (record,) = recorded(store)
    assert record.action == "emergency-credential"
    assert (
        record.result
        == "overrides no guard; with the emergency credential of prod/airflow (fedesk-emergency)"
    )


def test_a_confirmation_of_before_breaks_nothing() -> None:
    """One that was stored without the field reads as what it was."""
    old = b'{"operation": "x", "digest": "d", "by": "mara", "at": "2026-11-20T02:43:10Z", "how": "key"}'
    assert msgspec.json.decode(old, type=Confirmation).break_glass is False


@pytest.mark.parametrize(
    ("sealed", "recorded"),
    [("", True), ("", False), ("In prod only what was signed is executed here.", True)],
)
def test_who_executes_judges_it_again(tmp_path: Path, sealed: str, *, recorded: bool) -> None:
    """Without an approval; where it is sealed, or the log does not say so, nothing is sent."""
    with closing(SqlStore(tmp_path / "fedesk.sqlite3")) as store:
        given = with_a_key(make_plan(reason="nobody answers"))
        store.submit(replace(given, confirmation=replace(given.confirmation, break_glass=True)))
        if recorded:
            store.append(
                draft_of(Phase.BREAK_GLASS, operation=given.plan.operation, plan_digest=given.digest)
            )
        world = LineWorld(tmp_path / "world")
        rig = Rig(
            store, world, governance=governed(policy=BY_OTHERS), sealed={given.plan.environment: sealed}
        )
        ended = rig.execute(given.plan.operation)
        serves = recorded and not sealed
        assert ended.outcome is (Outcome.SUCCEEDED if serves else Outcome.REFUSED), ended.said
        assert bool(world.lines()) is serves


CONFIG = """
[store]
url = "postgresql+psycopg://mara@db/fedesk"
[identity]
principal = "mara@finedge.example"
signing_key = "key.pub"
allowed_signers = "signers"
[environments.prod.executor]
connection = "prod/jenkins"
job = "fedesk/execute"
[environments.prod.jenkins]
url = "https://jenkins.example"
user = "mara"
credential = "env:JENKINS"
[environments.prod.airflow]
url = "https://airflow.example"
user = "mara"
credential = "env:AIRFLOW"
"""
SEALED = """
[environments.prod.emergency]
store_url = "postgresql+psycopg://emergency@db/fedesk"
store_credential = "keyring:emergency/store"
[environments.prod.emergency.airflow]
user = "fedesk-emergency"
credential = "keyring:emergency/airflow"
"""


def configured(folder: Path, text: str) -> Any:
    file = folder / "fedesk.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(file)


def test_sealed_credentials_stand_in_the_place_of_the_ordinary_ones(tmp_path: Path) -> None:
    """Of the environment that is named, for its runner alone, which asks no executor; all else stays."""
    bare, config = configured(tmp_path, CONFIG), configured(tmp_path, CONFIG + SEALED)
    assert "no emergency credential: [environments.prod.emergency]" in sealed_at_desk(bare)["prod"]
    assert sealed_at_desk(config) == {}
    assert "goes by the emergency credential" in sealed_here(config)["prod"]
    assert credentials_said(bare.environments["prod"]) == ""
    assert credentials_said(config.environments["prod"]) == "prod/airflow (fedesk-emergency), the store"
    made = with_emergency(config, "prod")
    prod = made.environments["prod"]
    assert (prod.executor, prod.signed, sealed_here(made)) == (None, False, {})
    assert (made.store.url, made.store.credential) == (
        "postgresql+psycopg://emergency@db/fedesk",
        "keyring:emergency/store",
    )
    logins = {str(one.name): (one.settings.user, one.settings.credential) for one in prod.connections()}
    assert logins == {
        "prod/jenkins": ("mara", "env:JENKINS"),
        "prod/airflow": ("fedesk-emergency", "keyring:emergency/airflow"),
    }
    assert with_emergency(bare, "prod") == bare


def test_who_takes_signed_plans_alone_takes_no_broken_glass(tmp_path: Path) -> None:
    """However it is configured beside that."""
    config = configured(tmp_path, SIGNED + CONFIG + SEALED)
    for found in (sealed_at_desk(config), sealed_here(config)):
        assert "only what was signed" in found["prod"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('[environments.prod.emergency.airflo]\ncredential = "env:X"', "did you mean airflow"),
        ('[environments.prod.emergency.airflow]\nuser = "x"', "credential"),
        ('[environments.prod.emergency]\nstore_credential = "s3cr3t-plain"', "expected a reference"),
        ('[environments.prod.emergency]\nstore_credential = "env:X"', "store_url"),
        ("[environments.prod.emergency]\nstore_url = 7", "expected text"),
        ("[environments.prod.emergency]\nwithout_store = 1", "expected true or false"),
        ('[environments.prod.emergency]\nstore_url = "mysql://x/y"', "postgresql"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, wrong: str, said: str) -> None:
    """By their key, before anybody needs it at night."""
    with pytest.raises(ConfigurationError, match=said):
        configured(tmp_path, f"{CONFIG}\n{wrong}\n")


def test_apart_from_its_team_a_desk_has_a_store_of_its_own(tmp_path: Path) -> None:
    """Where the key says so; sealed logins stay, the sealed role of the store does not, nor do anchors."""
    anchored = CONFIG + '[[audit.anchors]]\nsink = "file"\npath = "/mnt/x"\n'
    config = configured(tmp_path, anchored + SEALED)
    assert "without_store = true" in closed_without_store(config)["prod"]
    config = configured(
        tmp_path, anchored + SEALED.replace("]\nstore_url", "]\nwithout_store = true\nstore_url")
    )
    assert closed_without_store(config) == {}
    made = with_emergency(apart_from_team(config, tmp_path / "local"), "prod")
    assert (made.store.url, made.store.credential) == (f"sqlite:///{tmp_path}/local", None)
    assert (made.audit.anchors, credentials_said(made.environments["prod"])) == (
        (),
        "prod/airflow (fedesk-emergency)",
    )
    assert {one.settings.user for one in made.environments["prod"].connections()} == {
        "mara",
        "fedesk-emergency",
    }


def test_what_only_the_team_knows_allows_nothing_apart_from_it(store: SqlStore) -> None:
    """One ruling says what is not known, and stops who breaks no glass; what this store knows stands."""
    made = replace(desk(store), apart="postgresql://db/fedesk")
    assert ruled(made.propose(asked()))["team store"][0] is Ruling.DENY
    with pytest.raises(RefusedError, match="does not answer"):
        made.confirm(made.propose(asked()), replace(YES, break_glass=False))
    found = ruled(broken(made))
    assert found["team store"][0] is Ruling.WARN
    assert "what others are at and the retry budget are not known" in found["team store"][1]
    assert not {"in flight", "retry budget", "freeze", "hold", "approvals"} & found.keys()
    confirmed = made.confirm(broken(made), YES)
    assert "overrides team store: postgresql://db/fedesk does not answer" in recorded(store)[-1].result
    store.claim(confirmed.plan.operation, OWNER, NOW, minutes(5), dead=None)
    assert ruled(broken(made))["in flight"][0] is Ruling.DENY


def test_a_merged_record_proves_the_original_however_much_it_says() -> None:
    """Its proof is within what is kept of a result; up to where a log was merged is read back."""
    draft = draft_of(Phase.OUTCOME, result="succeeded: " + "x" * 5000)
    raw = record_bytes(draft, 4)
    record = record_of(raw, link(GENESIS, raw))
    said = kept_text(local_log.carried(record, "break-glass-desk-3-0193"))
    assert said.startswith("succeeded: x")
    assert said.endswith(
        f"record 4, {time_text(draft.at)}, hash {record.hash}, SHA-256 {sha256(raw).hexdigest()}]"
    )
    mark = Mark(seq=4, hash=record.hash)
    assert local_log.merged_up_to(local_log.merges("n", draft.actor, NOW, mark)) == mark
    assert local_log.merged_up_to(draft) == START
    assert local_log.is_name(local_log.name_of("désk/../3", "0193"))
    assert not local_log.is_name("break-glass-../../x")


def test_what_the_policy_wants_reviewed_is_on_the_record_before(store: SqlStore) -> None:
    """A rule with ``review``: somebody else has to look at it afterwards, and until then it is a ticket."""
    made = desk(store, governance=governed(policy=Policy(general={"rerun": Rule(review=True)})))
    confirmed = made.confirm(made.propose(asked(DAG_RUN)), replace(YES, break_glass=False))
    (record,) = store.unreviewed()
    draft = record.draft
    assert (draft.phase, draft.action, draft.operation) == (
        Phase.REVIEW,
        "review-wanted",
        confirmed.plan.operation,
    )
    (finding,) = findings_of((record,), "prod")
    assert (finding.kind, finding.severity) == ("review", Severity.TICKET)
