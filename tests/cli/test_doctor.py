"""``fedesk doctor`` on the sandbox."""

from command_line import Changed, Run

from fedesk.exits import Exit
from fedesk.sandbox.server import Sandbox


def test_doctor_tells_who_one_is_and_what_one_may(desk: Run) -> None:
    """One row a connection of each environment; the document has every right with what it is for."""
    ended = desk("doctor")
    assert ended.code is Exit.DONE
    assert "prod/jenkins" in ended.out
    assert "dev/vault" in ended.out
    document = desk("doctor", "--env", "prod", "--json").document("doctor")
    found = {one["name"]: one for one in document["connections"]}
    assert set(found) == {"prod/jenkins", "prod/airflow", "prod/vault"}
    assert found["prod/vault"]["user"] == "token-reader"
    assert [right["state"] for right in found["prod/vault"]["rights"]] == ["granted"] * 3


def test_doctor_says_what_is_down_and_tells_the_rest(desk: Run, sandbox: Sandbox) -> None:
    """A system that is down is exit code 8, named with its own words; the others are told all the same."""
    sandbox.control.fault("airflow", "status", status=503)
    ended = desk("doctor", "--env", "prod")
    assert ended.code is Exit.UNREACHABLE
    assert "fault: prod/airflow: " in ended.out
    assert "prod/jenkins live releaser" in " ".join(ended.out.split())


def test_doctor_names_the_login_where_a_credential_is_missing(changed: Changed, run: Run) -> None:
    """A credential that cannot be had is a mistake of configuration, told for its connection alone."""
    config = changed(('"command:cat [^"]*vault"', '"env:FEDESK_NOT_THERE"'))
    ended = run("doctor", "--config", str(config), "--env", "prod")
    assert ended.code is Exit.USAGE
    assert "FEDESK_NOT_THERE" in ended.out
