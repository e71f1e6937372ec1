"""``fedesk freeze``, ``hold`` and ``maintenance`` in the sandbox: what they stop, what is refused."""

import pytest
from cli_situations import FAILED, Situation, assert_nothing_was_done
from command_line import Run

from fedesk.domain.operations import Outcome

IN_PROD = ("--confirm", "prod", "--write", "prod", "--reason", "INC-2207")
TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"


def added(acting: Run, *words: str) -> str:
    """The id of a window that was set."""
    ended = acting(*words, "--json")
    assert ended.code == 0, ended.err
    return str(ended.document("window")["window"]["id"])


def test_a_hold_stops_a_rerun_until_it_is_removed(acting: Run, situation: Situation) -> None:
    """Exit 3, who holds it and how it is lifted; accepting it does not help; then the run goes through."""
    hold = added(acting, "hold", "add", "--pipeline", "payments_daily", "--reason", f"wrong rates {TOKEN}")
    refused = acting("rerun", FAILED, *IN_PROD, "--accept", "hold")
    assert refused.code == 3
    assert "holds payments_daily in prod since" in refused.err
    assert f"`fedesk hold remove {hold} --reason TEXT` lifts it" in refused.err
    assert TOKEN not in refused.err + refused.out
    assert_nothing_was_done(situation, ("configuration", "refusal"))
    listed = acting("hold", "list")
    assert "in force" in listed.out
    assert "payments_daily in prod" in listed.out
    assert acting("hold", "remove", hold, "--reason", "rates are right").code == 0
    assert acting("hold", "list").out == "no hold now or ahead\n"
    assert "removed" in acting("hold", "list", "--all").out
    assert acting("hold", "remove", hold, "--reason", "again").code == 5
    assert acting("rerun", FAILED, *IN_PROD).code == 0


def test_a_freeze_is_overridden_by_its_name_and_a_reason(acting: Run, situation: Situation) -> None:
    """Without that exit 3 and the option that is missing; with it an override is on the record first."""
    added(acting, "freeze", "add", "--for", "2h", "--reason", "year end")
    refused = acting("rerun", FAILED, *IN_PROD)
    assert refused.code == 3
    assert "all of prod is frozen until" in refused.err
    assert "--accept freeze" in refused.err
    assert_nothing_was_done(situation, ("configuration", "refusal"))
    assert acting("rerun", FAILED, *IN_PROD, "--accept", "freeze").code == 0
    (operation,) = situation.operations()
    assert operation.outcome is Outcome.SUCCEEDED
    assert situation.phases()[-3:] == ["override", "intent", "outcome"]


def test_times_are_those_on_the_clock_there(acting: Run) -> None:
    """The environment's zone unless one is given; what recurs says when it comes next."""
    once = acting(
        "freeze",
        "add",
        "--from",
        "2027-06-24T18:00",
        "--until",
        "2027-06-25T08:00",
        "--reason",
        "x",
        "--json",
    )
    document = once.document("window")["window"]
    assert (document["zone"], document["state"], document["in_force"]) == ("Europe/London", "ahead", None)
    assert document["next"] == {"from": "2027-06-24T17:00:00Z", "until": "2027-06-25T07:00:00Z"}
    weekly = acting(
        "freeze", "add", "--from", "2027-01-01T17:00", "--for", "62h", "--every", "freq=weekly",
        "--zone", "America/New_York", "--reason", "weekend",
    )  # fmt: skip
    assert weekly.code == 0, weekly.err
    assert "from 2027-01-01 17:00 until 2027-01-04 07:00 America/New_York" in weekly.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("freeze", "add", "--reason", "x"), "Give --until TIME or --for LENGTH"),
        (("freeze", "add", "--for", "2h", "--until", "2027-01-01T00:00", "--reason", "x"), "one of both"),
        (("freeze", "add", "--for", "2h"), "Say why"),
        (("freeze", "add", "--for", "2h", "--reason", "x", "--every", "FREQ=SECONDLY"), "finer than DAILY"),
        (("freeze", "add", "--for", "2h", "--reason", "x", "--zone", "Europe/Lundun"), "no time zone"),
        (("freeze", "add", "--from", "soon", "--for", "2h", "--reason", "x"), "is no time"),
        (("freeze", "add", "--until", "2027-01-01T00:00Z", "--reason", "x"), "has an offset"),
        (("hold", "add", "--pipeline", "a", "--service", "b", "--reason", "x"), "give one"),
    ],
)
def test_what_is_not_understood_is_a_mistake_of_usage(acting: Run, words: tuple[str, ...], said: str) -> None:
    """Exit 2, one sentence, and nothing was written."""
    ended = acting(*words)
    assert ended.code == 2
    assert said in ended.err
    assert acting(words[0], "list").out.startswith("no ")


def test_a_name_that_the_catalogue_does_not_know_is_said(acting: Run) -> None:
    """It may be a DAG's or a job's, or a slip that protects nothing. Another kind's id is unknown."""
    ended = acting("hold", "add", "--pipeline", "payments_dayly", "--reason", "x")
    assert ended.code == 0
    assert "no pipeline 'payments_dayly'" in ended.err
    assert "payments_daily?" in ended.err
    hold = ended.out.partition(":")[0]
    assert acting("freeze", "remove", hold, "--reason", "x").code == 1
