"""The gates of promotions and rollbacks, each over facts: what passes, what fails, what cannot be told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from making import NOW, run
from planning import ACTOR, plan
from released import digest, release

from fedesk.domain import release_gates
from fedesk.domain.guards import Situation
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Confirmation, Evidence, GuardResult, Ruling
from fedesk.domain.policy import DEFAULTS, LONG, Policy, override_of
from fedesk.domain.release_gates import BuildSeen, RegistrySeen, UpstreamSeen
from fedesk.domain.release_matrix import Proof, Soak
from fedesk.domain.releases import Gate, GateState, Migration, ReleaseStop, StopKind, Verified
from fedesk.domain.roles import People, Person, Role
from fedesk.domain.runs import RunDetail, Step
from fedesk.domain.secrets import SecretAge, SecretMetadata
from fedesk.domain.states import State, Verdict

PASS, FAIL, UNKNOWN, NONE = GateState.PASS, GateState.FAIL, GateState.UNKNOWN, GateState.NOT_CONFIGURED
CI = RunName(ConnectionName("dev", "jenkins"), "finedge/dev/payments-ci#1")
SEEN = (Evidence(source="staging/jenkins", said="#3 SUCCESS", at=NOW, link="http://127.0.0.1/3/"),)
OLD, NEW = (
    Migration(id="041_add_fee", reversible=True),
    Migration(id="042_drop_iban", reversible=False),
)


def build(state: State = State.SUCCEEDED, commit: str = "a" * 40, **stages: State) -> BuildSeen:
    """The build that made release a, with its stages."""
    made = replace(run("payments-ci", state), name=CI, commit=commit, link="http://127.0.0.1/ci/1/")
    steps = tuple(
        Step(id=name, name=name.replace("_", " "), state=one, original_state=one.value)
        for name, one in stages.items()
    )
    return BuildSeen(
        build=RunDetail(run=made, steps=steps), release=release(), source="dev/jenkins", observed_at=NOW
    )


GONE = BuildSeen(trouble="retention has removed it", source="dev/jenkins", observed_at=NOW)


def registry(**given: str) -> RegistrySeen:
    values = {"source": "registry.finedge.example", "digest": digest("a"), "link": "http://127.0.0.1/m"}
    return RegistrySeen(**(values | given), observed_at=NOW)


def soak(ran: float | None) -> Soak:
    proof = Proof(verified=Verified.VERIFIED, since=NOW, said="operation o ended succeeded")
    return Soak(proof=proof, ran=None if ran is None else timedelta(hours=ran), runs_now=True)


def stop(letter: str = "a", *, environment: str = "") -> ReleaseStop:
    kind = StopKind.HOLD if environment else StopKind.QUARANTINE
    return ReleaseStop(
        id="q1",
        kind=kind,
        service="payments",
        digest=digest(letter),
        environment=environment,
        reason="leaks",
        by="leo",
        at=NOW,
    )


def age(verdict: Verdict) -> SecretAge:
    secret = SecretMetadata(connection=ConnectionName("prod", "vault"), name="kv:x", age_from=NOW)
    return SecretAge(secret=secret, verdict=verdict, age=None, time_left=None)


def seen(state: State | None, trouble: str = "") -> UpstreamSeen:
    found = None if state is None else run("ledger_load", state)
    return UpstreamSeen(
        pipeline="ledger_load", run=found, trouble=trouble, source="prod/airflow", observed_at=NOW
    )


H = timedelta(hours=4)
CASES: dict[str, tuple[Callable[[], Gate], GateState, str]] = {
    "built": (
        lambda: release_gates.built_from_commit(release(), build()),
        PASS,
        "built it from aaaaaaaaaaaa",
    ),
    "built of another commit": (
        lambda: release_gates.built_from_commit(release(), build(commit="b" * 40)),
        FAIL,
        "built bbbbbbbbbbbb, and the release says aaaaaaaaaaaa",
    ),
    "built by a build that failed": (
        lambda: release_gates.built_from_commit(release(), build(State.FAILED)),
        FAIL,
        "which made it, is failed",
    ),
    "build is gone": (
        lambda: release_gates.built_from_commit(release(), GONE),
        UNKNOWN,
        "is not known: retention has removed it.",
    ),
    "release without commit": (
        lambda: release_gates.built_from_commit(release(commit=""), build()),
        UNKNOWN,
        "does not say of which commit",
    ),
    "stage passed": (
        lambda: release_gates.stage_passed("unit", "Unit tests", build(Unit_tests=State.SUCCEEDED)),
        PASS,
        "Unit tests of finedge/dev/payments-ci#1 passed.",
    ),
    "stage failed": (
        lambda: release_gates.stage_passed("unit", "unit tests", build(Unit_tests=State.UNSTABLE)),
        FAIL,
        "is unstable",
    ),
    "stage left out": (
        lambda: release_gates.stage_passed("unit", "Unit tests", build(Unit_tests=State.SKIPPED)),
        UNKNOWN,
        "is skipped",
    ),
    "no such stage": (
        lambda: release_gates.stage_passed("unit", "Unit tests", build()),
        UNKNOWN,
        "has no stage Unit tests",
    ),
    "stage of a build that is gone": (
        lambda: release_gates.stage_passed("unit", "Unit tests", GONE),
        UNKNOWN,
        "retention",
    ),
    "stage not named": (lambda: release_gates.stage_passed("unit", "", build()), NONE, "names no stage"),
    "verified": (
        lambda: release_gates.verified_before("staging", soak(1).proof, SEEN),
        PASS,
        "In staging: operation o ended succeeded.",
    ),
    "inconclusive is not green": (
        lambda: release_gates.verified_before("staging", Proof(verified=Verified.INCONCLUSIVE), SEEN),
        FAIL,
        "In staging: inconclusive.",
    ),
    "nothing before": (lambda: release_gates.verified_before("", soak(1).proof, ()), NONE, "promote_from"),
    "soaked to the second": (lambda: release_gates.soaked("staging", H, soak(4), SEEN), PASS, "for 4h"),
    "not soaked": (
        lambda: release_gates.soaked("staging", H, soak(3.99), SEEN),
        FAIL,
        "for 3h59m24s of 4h.",
    ),
    "since when is not known": (
        lambda: release_gates.soaked("staging", H, soak(None), SEEN),
        UNKNOWN,
        "cannot be told",
    ),
    "no soak wanted": (lambda: release_gates.soaked("staging", None, soak(0), SEEN), NONE, "promotion.soak"),
    "digest is there": (
        lambda: release_gates.digest(release(), registry(), build()),
        PASS,
        "has sha256:aaaaaaaaaaaa, the one that its build made.",
    ),
    "digest cannot be pulled": (
        lambda: release_gates.digest(release(), registry(digest=""), None),
        FAIL,
        "cannot be pulled",
    ),
    "digest is another": (
        lambda: release_gates.digest(release(), registry(digest=digest("b")), None),
        FAIL,
        "answers with sha256:bbbbbbbbbbbb",
    ),
    "build made another": (
        lambda: release_gates.digest(release(), registry(), replace(build(), release=release("b"))),
        FAIL,
        "Its build made sha256:bbbbbbbbbbbb",
    ),
    "registry is silent": (
        lambda: release_gates.digest(release(), registry(digest="", trouble="refused"), build()),
        UNKNOWN,
        "could not be asked: refused.",
    ),
    "no registry": (
        lambda: release_gates.digest(release(), registry(source=""), build()),
        NONE,
        "No registry",
    ),
    "nothing stands against it": (
        lambda: release_gates.stopped((stop("b"), stop(environment="dev")), release(), "prod"),
        PASS,
        "Nothing stands",
    ),
    "quarantined": (
        lambda: release_gates.stopped((stop(),), release(), "prod"),
        FAIL,
        "leo has it in quarantine since 2026-11-20 02:43 UTC: leaks.",
    ),
    "held here": (
        lambda: release_gates.stopped((stop(environment="prod"),), release(), "prod"),
        FAIL,
        "leo has it in hold in prod",
    ),
    "migrations": (lambda: release_gates.migrations((OLD,), (), SEEN), PASS, "041_add_fee can be undone."),
    "no migrations": (lambda: release_gates.migrations((), (), SEEN), PASS, "No schema changes."),
    "final migration": (
        lambda: release_gates.migrations((OLD, NEW), (), SEEN),
        FAIL,
        "042_drop_iban cannot be undone.",
    ),
    "migrations unread": (
        lambda: release_gates.migrations((OLD,), ("#7",), SEEN),
        UNKNOWN,
        "What #7 changes in schemas is not known.",
    ),
    "upstream green": (lambda: release_gates.upstream((seen(State.RUNNING),)), PASS, "have not failed"),
    "upstream red": (
        lambda: release_gates.upstream((seen(State.FAILED), seen(None))),
        FAIL,
        "ledger_load is failed since 2026-11-20 01:43 UTC.",
    ),
    "upstream dark": (
        lambda: release_gates.upstream((seen(None, "Airflow is away."),)),
        UNKNOWN,
        "ledger_load: Airflow is away.",
    ),
    "nothing upstream": (lambda: release_gates.upstream(()), NONE, "names nothing"),
    "secrets young": (
        lambda: release_gates.secrets(("kv:x",), (age(Verdict.DUE),), "", NOW),
        PASS,
        "kv:x is young enough.",
    ),
    "secret old": (
        lambda: release_gates.secrets(("kv:x", "kv:y"), (age(Verdict.OVERDUE),), "sealed", NOW),
        FAIL,
        "kv:x is older than allowed.",
    ),
    "secrets dark": (
        lambda: release_gates.secrets(("kv:x",), (), "Vault is sealed", NOW),
        UNKNOWN,
        "How old kv:x is is not known: Vault is sealed.",
    ),
    "no secrets": (lambda: release_gates.secrets((), (), "", NOW), NONE, "names no secret"),
    "never verified": (
        lambda: release_gates.verified_once(Proof(verified=Verified.NOT_VERIFIED, said="nothing has"), SEEN),
        FAIL,
        "nothing has.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_gate_says_what_it_saw(name: str) -> None:
    """State and sentence; what was read stands beside it with its source, and UNKNOWN blocks like FAIL."""
    make, state, said = CASES[name]
    gate = make()
    assert gate.state is state
    assert said in gate.said
    ruling = release_gates.ruled(gate, NOW)
    assert ruling.guard == f"gate {gate.name}"
    assert ruling.blocks is (state in (FAIL, UNKNOWN))
    assert bool(ruling.remedy) is ruling.blocks
    assert ("Not configured." in ruling.reason) is (state is NONE)
    assert [fact.source for fact in ruling.facts] == [one.source for one in gate.evidence]
    only_warns = release_gates.ruled(release_gates.warning(gate), NOW)
    assert only_warns.ruling is (Ruling.WARN if ruling.blocks else Ruling.ALLOW)


def test_what_cannot_be_put_right_by_waiting_is_not_waived() -> None:
    """Another digest, a quarantine and a release that was never verified stop everybody."""
    gates = [
        CASES[name][0]()
        for name in ("digest is another", "build made another", "quarantined", "never verified", "not soaked")
    ]
    assert release_gates.waivable(gates) == {"gate soaked"}


def judged(person: Role | None, *, accepted: tuple[str, ...] = (), reason: str = "") -> GuardResult:
    """The soak gate that has failed, as the plan of somebody meets it."""
    result = release_gates.ruled(CASES["not soaked"][0](), NOW)
    people = People(
        {
            ACTOR.person: Person(
                principal=ACTOR.person, roles=frozenset({Role.RELEASER, person or Role.VIEWER})
            ),
            "ann@x": Person(principal="ann@x", roles=frozenset({Role.APPROVER})),
        }
    )
    made = replace(plan(), reason=reason)
    given = Confirmation(
        operation=made.operation, digest="", by=ACTOR.person, at=NOW, how="key", accepted=accepted
    )
    situation = Situation(
        plan=made, now=NOW, environment=None, people=people, confirmation=given if accepted else None
    )
    return release_gates.weighed(result, situation)


def test_a_gate_is_waived_by_the_role_that_may() -> None:
    """With the right it asks to be accepted by name, with a reason; else it blocks, and says who may."""
    blocked = judged(None)
    assert blocked.ruling is Ruling.DENY
    assert blocked.remedy.endswith("ann@x may waive it, in a plan of their own.")
    asked = judged(Role.ADMIN)
    assert asked.ruling is Ruling.CONFIRM
    assert '--accept "gate soaked"' in asked.remedy
    assert judged(Role.APPROVER, accepted=("gate soaked",), reason="CHG-1").ruling is Ruling.CONFIRM
    assert judged(Role.APPROVER, accepted=("gate soaked",)).ruling is Ruling.DENY


def test_waiving_takes_what_the_policy_asks_for_it() -> None:
    """Every gate brings the rule of ``waive-gate``; a guard that only begins like one does not."""
    assert [override_of(name) for name in ("gate soaked", "freeze", "gates", "loads")] == [
        "waive-gate",
        "freeze-override",
        "",
        "",
    ]
    needed = Policy(general=DEFAULTS).needed("rollback", "prod", ("gate migrations",))
    assert (needed.approvals, needed.lives, needed.review) == (1, LONG, True)
