"""What ``fedesk doctor`` complains of, and of what it does not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from memory_keyring import MemoryKeyring

from fedesk import machine
from fedesk.domain import rights
from fedesk.domain.examination import (
    CLOCKS_APART,
    EXPIRES_SOON,
    SLOW,
    Certificate,
    Chain,
    Checkup,
    Complaint,
    Examination,
    Gravity,
    complaints,
)
from fedesk.domain.identity import Identity
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Failure
from fedesk.domain.rights import NEEDS, Grant, Right
from fedesk.domain.states import FailureKind, System

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
NAME = ConnectionName("prod", "vault")
SECOND = timedelta(seconds=1)


def told(checkup: Checkup, *, production: bool = True, renews: bool = False) -> tuple[Complaint, ...]:
    return complaints(checkup, NOW, production=production, renews=renews)


def checkup(**found: object) -> Checkup:
    facts = {"connection": NAME, "system": System.VAULT, "address": "https://vault"} | found
    return Checkup(**facts)  # type: ignore[arg-type]  # the fields are Checkup's own


def chain(left: timedelta) -> Chain:
    return Chain(certificates=(Certificate(subject="vault", issuer="ca", expires_at=NOW + left),))


def test_nothing_is_said_of_what_is_well() -> None:
    """A system that answers in time, with its clock right and every right granted, has no complaint."""
    granted = tuple(Right(need=need, grant=Grant.GRANTED) for need in NEEDS[System.VAULT])
    found = Examination(version="1.21.0", latency=SLOW, ahead=CLOCKS_APART, rights=granted)
    well = checkup(chain=chain(EXPIRES_SOON), identity=Identity(user="mara"), examination=found)
    assert told(well) == ()


@pytest.mark.parametrize(
    ("found", "gravity", "said"),
    [
        ({"failure": Failure(kind=FailureKind.TLS, sentence="It is down.")}, Gravity.FAULT, "It is down."),
        ({"chain": Chain(trouble="Not trusted.")}, Gravity.FAULT, "Not trusted."),
        ({"chain": chain(timedelta(0))}, Gravity.FAULT, "expired on 2026-11-20"),
        ({"chain": chain(EXPIRES_SOON - SECOND)}, Gravity.WARNING, "expires on 2026-12-20, in 29 days"),
        ({"chain": Chain(encrypted=False)}, Gravity.WARNING, "without TLS"),
        ({"examination": Examination(latency=SLOW + SECOND)}, Gravity.WARNING, "took 2.0 s"),
        ({"examination": Examination(ahead=CLOCKS_APART + SECOND)}, Gravity.WARNING, "31 s ahead of"),
        ({"examination": Examination(ahead=-CLOCKS_APART - SECOND)}, Gravity.WARNING, "31 s behind"),
        (
            {"system": System.AIRFLOW, "examination": Examination(version="2.11.0")},
            Gravity.FAULT,
            "needs Airflow 3",
        ),
        ({"examination": Examination(excess=("It may read values.",))}, Gravity.NOTE, "It may read values."),
        ({"identity": Identity(user="m", until=NOW + SECOND)}, Gravity.NOTE, "fedesk login prod.vault"),
    ],
)
def test_each_thing_that_is_wrong_is_told(found: dict[str, object], gravity: Gravity, said: str) -> None:
    """What is wrong, how much it matters, and the figure."""
    (only,) = told(checkup(**found))
    assert only.gravity is gravity
    assert said in only.sentence


def test_what_does_not_matter_is_left_out() -> None:
    """No TLS on loopback or outside production; the end of a login that fedesk renews by itself."""
    clear = checkup(chain=Chain(encrypted=False))
    assert told(clear, production=False) == ()
    assert told(checkup(chain=Chain(encrypted=False, local=True))) == ()
    assert told(checkup(identity=Identity(user="m", until=NOW + SECOND)), renews=True) == ()
    assert told(checkup(identity=Identity(user="m", until=NOW + timedelta(days=2)))) == ()


@pytest.mark.parametrize(
    ("need", "grant", "gravity", "said"),
    [
        (rights.METADATA_LIST, Grant.REFUSED, Gravity.WARNING, "fedesk cannot find secrets"),
        (rights.JOB_BUILD, Grant.REFUSED, Gravity.NOTE, "fedesk cannot re-run a build"),
        (rights.ASSETS_READ, Grant.REFUSED, Gravity.NOTE, "cannot import datasets"),
        (rights.JOB_READ, Grant.UNKNOWN, Gravity.NOTE, "could not be told (no job)"),
    ],
)
def test_a_missing_right_says_what_cannot_be_done(
    need: rights.Need, grant: Grant, gravity: Gravity, said: str
) -> None:
    """What reading needs is a warning; what changing needs, or what is only nice to have, is a note."""
    right = Right(need=need, grant=grant, said="no job" if grant is Grant.UNKNOWN else "")
    (only,) = told(checkup(examination=Examination(rights=(right,))))
    assert only.gravity is gravity
    assert said in only.sentence


def test_the_gravest_comes_first() -> None:
    """Faults before warnings before notes, whatever they are about."""
    found = checkup(
        chain=Chain(encrypted=False),
        examination=Examination(excess=("note",)),
        failure=Failure(kind=FailureKind.SERVER, sentence="down"),
    )
    assert [one.gravity for one in told(found)] == [Gravity.FAULT, Gravity.WARNING, Gravity.NOTE]


def test_each_need_says_what_it_is_for() -> None:
    """Ids are unique, and each need ends the sentence that begins with ``cannot``."""
    needs = [need for of_system in NEEDS.values() for need in of_system]
    assert len({need.id for need in needs}) == len(needs)
    assert set(NEEDS) == set(System)
    assert all(need.without and not need.without.endswith(".") for need in needs)


# --- this machine ---------------------------------------------------------------------------------------


def of_machine(root: Path, environ: dict[str, str], *references: str) -> list[str]:
    return [one.sentence for one in machine.complaints(references, environ, root)]


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has an ssh-keygen."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "ssh-keygen"
    program.write_text("")
    program.chmod(0o755)
    return {"PATH": str(folder), "USER": "mara"}


def test_a_keyring_is_missed_only_where_one_is_referred_to(tmp_path: Path, tools: dict[str, str]) -> None:
    """A credential in a keyring that is not there cannot be had."""
    before = keyring.get_keyring()
    try:
        keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]  # keyring has no types here
        assert of_machine(tmp_path, tools, "env:TOKEN") == []
        assert "keyring:prod/vault" in of_machine(tmp_path, tools, "keyring:prod/vault")[0]
        keyring.set_keyring(MemoryKeyring())
        assert of_machine(tmp_path, tools, "keyring:prod/vault") == []
    finally:
        keyring.set_keyring(before)


def test_signing_wants_ssh_keygen(tmp_path: Path) -> None:
    """Its absence is told: nothing can be signed or verified then."""
    assert "ssh-keygen" in of_machine(tmp_path, {"PATH": str(tmp_path)})[0]


@pytest.mark.parametrize(
    ("made", "is_told"),
    [
        ((), False),
        (("run/systemd/system/",), True),
        (("run/systemd/system/", "etc/systemd/logind.conf=no"), False),
        (
            ("run/systemd/system/", "etc/systemd/logind.conf=no", "etc/systemd/logind.conf.d/a.conf=yes"),
            True,
        ),
        (("run/systemd/system/", "etc/systemd/logind.conf=no", "run/user/1/systemd/private"), True),
        (
            ("run/systemd/system/", "run/user/1/systemd/private", "var/lib/systemd/linger/mara"),
            False,
        ),
    ],
)
def test_a_runner_that_would_not_outlive_the_login_is_told(
    tmp_path: Path, tools: dict[str, str], made: tuple[str, ...], is_told: object
) -> None:
    """By KillUserProcesses without a scope, and with one by whether the user lingers."""
    root = tmp_path / "root"
    for entry in made:
        name, _, kills = entry.partition("=")
        place = root / name
        (place if name.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            place.write_text(f"[Login]\nKillUserProcesses={kills}\n" if kills else "")
    root.mkdir(exist_ok=True)
    found = of_machine(root, tools | {"XDG_RUNTIME_DIR": "/run/user/1"})
    assert bool(found) is is_told
    assert not found or "loginctl enable-linger mara" in found[0]
