"""``fedesk audit checkpoint`` and ``audit verify``: the log held against what is anchored elsewhere."""

import re
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from anchored_log import MARA, allow, make_key, needs_ssh_keygen
from asgi_server import AsgiServer
from cli_situations import FAILED, YES, Situation
from command_line import Changed, Run
from making import NOW
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from storing import submission, tampered

from fedesk.sandbox.server import Sandbox

SHARED = "[[audit.anchors]]"
ANCHORS = r"\[audit\].*?(?=\[environments)"
PLANTED = "planted-credential-of-the-endpoint"


@pytest.fixture
def anchor(sandbox: Sandbox) -> Path:
    """The sandbox's own file of checkpoints."""
    return sandbox.config_path.parent / "anchor" / "checkpoints.jsonl"


@pytest.fixture
def logged(acting: Run) -> Run:
    """A log of three refusals, anchored by hand."""
    for environment in ("staging", "dev", "staging"):
        assert acting("rerun", FAILED, *YES, "--env", environment).code == 3
    assert acting("audit", "checkpoint").code == 0
    return acting


def table(**keys: Any) -> str:
    """The table of the audit log, then one anchor."""
    own = {key: keys.pop(key) for key in ("sign", "every", "log") if key in keys}
    lines = ["[audit]", *(f"{key} = {_toml(value)}" for key, value in own.items()), ""]
    return "\n".join([*lines, SHARED, *(f"{key} = {_toml(value)}" for key, value in keys.items()), "", ""])


def identity(key: Path, signers: Path) -> str:
    """The table of who signs."""
    names = f'principal = "{MARA}"\nsigning_key = "{key}"\nallowed_signers = "{signers}"\n\n'
    return f"[identity]\n{names}"


def _toml(value: object) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def test_an_operation_is_anchored_where_it_ends(desk: Run, situation: Situation, anchor: Path) -> None:
    """In the process that ended it: one that nobody began ends by a look, and its checkpoint is there."""
    with closing(situation.store()) as store:
        store.submit(submission())
    assert desk("operations", "recheck", at=NOW + timedelta(hours=1)).code == 0
    assert anchor.read_bytes().count(b"\n") == 1
    found = desk("audit", "verify", "--json").document("audit-verification")
    assert (found["clean"], found["checked"], found["checkpoints"]) == (
        True,
        {"chain": True, "anchor": True},
        1,
    )
    assert found["newest"]["seq"] == found["records"] == 1
    assert found["newest"]["hash"] == found["head"]
    assert found["newest"]["log"] == "sandbox"
    (kept,) = found["anchors"]
    assert (kept["name"], kept["behind"], kept["error"]) == (f"file {anchor}", 0, None)


def test_a_checkpoint_is_made_by_hand(logged: Run, anchor: Path) -> None:
    """Which record, by whom it is signed, and which anchor has it; told as a document, too."""
    text = logged("audit", "checkpoint")
    assert text.code == 0
    assert text.out.splitlines()[1] == f"file {anchor}: has it"
    made = logged("audit", "checkpoint", "--json").document("audit-checkpoint")
    assert (made["checkpoint"]["seq"], made["signed_by"]) == (3, None)
    assert made["anchors"] == [{"name": f"file {anchor}", "error": None}]


def test_an_empty_log_has_nothing_to_anchor(desk: Run, anchor: Path) -> None:
    """Exit 0, and no line."""
    assert desk("audit", "checkpoint").code == 0
    assert desk("audit", "checkpoint", "--json").document("audit-checkpoint")["checkpoint"] is None
    assert not anchor.exists()


def test_verify_says_which_of_the_two_it_could_check(
    logged: Run, run: Run, changed: Changed, anchor: Path
) -> None:
    """With an anchor up to where; without one, that the chain alone was checked and what that leaves."""
    with_anchor = logged("audit", "verify")
    assert with_anchor.code == 0
    assert with_anchor.out.splitlines()[1].startswith(
        "Anchored: the log agrees with what was anchored up to record 3"
    )
    assert f"file {anchor}: 1 checkpoint, the newest of record 3" in with_anchor.out
    without = changed((ANCHORS, ""))
    told = run("audit", "verify", "--config", str(without))
    assert (told.code, told.out.splitlines()[1].startswith("Not anchored")) == (0, True)
    document = run("audit", "verify", "--json", "--config", str(without)).document("audit-verification")
    assert document["checked"] == {"chain": True, "anchor": False}
    assert run("audit", "checkpoint", "--config", str(without)).code == 2


def cut(path: Path) -> None:
    tampered(
        path,
        "UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)",
        "DELETE FROM audit WHERE seq > 2",
        "DELETE FROM anchors",
    )


def removed(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def forgotten(path: Path) -> None:
    (path.parent / "anchor" / "checkpoints.jsonl").unlink()


@pytest.mark.parametrize(("harm", "seq"), [(cut, 3), (removed, 1), (forgotten, 1)])
@pytest.mark.parametrize("option", ["--json", "--from-checkpoint"])
def test_what_the_chain_cannot_show_is_found_by_the_command(
    logged: Run, situation: Situation, harm: Callable[[Path], None], seq: int, option: str
) -> None:
    """Cut off, removed, or its anchor emptied: exit code 1, and the first bad record's number."""
    harm(situation.state_file)
    told = logged("audit", "verify", option)
    assert told.code == 1
    if option == "--json":
        document = told.document("audit-verification")
        assert (document["clean"], document["flaw"]["seq"]) == (False, seq)
        assert document["records"] == seq - 1
    else:
        assert told.out.startswith(f"record {seq}: ")


def test_verify_from_a_checkpoint_says_what_it_read(logged: Run, anchor: Path) -> None:
    """Records after it alone; without a good one all are read, and that is said. Not together with --deep."""
    assert logged("rerun", FAILED, *YES, "--env", "dev").code == 3
    told = logged("audit", "verify", "--from-checkpoint")
    assert told.code == 0
    assert told.out.startswith("1 records after the checkpoint of record 3 are as they were written")
    document = logged("audit", "verify", "--from-checkpoint", "--json").document("audit-verification")
    assert (document["from_checkpoint"]["seq"], document["records"]) == (3, 4)
    assert logged("audit", "verify", "--from-checkpoint", "--deep").code == 2
    assert "1 records behind" in logged("audit", "verify").err
    assert anchor.exists()


@pytest.mark.usefixtures("logged")
def test_an_anchor_that_cannot_be_read_is_exit_8(run: Run, changed: Changed, tmp_path: Path) -> None:
    """What is known is printed all the same, and that nothing vouched for it."""
    config = changed((ANCHORS, table(sink="file", path=tmp_path / "away" / "anchor.jsonl")))
    told = run("audit", "verify", "--config", str(config))
    assert told.code == 8
    assert "3 records are as they were written" in told.out
    assert "see whether its storage is mounted" in told.err
    assert "is not configured any more" in told.err
    failed = run("audit", "checkpoint", "--config", str(config))
    assert failed.code == 6
    assert "was not anchored" in failed.err
    assert "does not have it" in failed.out


def test_a_sink_that_is_away_changes_no_outcome(desk: Run, situation: Situation, anchor: Path) -> None:
    """What was found out stands; that it is not anchored is told; the next checkpoint catches up."""
    with closing(situation.store()) as store:
        store.submit(submission())
    shutil.rmtree(anchor.parent)
    try:
        ended = desk("operations", "recheck", at=NOW + timedelta(hours=1))
        assert ended.code == 0
        assert "aborted" in ended.out
        assert "Record 1 of the audit log was not anchored" in ended.err
        assert desk("audit", "verify").code == 8
    finally:
        anchor.parent.mkdir()
    late = desk("audit", "verify")
    assert late.code == 0
    assert "was never given any" in late.err
    assert desk("audit", "checkpoint").code == 0
    assert desk("audit", "verify").err == ""


@pytest.mark.usefixtures("logged")
def test_what_a_syslog_receiver_kept_is_held_against_the_log(
    run: Run, changed: Changed, anchor: Path, tmp_path: Path, situation: Situation
) -> None:
    """--checkpoints takes its file as it is; one that cannot be read is exit 2."""
    config = changed((ANCHORS, '[audit]\nlog = "sandbox"\n\n'))
    kept = tmp_path / "messages"
    kept.write_bytes(
        b"Nov 20 02:43:10 desk-3 fedesk[1] checkpoint - " + anchor.read_bytes() + b"Nov 20 other\n"
    )
    arguments = ("audit", "verify", "--checkpoints", str(kept), "--config", str(config))
    assert run(*arguments).code == 0
    assert run(*arguments, "--json").document("audit-verification")["checked"]["anchor"] is True
    cut(situation.state_file)
    told = run(*arguments)
    assert (told.code, told.out.startswith("record 3: it is missing")) == (1, True)
    assert run("audit", "verify", "--checkpoints", str(tmp_path / "none"), "--config", str(config)).code == 2


@needs_ssh_keygen
@pytest.mark.usefixtures("logged")
def test_checkpoints_are_signed_with_the_identitys_key(run: Run, changed: Changed, tmp_path: Path) -> None:
    """By the person's SSH key, and one who signs with another is found: exit 1, the record, and who."""
    key, other = make_key(tmp_path, "mara"), make_key(tmp_path, "eve")
    signers = allow(tmp_path / "signers", (MARA, key))
    signed = identity(key, signers) + table(sign="ssh", sink="file", path=tmp_path / "anchor.jsonl")
    config = str(changed((ANCHORS, signed)))
    made = run("audit", "checkpoint", "--json", "--config", config).document("audit-checkpoint")
    assert made["signed_by"] == f"ssh:{MARA}"
    assert run("audit", "verify", "--config", config).code == 0
    forging = str(changed((ANCHORS, signed.replace(str(key), str(other)))))
    assert run("audit", "checkpoint", "--config", forging).code == 0
    told = run("audit", "verify", "--config", str(changed((ANCHORS, signed))))
    assert told.code == 1
    assert told.out.startswith("record 3: ")
    assert f"not signed by {MARA}" in told.out


@needs_ssh_keygen
@pytest.mark.usefixtures("logged")
def test_a_key_that_does_not_sign_is_exit_6(run: Run, changed: Changed, tmp_path: Path) -> None:
    """No unsigned checkpoint goes out in a signed one's place."""
    signers = tmp_path / "signers"
    signers.write_text("")
    config = changed(
        (
            ANCHORS,
            identity(tmp_path / "none.pub", signers)
            + table(sign="ssh", sink="file", path=tmp_path / "anchor.jsonl"),
        )
    )
    told = run("audit", "checkpoint", "--config", str(config))
    assert (told.code, "did not sign" in told.err) == (6, True)
    assert not (tmp_path / "anchor.jsonl").exists()


@pytest.mark.usefixtures("logged")
def test_vault_signs_and_keeps(run: Run, changed: Changed) -> None:
    """The sandbox's own: transit and KV v2, over the desk's connection."""
    config = str(
        changed(
            (
                ANCHORS,
                table(sign="transit:prod/vault:fedesk", log="kept", sink="vault", connection="prod/vault"),
            )
        )
    )
    made = run("audit", "checkpoint", "--json", "--config", config).document("audit-checkpoint")
    assert (made["signed_by"], made["anchors"][0]["error"]) == ("transit:fedesk", None)
    found = run("audit", "verify", "--json", "--config", config).document("audit-verification")
    assert (found["checked"]["anchor"], found["newest"]["seq"]) == (True, 3)


@pytest.mark.usefixtures("logged")
def test_the_credential_of_an_endpoint_is_nowhere(
    run: Run,
    changed: Changed,
    asgi_server: AsgiServer,
    monkeypatch: pytest.MonkeyPatch,
    situation: Situation,
    anchor: Path,
) -> None:
    """Neither in what is printed nor in the store, even where the endpoint repeats what it was sent."""
    monkeypatch.setenv("FEDESK_TEST_ANCHOR", PLANTED)
    kept: list[Any] = []

    async def take(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if request.method == "GET":
            return JSONResponse({"error": f"authorization: {given}"}, status_code=500)
        kept.append((given, await request.json()))
        return JSONResponse({"error": f"authorization: {given}"}, status_code=403)

    url = asgi_server(Starlette(routes=[Route("/x", take, methods=["GET", "POST"])])).url
    config = changed((ANCHORS, table(sink="https", url=f"{url}/x", credential="env:FEDESK_TEST_ANCHOR")))
    said = ""
    for words in (
        ("audit", "checkpoint"),
        ("audit", "verify"),
        ("audit", "verify", "--json"),
        ("config", "show", "--json"),
    ):
        ended = run(*words, "--config", str(config))
        said += ended.out + ended.err
    assert [given for given, _ in kept] == [f"Bearer {PLANTED}"]
    assert PLANTED not in said
    assert re.search(r"HTTP 403", said)
    stored = b"".join(file.read_bytes() for file in situation.state_file.parent.glob("fedesk.sqlite3*"))
    assert PLANTED.encode() not in stored + anchor.read_bytes()
    assert PLANTED not in " ".join(file.name for file in anchor.parent.iterdir())


def test_a_runner_anchors_with_the_credential_it_was_given(
    run: Run, changed: Changed, asgi_server: AsgiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of its own, whose environment has no credential: the endpoint's came through the pipe."""
    monkeypatch.setenv("FEDESK_TEST_ANCHOR", PLANTED)
    taken: list[tuple[str, Any]] = []
    arrived = threading.Event()

    async def take(request: Request) -> Response:
        taken.append((request.headers.get("authorization", ""), await request.json()))
        arrived.set()
        return Response(status_code=201)

    url = asgi_server(Starlette(routes=[Route("/x", take, methods=["POST"])])).url
    anchored = table(every=1, sink="https", url=f"{url}/x", credential="env:FEDESK_TEST_ANCHOR")
    ended = run("rerun", FAILED, *YES, "--config", str(changed((ANCHORS, anchored))))
    assert ended.code == 0, ended.err
    assert arrived.wait(20)
    ((given, document),) = taken
    assert given == f"Bearer {PLANTED}"
    assert document["checkpoint"]["seq"] == 2


def test_a_credential_that_cannot_be_had_stops_no_operation(
    run: Run, changed: Changed, situation: Situation
) -> None:
    """An anchor is beside the operation: it is carried out, and the log says so."""
    anchored = table(every=1, sink="https", url="http://127.0.0.1:1/x", credential="env:FEDESK_TEST_NOT_SET")
    ended = run("rerun", FAILED, *YES, "--config", str(changed((ANCHORS, anchored))))
    assert ended.code == 0, ended.err
    assert situation.phases() == ["intent", "outcome"]
