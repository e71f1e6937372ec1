"""``fedesk release``: what is where, what lies between, what was; against the sandbox's deploy jobs."""

import threading
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from cli_situations import runners_of
from command_line import Changed, Run, StillClock

from fedesk import execution
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import WriteWindow
from fedesk.domain.releases import ReleaseRequest
from fedesk.sandbox.server import Sandbox
from fedesk.services.proposals import Answer


def test_what_is_where_what_lies_between_and_what_was(
    desk: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From cold one request a controller, and one for each new release; then no more than one.

    Commits have their files; history, differences and what is in flight say the same as the matrix.
    """
    sandbox.control.clear_requests()
    found = desk("release", "matrix", "--env", "prod", "--json").document("release-matrix")
    cold = sandbox.control.requests("jenkins")
    cells = [cell for service in found["services"] for cell in service["cells"]]
    assert {cell["environment"] for cell in cells} == {"prod"}
    silent = [cell["current"]["unread"] for cell in cells if cell["current"]["release"] is None]
    assert all("release.json is not there" in why for why in silent)
    assert len(silent) < len(cells) / 2
    files = [one for one in cold if one.path.endswith("release.json")]
    assert (len(cold) - len(files), len(files) <= len(cells)) == (1, True)
    sandbox.control.clear_requests()
    table = desk("release", "matrix", "--env", "prod")
    assert len(sandbox.control.requests("jenkins")) == 1
    unread = [cell for cell in cells if cell["verified"] == "not read"]
    assert f"Of {len(unread)} the deploy job's own verification was not read: --stages reads it." in table.err
    assert f"{len(cells) - len(unread)} were verified by nothing" in table.err
    assert table.out.count(" job? ") == len(unread) > 0
    monkeypatch.setenv("COLUMNS", "80")
    narrow = desk("release", "matrix", "payments", "fx_rates").out.splitlines()
    assert max(map(len, narrow)) <= 80
    assert narrow[0].split()[-1] == "PROD"

    between = desk("release", "diff", "payments", "prod", "staging", "--json").document("release-diff")
    assert between["commits"]
    assert {one["kind"] for one in between["touched"]} >= {"dbt models"}
    assert (between["from"]["name"], between["to"]["name"]) == ("prod", "staging")
    assert between["compare"].startswith("https://github.com/finedge/payments/compare/")
    back = desk("release", "diff", "payments", "staging", "prod", "--json").document("release-diff")
    assert (back["undoes"], back["commits"]) == (True, between["commits"])
    same = desk("release", "diff", "payments", "prod", between["from"]["release"]["digest"][:20])
    assert "are the same release" in same.out
    told = desk("release", "diff", "payments")
    assert f"staging has {len(between['commits'])} commits" in told.out

    was = desk("release", "history", "payments", "--limit", "5", "--json").document("release-history")
    assert len(was["deployments"]) == 5
    numbers = [int(one["run"].rpartition("#")[2]) for one in was["deployments"]]
    assert numbers == sorted(numbers, reverse=True)
    assert was["deployments"][0]["release"]["digest"] == between["from"]["release"]["digest"]
    assert was["deployments"][1]["release"]["digest"][7:19] in desk("release", "history", "payments").out

    flying = desk("release", "status", "--env", "prod", "--json").document("release-status")
    seen = {cell["in_flight"] for cell in cells if cell["in_flight"]}
    assert seen
    assert {one["build"] for one in flying["releases"] if one["kind"] == "build"} == seen


def test_what_is_not_there_is_one_sentence(desk: Run, sandbox: Sandbox) -> None:
    """A service, an environment, an operation; and a system that is away, with what was known of it."""
    known = desk("release", "matrix", "payments", "--json").document("release-matrix")
    for words, code, said in (
        (("matrix", "paymets"), 2, "did you mean payments?"),
        (("diff", "payments", "dev"), 2, "Nothing comes before dev"),
        (("diff", "payments", "nowhere", "prod"), 1, "neither an environment nor a digest"),
        (("timeline",), 1, "no promotion or rollback"),
        (("watch", "--env", "prod"), 1, "no promotion or rollback in prod"),
        (("timeline", "--json", "--markdown"), 2, "two forms"),
    ):
        ended = desk("release", *words)
        assert (ended.code, said in ended.err) == (code, True), (words, ended)
    sandbox.control.fault("jenkins", "status", status=503, match="prod/")
    ended = desk("release", "matrix", "payments", "--json")
    assert (ended.code, "503" in ended.err) == (8, True)
    (before,), (after,) = known["services"], ended.document("release-matrix")["services"]
    assert [bool(cell["trouble"]) for cell in after["cells"]] == [False, False, True]
    assert after["cells"][2]["current"] == before["cells"][2]["current"]


def test_a_release_is_put_into_quarantine_and_let_go(
    desk: Run, run: Run, changed: Changed, sandbox: Sandbox
) -> None:
    """Named by the beginning of its digest, it is stopped in every environment, and the matrix says so.

    What is no digest, or of nobody, is a mistake; what was done before a conflict; who may not is refused.
    """
    (row,) = desk("release", "matrix", "payments", "--json").document("release-matrix")["services"]
    digest = row["cells"][2]["current"]["release"]["digest"]
    for words, code, said in (
        ((digest[:25],), 2, "--service SERVICE"),
        (("000000000000", "--service", "payments", "--reason", "bad"), 2, "none begins so"),
        (("latest", "--service", "payments", "--reason", "bad"), 2, "a tag moves"),
        ((digest[:25], "--service", "payments"), 2, "Say why"),
        ((digest[:25], "--service", "payments", "--lift", "QRT-1"), 2, "or --lift ID"),
        (("--lift", "QRT-1", "--reason", "fine"), 1, "no quarantine or hold QRT-1"),
    ):
        ended = desk("release", "quarantine", *words)
        assert (ended.code, said in ended.err) == (code, True), (words, ended)
    put = ("release", "quarantine", digest.removeprefix("sha256:")[:12], "--service", "payments")
    done = desk(*put, "--reason", "doubles the rows", "--json").document("release-stop")["stop"]
    assert (done["digest"], done["environment"], done["lifted_at"]) == (digest, None, None)
    assert desk(*put, "--reason", "again").code == 5
    assert desk("release", "quarantine", "--json").document("release-stops")["stops"] == [done]
    table = desk("release", "quarantine", "--service", "payments").out
    assert {done["id"], "everywhere", "doubles", digest[7:19]} <= set(table.split())
    assert desk("release", "quarantine", "--service", "ledger").out.startswith("nothing is in quarantine")
    assert "quarantine" in desk("release", "matrix", "payments").out

    file = changed((r"\Z", '\n[identity]\nprincipal = "ben@x"\n[people."ben@x"]\nroles = ["operator"]\n'))
    lift = ("release", "quarantine", "--lift", done["id"], "--reason", "built anew")
    refused = run(*lift, "--config", str(file), at=sandbox.control.clock.now())
    assert (refused.code, "quarantine-lift needs the role" in refused.err) == (3, True), refused
    lifted = desk(*lift, "--json").document("release-stop")["stop"]
    assert lifted["lifted_reason"] == "built anew"
    assert desk("release", "quarantine", "--json").document("release-stops")["stops"] == []
    assert desk(*lift).code == 5


def test_a_promotion_is_told_from_its_yes_to_its_end(desk: Run, sandbox: Sandbox) -> None:
    """It waits, then it has ended; then the matrix has it as verified, and history who brought it."""
    now, jenkins = sandbox.control.clock.now(), ConnectionName("prod", "jenkins")
    with closing(execution.open_desk(sandbox.config_path, "prod", StillClock(now))) as acting:
        request = ReleaseRequest(
            kind="release.promote", service="loyalty", environment="prod", connection=jenkins
        )
        until = now + timedelta(hours=1)
        window = WriteWindow(environment="prod", opened_at=now, until=until, reason="INC-1", opened_by="mara")
        answer = Answer(how="--confirm prod", named="prod", reason="INC-1", window=window)
        operation = acting.changes.confirm(acting.changes.propose(request), answer).plan.operation
        flying = desk("release", "status", "--env", "prod", "--json").document("release-status")
        (waiting,) = [one for one in flying["releases"] if one["operation"]]
        assert (waiting["operation"], waiting["service"]) == (operation, "loyalty")
        assert waiting["state"] == "waits for its start"
        assert [one["name"] for one in _timeline(desk, operation)["spans"]] == ["waited for its start"]
        runners_of(sandbox)(acting).warm(dict).go(operation)
    told = _timeline(desk)
    assert (told["operation"], told["outcome"]) == (operation, "succeeded")
    kinds = [one["kind"] for one in told["timeline"]]
    assert (kinds[0], kinds[-1]) == ("plan", "outcome")
    assert len(told["spans"]) > 3
    watched = desk("release", "watch", operation[:13])
    assert (watched.code, "succeeded" in watched.out) == (0, True)
    assert operation in desk("release", "timeline", "--markdown").out
    assert "succeeded" in desk("release", "timeline").out
    row = desk("release", "matrix", "loyalty", "--json").document("release-matrix")["services"][0]
    prod = row["cells"][-1]
    assert (prod["verified"], prod["current"]["operation"]) == ("verified", operation)
    assert row["drifts"][-1]["kind"] == "same"
    was = desk("release", "history", "loyalty", "--limit", "2", "--json").document("release-history")
    assert (was["deployments"][0]["operation"], was["deployments"][0]["verified"]) == (operation, "verified")


def test_one_in_line_is_taken_back(desk: Run, sandbox: Sandbox) -> None:
    """By who asked for it, with a reason (else exit 3): its own process ends it, and nothing was sent.

    The one that holds the service has begun, and is not taken back any more (exit 5).
    """
    now, jenkins = sandbox.control.clock.now(), ConnectionName("prod", "jenkins")
    request = ReleaseRequest(
        kind="release.promote", service="loyalty", environment="prod", connection=jenkins
    )
    with closing(execution.open_desk(sandbox.config_path, "prod", StillClock(now))) as acting:
        window = acting.changes.window("prod", "INC-1")
        answer = Answer(how="--confirm prod", named="prod", reason="INC-1", window=window)
        first, second = (
            acting.changes.confirm(acting.changes.propose(request, window), answer).plan.operation
            for _ in range(2)
        )
        holder = acting.store.claim(first, acting.processes.me(), now, timedelta(minutes=2), dead=None)
        runner = threading.Thread(target=acting.execute, args=(second,), daemon=True)
        runner.start()
        for _ in range(200):
            flying = desk("release", "status", "--json").document("release-status")["releases"]
            if any("1st in line behind" in one["state"] for one in flying):
                break
        else:
            pytest.fail(f"it is not in line: {flying}")
        assert desk("plans", "withdraw", second).code == 3
        taken = desk("plans", "withdraw", second, "--reason", "wrong release", "--json")
        assert taken.code == 0, taken.err
        document = taken.document("withdrawal")
        assert (document["ended"], document["outcome"]) == (True, "refused")
        runner.join(20)
        again = desk("plans", "withdraw", second, "--reason", "again")
        assert (again.code, "has ended: refused" in again.err) == (5, True)
        begun = desk("plans", "withdraw", first, "--reason", "late")
        assert (begun.code, "has begun" in begun.err) == (5, True)
        records = acting.store.tail(20, operation=second)
        assert [one.draft.phase for one in records] == ["refusal", "rejection", "refusal"]
        assert records[-1].draft.result.endswith(": wrong release")
        acting.store.let_go(holder)
    flying = desk("release", "status", "--json").document("release-status")["releases"]
    assert second not in {one["operation"] for one in flying}


def _timeline(desk: Run, *words: str) -> dict[str, Any]:
    return desk("release", "timeline", *words, "--json").document("release-timeline")


def test_a_batch_stops_at_the_first_that_does_not_succeed(acting: Run) -> None:
    """One after the other; what comes behind it is not begun, by name, and its code is the command's.

    The build that made the second one's release was unstable, so that a gate is in its way.
    """
    batch = ("release", "promote", "loyalty", "chargebacks", "marketing", "--env", "staging")
    plans = acting(*batch, "--dry-run", "--json").document("plans")["plans"]
    assert [one["run"] for one in plans] == [f"staging/jenkins:{name}" for name in batch[2:5]]
    assert acting(*batch, "--digest", "sha256:0").code == 2
    ended = acting(*batch, "--yes", "--reason", "CHG-7", "--json")
    assert ended.code == 3, ended.err
    well, refused, left = ended.document("changes")["changes"]
    assert [one["outcome"] for one in (well, refused, left)] == ["succeeded", "refused", None]
    assert "gate built from commit" in refused["error"]
    assert "it was not begun, since staging/jenkins:chargebacks did not succeed" in left["error"]
    assert left["error"] in ended.err
    records = acting("audit", "tail", "--json").document("audit")["records"]
    assert [(one["target"].rpartition("-")[2], one["phase"]) for one in records] == [
        ("loyalty", "intent"),
        ("loyalty", "outcome"),
        ("chargebacks", "refusal"),
    ]
