"""``fedesk findings`` and ``fedesk handover`` against the sandbox."""

import json
from pathlib import Path
from typing import Any

from cli_situations import FAILED, Situation
from command_line import Changed, Run

from fedesk.sandbox.server import Sandbox

TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
HOSTILE = "[red]x[/] | <img src=x> \x1b[31m \u202e `a`\n# b"


def the(found: list[dict[str, Any]], subject: str) -> dict[str, Any]:
    (one,) = [one for one in found if one["subject"] == subject]
    return one


def test_what_is_said_is_handed_over(desk: Run, situation: Situation) -> None:
    """Given away by its run, noted by its short name, silenced by its id: the next person reads it all."""
    assigned = desk("findings", "assign", FAILED, "jon@finedge.example", "--json").document("findings")
    one = the(assigned["findings"], "payments_daily")
    assert (one["run"], one["holder"], one["quiet"]) == (FAILED, "jon@finedge.example", None)
    assert one["assigned_by"]
    assert desk("findings", "note", one["id"][:7], f"{HOSTILE} {TOKEN}").code == 0
    silence = ("findings", "silence", "secrets:overdue", "1d", "rotation is tomorrow", "--owner", "ann")
    assert desk(*silence).code == 0
    actions = [(one.draft.action, one.draft.phase.value) for one in situation.records()]
    assert actions == [("mark", "review")] * 2 + [("mark", "configuration")]

    whole = desk("handover", "--json").document("handover")
    assert [len(the(whole["findings"], "payments_daily")["notes"]), whole["unread"]] == [1, []]
    assert [(one["about"], one["owner"]) for one in whole["quiets"]] == [("secrets:overdue", "ann")]
    assert "overdue" in {one["verdict"] for one in whole["secrets"]}
    assert "payments_daily" in {one["pipeline"] for one in whole["deadlines"]}
    assert TOKEN not in json.dumps(whole)


def test_what_is_snoozed_leaves_the_list_until_it_is_lifted(desk: Run) -> None:
    """It is counted on stderr; taken back, it is quiet no more; what names no finding is said."""
    snoozed = desk("findings", "snooze", "ledger_load", "2h", "after the file", "--json")
    (one,) = snoozed.document("findings")["findings"]
    assert (one["quiet"]["until"], one["quiet"]["reason"]) == ("2026-11-20T04:43:10Z", "after the file")
    listed = desk("findings", "list")
    assert one["id"][:7] not in listed.out
    assert listed.err.endswith("1 quiet: `fedesk findings list --all` has it.\n")
    assert desk("findings", "lift", one["id"][:7]).out.endswith(": snooze lifted\n")
    ended = desk("findings", "ack", "nobody_knows")
    assert (ended.code, ended.out) == (1, "")
    assert "`fedesk findings list --all`" in ended.err


def test_with_the_store_away_what_is_wrong_is_listed_and_handed_over(
    run: Run, sandbox: Sandbox, changed: Changed, tmp_path: Path
) -> None:
    """It is said that nobody knows who has what; what is missing stands in the handover."""
    file = tmp_path / "fedesk.sqlite3"
    file.write_bytes(b"no database " * 1_000)
    config = changed((r'(?<=\[store\]\n)url = "[^"]*"', f'url = "sqlite:///{file}"'))
    now = sandbox.control.clock.now()
    listed = run("findings", "list", "--config", str(config), at=now)
    assert "payments_daily" in listed.out
    assert "Who has what, and what is quiet, is not known." in listed.err
    handed = run("handover", "--config", str(config), at=now)
    assert handed.code == 6
    assert handed.out.startswith("# Handover of prod, 2026-11-20 02:4")
    assert "Not everything could be read:" in handed.out
    assert "payments\\_daily" in handed.out
