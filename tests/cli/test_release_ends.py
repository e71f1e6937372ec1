"""How releases end on the command line: with an answer lost, with much else broken, rolled back by itself."""

import pytest
from cli_situations import YES, Situation
from command_line import Changed, Ended, Run, StillClock
from hurrying import hurried_runners

from fedesk.domain.operations import Outcome
from fedesk.domain.release_stops import ROLLBACK
from fedesk.sandbox.server import Sandbox


def runs(sandbox: Sandbox, service: str) -> str:
    """The digest that runs in production."""
    there = sandbox.world.deployments.current("prod", service)
    assert there is not None
    return there.digest


def triggered(sandbox: Sandbox, service: str, operation: str) -> int:
    """Builds of the deploy job that carry an operation's id."""
    plans = sandbox.world.build_plans(f"finedge/prod/deploy-{service}")
    return sum(any(one.value == operation for one in plan.parameters) for plan in plans)


@pytest.mark.soak
def test_a_promotion_whose_answer_is_lost_passes_and_is_put_back(
    acting: Run, sandbox: Sandbox, situation: Situation
) -> None:
    """Looked up by its id and followed, it is built once and verified; put back with Vault sealed."""
    before = runs(sandbox, "loyalty")
    sandbox.control.fault("jenkins", "drop_after_commit", match="/buildWithParameters$", times=1)
    done = acting("release", "promote", "loyalty", *YES, "--json")
    assert done.code == 0, done.err
    assert "trigger: unanswered" in done.err
    (promotion,) = situation.operations()
    assert triggered(sandbox, "loyalty", promotion.plan.operation) == 1
    assert runs(sandbox, "loyalty") == promotion.plan.targets[0].pins["digest"] != before
    sandbox.control.seal_vault(sealed=True)
    back = acting("release", "rollback", "loyalty", *YES)
    assert back.code == 0, back.err
    assert runs(sandbox, "loyalty") == before


@pytest.mark.soak
def test_what_is_broken_does_not_forbid_its_cure(acting: Run, sandbox: Sandbox, situation: Situation) -> None:
    """Vault sealed and upstream red: promoting is refused (3), the rollback is tried and done for real."""
    sandbox.control.seal_vault(sealed=True)
    answered = ("release", "answer", "prod/jenkins:finedge/prod/deploy-merchants#463", "--abort")
    assert acting(*answered, *YES).code == 0
    told = acting("release", "rollback", "merchants", "--dry-run", *YES, "--json").document("plan")
    upstream = next(one for one in told["guards"] if one["name"] == "gate upstream")
    assert (upstream["verdict"], "payments_daily is failed" in upstream["reason"]) == ("warn", True)
    assert acting("release", "promote", "merchants", *YES).code == 3
    cure = acting("release", "rollback", "merchants", *YES)
    assert cure.code in (0, 7), cure.err
    assert triggered(sandbox, "merchants", situation.operations()[0].plan.operation) == 2


@pytest.mark.soak
def test_a_promotion_that_fails_is_rolled_back_by_itself(
    run: Run, sandbox: Sandbox, changed: Changed, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1, and that it is rolled back; the audit log has both alone, and what ran before runs again."""
    there = sandbox.world.deployments.current("staging", "loyalty")
    assert there is not None
    monkeypatch.setattr(StillClock, "now", lambda _: sandbox.control.clock.now())
    sandbox.world.plant_bad_release("loyalty", there.digest)
    before = runs(sandbox, "loyalty")
    catalogue = sandbox.config_path.parent / "catalog.yaml"
    head, name, rest = catalogue.read_text(encoding="utf-8").partition("\n  loyalty:\n")
    rest = rest.replace("rollback: {automatic: false}", "rollback: {automatic: true}", 1)
    own = changed((r"\Z", "\n")).with_name("catalog.yaml")
    own.write_text(head + name + rest, encoding="utf-8")
    config = changed((r'catalog = "[^"]*"', f'catalog = "{own}"'))
    arguments = ("release", "promote", "loyalty", *YES, "--config", str(config))
    ended: Ended = run(*arguments, at=sandbox.control.clock.now(), launcher=hurried_runners(sandbox))
    assert ended.code == 1, ended.err
    assert "The catalogue has it rolled back by itself" in ended.err
    cure, promotion = situation.operations()
    assert (promotion.outcome, cure.outcome) == (Outcome.FAILED, Outcome.SUCCEEDED), cure.said
    assert cure.plan.kind == ROLLBACK
    assert promotion.plan.operation in cure.plan.reason
    assert runs(sandbox, "loyalty") == before
    records = [one.draft for one in situation.records() if one.draft.phase not in ("override", "review")]
    assert [(one.operation, str(one.phase)) for one in records] == [
        (one.plan.operation, phase) for one in (promotion, cure) for phase in ("intent", "outcome")
    ]
