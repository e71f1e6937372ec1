"""Whom each system takes one for: a credential is tried by asking, and nothing is kept of it."""

from datetime import UTC, datetime

import pytest

from fedesk import composition
from fedesk.config import load_config
from fedesk.config_types import ConnectionConfig
from fedesk.domain.identity import Identity
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import UnauthenticatedError
from fedesk.sandbox.server import Sandbox

PLANTED = "planted-credential-that-must-not-be-seen"


def configured(sandbox: Sandbox, system: str) -> ConnectionConfig:
    """A connection of the sandbox's prod."""
    connections = load_config(sandbox.config_path).environments["prod"].connections()
    return next(one for one in connections if one.system.value == system)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("jenkins", Identity(user="releaser", roles=("authenticated",))),
        ("vault", Identity(user="token-reader", roles=("default", "fedesk-reader"))),
        ("snowflake", Identity(user="FEDESK_READER", roles=("FEDESK_READER",))),
    ],
)
def test_who_one_is_with_what_the_configuration_refers_to(
    full_sandbox: Sandbox, system: str, expected: Identity
) -> None:
    """User and roles in the system's own words."""
    found = composition.whoami(configured(full_sandbox, system))
    assert (found.user, found.roles) == (expected.user, expected.roles)


def test_a_login_says_until_when_it_is_good(sandbox: Sandbox) -> None:
    """Vault tells the end of its token, Airflow's token names its own; an API token of Jenkins has none."""
    until = composition.whoami(configured(sandbox, "vault")).until
    assert until is not None
    assert until.tzinfo is UTC
    airflow = composition.whoami(configured(sandbox, "airflow"))
    assert airflow.user == sandbox.world.identity("airflow", writer=True).user
    assert airflow.roles == ("admin",)
    assert airflow.until is not None
    assert airflow.until > datetime.now(UTC)
    assert composition.whoami(configured(sandbox, "jenkins")).until is None


@pytest.mark.parametrize("system", ["jenkins", "airflow", "vault"])
def test_a_wrong_credential_is_refused_and_not_quoted(sandbox: Sandbox, system: str) -> None:
    """A candidate is tried in place of what the configuration refers to."""
    with pytest.raises(UnauthenticatedError) as refused:
        composition.whoami(configured(sandbox, system), SecretText(PLANTED))
    assert PLANTED not in str(refused.value)
