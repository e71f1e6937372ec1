"""Times, durations and documents as the command line writes them."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from fedesk.cli import output
from fedesk.cli.app import shared_last
from fedesk.domain.durations import parse_duration
from fedesk.domain.observation import Failure
from fedesk.domain.states import FailureKind
from fedesk.exits import Exit


def test_times_are_rfc_3339_in_utc() -> None:
    """Whatever zone a moment was told in; milliseconds where it has any."""
    assert output.instant(datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)) == "2026-11-20T02:43:10Z"
    there = datetime(2026, 11, 20, 2, 43, 10, 1500, tzinfo=timezone(timedelta(hours=1)))
    assert output.instant(there) == "2026-11-20T01:43:10.001Z"
    assert output.instant(None) is None


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=4, seconds=12), "4m12s"),
        (timedelta(hours=2, minutes=5), "2h05m"),
        (timedelta(days=9, hours=23), "9d23h"),
        (timedelta(days=90), "90d"),
        (timedelta(seconds=-46), "-46s"),
    ],
)
def test_durations_read_as_people_say_them(length: timedelta, said: str) -> None:
    """Two units at most, a minus for what is past."""
    assert output.duration(length) == said


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90d", timedelta(days=90)),
        ("1h30m", timedelta(minutes=90)),
        ("2w", timedelta(days=14)),
        ("0s", timedelta()),
    ],
)
def test_durations_are_read_as_they_are_written(text: str, length: timedelta) -> None:
    """Weeks, days, hours, minutes and seconds, in any combination."""
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "1 d", "1y", "9999999d", "1d1d1d1d1d1d"])
def test_what_is_no_duration_says_how_one_is_written(text: str) -> None:
    """No guess at a unit, no negative span, nothing that overflows."""
    with pytest.raises(ValueError, match="expected a duration like 90d"):
        parse_duration(text)


def test_documents_are_ascii_json_without_lone_surrogates(capsys: pytest.CaptureFixture[str]) -> None:
    """Names keep every character, written as an escape; half a pair becomes U+FFFD (RFC 8259)."""
    output.document("x/1", "prod", None, names=["\x1b[31m", "é", "\ud800", "\u202e"])
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed)["names"] == ["\x1b[31m", "é", "\ufffd", "\u202e"]


def test_the_exit_code_is_that_of_the_gravest_failure() -> None:
    """A missing credential is a mistake to correct, a fault fedesk's own, the rest a system's silence."""

    def failures(*kinds: FailureKind) -> list[Failure]:
        return [Failure(kind=kind, sentence="") for kind in kinds]

    assert output.exit_for([]) is Exit.DONE
    assert output.exit_for(failures(FailureKind.TIMEOUT)) is Exit.UNREACHABLE
    assert output.exit_for(failures(FailureKind.TIMEOUT, FailureKind.FAULT)) is Exit.FAULT
    assert output.exit_for(failures(FailureKind.FAULT, FailureKind.CREDENTIAL)) is Exit.USAGE


def test_shared_options_are_moved_behind_everything_but_a_double_dash() -> None:
    """Other words keep their order; what follows -- is never an option."""
    assert shared_last(["--env", "prod", "runs", "--json", "x", "--limit", "2"]) == [
        *("runs", "x", "--limit", "2"),
        *("--env", "prod", "--json"),
    ]
    assert shared_last(["log", "--", "--json"]) == ["log", "--", "--json"]
    assert shared_last(["--config=a", "status", "--env"]) == ["status", "--env", "--config=a"]
