"""Each gate of docs/releases.md stands in a promotion's way by itself, on the sandbox's world."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from approval_people import Team
from cli_situations import YES, Situation
from command_line import Run
from office import Office

from fedesk.domain.audit import Phase
from fedesk.sandbox.server import Sandbox

PAGE = Path(__file__).parents[2] / "docs" / "releases.md"
ALONE = "[policy.promote]\napprovals = 0\n[policy.waive-gate]\napprovals = 0\n"
"""Nobody else is asked, so that the gate alone is in the way."""


@contextmanager
def collected(office: Office) -> Iterator[None]:
    """The registry has garbage-collected what is to be promoted."""
    office.sandbox.world.collect_image(_in_staging(office))
    yield
    office.sandbox.world.deployments.collected.clear()


@contextmanager
def registry_away(office: Office) -> Iterator[None]:
    """It does not tell."""
    office.sandbox.control.fault("registry", "status", status=503)
    yield
    office.sandbox.control.clear_faults()


@contextmanager
def quarantined(office: Office) -> Iterator[None]:
    """What is to be promoted is in quarantine."""
    quarantine = ("release", "quarantine")
    put = office(
        "ben", *quarantine, _in_staging(office), "--service", "loyalty", "--reason", "doubles", "--json"
    )
    stop = put.document("release-stop")["stop"]["id"]
    yield
    assert office("ben", *quarantine, "--lift", stop, "--reason", "it does not").code == 0


@contextmanager
def nobody_at_it(office: Office) -> Iterator[None]:
    """The build that waits for an answer has one."""
    run = "prod/jenkins:finedge/prod/deploy-merchants#463"
    assert office("ben", "release", "answer", run, "--abort", *YES).code == 0
    yield


@contextmanager
def window(office: Office, *words: str) -> Iterator[None]:
    """A freeze or a hold."""
    added = office("ben", *words, "--reason", "year end", "--json").document("window")["window"]["id"]
    yield
    assert office("ben", words[0], "remove", added, "--reason", "over").code == 0


def frozen(office: Office) -> AbstractContextManager[None]:
    return window(office, "freeze", "add", "--env", "prod", "--for", "2h")


def held(office: Office) -> AbstractContextManager[None]:
    return window(office, "hold", "add", "--env", "prod", "--service", "loyalty")


def as_it_is(_: Office) -> AbstractContextManager[None]:
    return nullcontext()


def _in_staging(office: Office) -> str:
    there = office.sandbox.world.deployments.current("staging", "loyalty")
    assert there is not None
    return there.digest


@dataclass(frozen=True)
class InTheWay:
    """Of which service a gate does not pass, what is said then, and the other gates, which are waived."""

    service: str
    said: str
    waived: tuple[str, ...] = ()
    while_: Callable[[Office], AbstractContextManager[None]] = as_it_is
    is_final: bool = False
    """Whether nobody may waive it."""
    code: int = 3


CASES = {
    "gate built from commit": InTheWay("chargebacks", "which made it, is UNSTABLE", ("gate data quality",)),
    "gate unit": InTheWay("lending", "Unit tests of finedge/dev/lending-ci"),
    "gate data quality": InTheWay("chargebacks", "Data-quality tests of", ("gate built from commit",)),
    "gate security scan": InTheWay("open_banking", "Container scan of"),
    "gate verified before": InTheWay("invoices", "nothing has verified it there", ("gate soaked",)),
    "gate soaked": InTheWay("aml", "3h57m45s of 4h"),
    "gate digest": InTheWay("loyalty", "cannot be pulled", while_=collected, is_final=True),
    "gate digest, of nobody known": InTheWay("loyalty", "could not be asked", while_=registry_away),
    "gate stops": InTheWay("loyalty", "has it in quarantine since", while_=quarantined, is_final=True),
    "gate migrations": InTheWay("cards", "V141__drop_settlement_currency cannot be", ("gate secrets",)),
    "gate upstream": InTheWay("merchants", "payments_daily is failed since", while_=nobody_at_it),
    "gate secrets": InTheWay("cards", "card-network is older than allowed", ("gate migrations",)),
    "freeze": InTheWay("loyalty", "year end", while_=frozen),
    "hold": InTheWay("loyalty", "year end", while_=held, is_final=True),
    "somebody at it": InTheWay("risk", "build #1721 is under way", ("gate soaked",), is_final=True, code=5),
}


FEW = ("gate unit", "gate verified before", "gate digest")
"""Some of those that block in no other test of the command line."""
ALL = tuple(CASES)


@pytest.mark.parametrize("names", [FEW, pytest.param(ALL, marks=pytest.mark.soak)], ids=["few", "all"])
def test_each_gate_blocks_in_turn(
    names: tuple[str, ...], run: Run, sandbox: Sandbox, situation: Situation, team: Team
) -> None:
    """It alone is in the way, though the rest is waived: exit 3, its sentence, a refusal; no build is made.

    One that nobody may waive blocks whoever accepts it as well. The cases are the gates of the page.
    """
    office = Office(run, sandbox, team)
    office.policy, office.roles = ALONE, {"ben": ["releaser", "admin"]}
    gates = PAGE.read_text(encoding="utf-8").partition("| gate |")[2].partition("\n\n")[0]
    named = [name for row in gates.splitlines()[2:] for name in re.findall(r"`([a-z ]+)`", row.split("|")[1])]
    assert {f"gate {name}" for name in named} | {"freeze", "hold", "somebody at it"} == {
        name.partition(",")[0] for name in CASES
    }
    for name in names:
        case, guard = CASES[name], name.partition(",")[0]
        with case.while_(office):
            before = sandbox.world.build_plans(f"finedge/prod/deploy-{case.service}")
            accepted = (*case.waived, guard) if case.is_final else case.waived
            accepts = [word for one in accepted for word in ("--accept", one)]
            ended = office("ben", "release", "promote", case.service, *YES, *accepts, "--json")
            change = ended.document("change")
            blocking = {
                one["name"] for one in change["guards"] if f"{one['name']}: {one['reason']}" in change["said"]
            }
            assert (ended.code, blocking) == (case.code, {guard}), (name, ended)
            assert case.said in ended.err, name
            assert (f'--accept "{guard}"' in ended.err) is (not case.is_final and guard.startswith("gate"))
            last = situation.records()[-1].draft
            assert (last.phase, last.action) == (Phase.REFUSAL, "promote"), name
            assert case.said in last.result, name
            assert sandbox.world.build_plans(f"finedge/prod/deploy-{case.service}") == before, name
