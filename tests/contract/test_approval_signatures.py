"""Statements signed with real keys by OpenSSH, and what does not count as somebody's signature."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from anchored_log import allow, make_key, needs_ssh_keygen
from making import NOW, minutes
from operation_values import plan_of

from fedesk.anchors.openssh import OpenSsh
from fedesk.domain.approving import NAMESPACE, Action, pasted, statement_of
from fedesk.domain.notices import Event, Notice, fit
from fedesk.domain.plans import digest_of
from fedesk.ports.approving import Signatures
from fedesk.ports.errors import NotFoundError

pytestmark = needs_ssh_keygen
ANN, EVE = "ann@finedge.example", "eve@finedge.example"
RAW = b'{"what":"was said"}'


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two keys of ann's, one of eve's; made once, since each costs a process."""
    folder = tmp_path_factory.mktemp("keys")
    return {name: make_key(folder, name) for name in ("ann", "ann2", "eve")}


def _own(key: Path, signers: Path) -> Signatures:
    return OpenSsh(NAMESPACE, key=key, allowed_signers=signers)


def _signed(key: Path, namespace: str = NAMESPACE) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", key, "-n", namespace], input=RAW, capture_output=True, check=True
    )
    return done.stdout.decode()


def test_two_keys_of_one_person_are_told_apart(tmp_path: Path, keys: dict[str, Path]) -> None:
    """Both count as theirs, and the fingerprint says which it was: ``ssh-keygen -l`` has the same."""
    signers = allow(tmp_path / "signers", (ANN, keys["ann"]), (ANN, keys["ann2"]), (EVE, keys["eve"]))
    for name in ("ann", "ann2"):
        own = _own(keys[name], signers)
        found = own.check(RAW, own.sign(RAW), ANN, NOW)
        listed = subprocess.run(["ssh-keygen", "-l", "-f", keys[name]], capture_output=True, check=True)
        assert found.flaw == ""
        assert found.key in listed.stdout.decode()
        own.close()


def test_what_is_nobodys_signature(tmp_path: Path, keys: dict[str, Path]) -> None:
    """Other bytes, another purpose, an unknown key, another's name, no signature: each says why."""
    signers = allow(tmp_path / "signers", (ANN, keys["ann"]), (EVE, keys["eve"]))
    checks = OpenSsh(NAMESPACE, key=None, allowed_signers=signers)
    good = _signed(keys["ann"])
    assert checks.check(RAW, good, ANN, NOW).key
    for raw, signature, principal in (
        (RAW + b" ", good, ANN),
        (RAW, _signed(keys["ann"], "git"), ANN),
        (RAW, _signed(keys["ann2"]), ANN),
        (RAW, good, EVE),
        (RAW, "", ANN),
        (RAW, "nonsense \ud800", ANN),
        (RAW, good, "-f"),
    ):
        found = checks.check(raw, signature, principal, NOW)
        assert found.key == ""
        assert found.flaw.startswith(f"it is not signed by {principal}: ")


def test_a_revoked_key_counts_at_no_time(tmp_path: Path, keys: dict[str, Path]) -> None:
    """A key of ann's was lost: what it signed yesterday does not count either, and her other one does."""
    signers = allow(tmp_path / "signers", (ANN, keys["ann"]), (ANN, keys["ann2"]))
    revoked = tmp_path / "revoked"
    revoked.write_text(keys["ann"].read_text())
    checks = OpenSsh(NAMESPACE, key=None, allowed_signers=signers, revoked=revoked)
    assert checks.check(RAW, _signed(keys["ann"]), ANN, NOW - minutes(9999)).flaw
    assert checks.check(RAW, _signed(keys["ann2"]), ANN, NOW).flaw == ""
    revoked.unlink()
    with pytest.raises(NotFoundError, match=r"identity\.revoked"):
        checks.check(RAW, "", ANN, NOW)


def test_a_key_counts_at_the_time_of_what_was_said(tmp_path: Path, keys: dict[str, Path]) -> None:
    """Given up at 02:45 UTC: what was said before counts, what was said later does not."""
    signers = tmp_path / "signers"
    signers.write_text(f'{ANN} valid-before="20261120024500" {keys["ann"].read_text()}')
    checks = OpenSsh(NAMESPACE, key=None, allowed_signers=signers)
    signature = _signed(keys["ann"])
    assert checks.check(RAW, signature, ANN, NOW).flaw == ""
    assert checks.check(RAW, signature, ANN, NOW + minutes(5)).flaw


def test_what_is_told_is_pasted_anywhere(tmp_path: Path, keys: dict[str, Path]) -> None:
    """The line of a notice makes an approval that counts, with a shell and ssh-keygen alone."""
    plan = plan_of(1)
    told = Notice(
        key="k",
        event=Event.APPROVAL_WANTED,
        environment="prod",
        subject="s",
        text="t",
        at=NOW,
        command=pasted(plan, digest_of(plan), ANN),
    )
    (tmp_path / ".ssh").mkdir()
    for suffix in ("", ".pub"):
        own = keys["ann"].with_suffix(suffix)
        shutil.copy(own, tmp_path / ".ssh" / f"id_ed25519{suffix}")
    command = fit(told).command
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, check=True, capture_output=True)
    raw = (tmp_path / "approval").read_bytes()
    said = statement_of(raw)
    assert (said.plan, said.operation, said.environment) == (digest_of(plan), plan.operation, "prod")
    assert (said.action, said.approver, said.expires_at) == (Action.APPROVE, ANN, plan.expires_at)
    assert abs((datetime.now(UTC) - said.at).total_seconds()) < 60
    signers = allow(tmp_path / "signers", (ANN, keys["ann"]))
    signature = (tmp_path / "approval.sig").read_text()
    found = OpenSsh(NAMESPACE, key=None, allowed_signers=signers).check(raw, signature, ANN, said.at)
    assert (found.flaw, bool(found.key)) == ("", True)
