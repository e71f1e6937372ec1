"""What Jenkins has against triggering a deploy job: one sentence each, of what its preview says."""

from collections.abc import Callable

import pytest

from fedesk.domain import deploy_guards
from fedesk.domain.operations import GuardResult, Ruling

TEXT, PASSWORD, FILE, CREDENTIALS = (
    f"{kind}ParameterDefinition" for kind in ("String", "Password", "File", "Credentials")
)
SENT = {"IMAGE": "registry/payments@sha256:aa"}


def given(sent: dict[str, str], **declared: tuple[str, bool]) -> GuardResult:
    return deploy_guards.parameters(sent, {"IMAGE": (TEXT, False), **declared})


CASES: dict[str, tuple[Callable[[], GuardResult], Ruling, str]] = {
    "free": (lambda: deploy_guards.at_work((), ()), Ruling.ALLOW, "No build of the deploy job"),
    "at work": (
        lambda: deploy_guards.at_work((7,), (811,)),
        Ruling.DENY,
        "build #7, queue item 811 are under way",
    ),
    "buildable": (lambda: deploy_guards.buildable("j", is_buildable=True), Ruling.ALLOW, "j can be built"),
    "disabled": (lambda: deploy_guards.buildable("j", is_buildable=False), Ruling.DENY, "j is disabled."),
    "as declared": (lambda: given(SENT), Ruling.ALLOW, "takes the parameters"),
    "dropped": (lambda: given({"VERSION": "1"}), Ruling.DENY, "declares no VERSION: Jenkins would drop it"),
    "password": (
        lambda: given(SENT, TOKEN=(PASSWORD, False)),
        Ruling.DENY,
        "TOKEN (password), which has no default",
    ),
    "file": (lambda: given(SENT, PLAN=(FILE, False)), Ruling.DENY, "PLAN (file)"),
    "credentials": (lambda: given(SENT, KEY=(CREDENTIALS, False)), Ruling.DENY, "KEY (credentials)"),
    "hidden default": (lambda: given(SENT, TOKEN=(PASSWORD, True)), Ruling.ALLOW, "takes the parameters"),
    "placeholder": (
        lambda: given({"IMAGE": "x{operation}"}),
        Ruling.DENY,
        "IMAGE holds {operation} or {plan}, which fedesk fills in itself",
    ),
    "carries an id": (lambda: deploy_guards.operation_id(is_declared=True), Ruling.ALLOW, "known by it"),
    "without an id": (
        lambda: deploy_guards.operation_id(is_declared=False),
        Ruling.CONFIRM,
        "its outcome may stay unknown",
    ),
    "started by another": (
        lambda: deploy_guards.started_by("prod/jenkins:fedesk/execute"),
        Ruling.DENY,
        "here that is prod/jenkins:fedesk/execute, not who plans it",
    ),
    "shutting down": (
        lambda: deploy_guards.quieting_down(is_so=True),
        Ruling.WARN,
        "waits until it is back",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_deploy_job_is_triggered_where_nothing_is_in_the_way(name: str) -> None:
    """What blocks, warns or asks says why, and what to do."""
    make, ruling, said = CASES[name]
    found = make()
    assert found.ruling is ruling
    assert said in found.reason
    assert bool(found.remedy) is (ruling is not Ruling.ALLOW)
