from dataclasses import replace

import pytest
from making import JENKINS, NOW, run

from fedesk.domain.observation import Observation, Problem
from fedesk.domain.runs import Change, Parameter, QueueItem, RunDetail, Step
from fedesk.domain.states import State
from fedesk.services.hiding import hide_in_detail, hide_in_observation

PLANTED = "hvs." + "CAESIJ9fakefakefakefakeQ7"
BAD = run("x", State.FAILED)
STEP = Step(id="load", name="load", state=State.FAILED, original_state="failed")


def test_no_short_text_of_a_look_carries_a_secret_on() -> None:
    """Reasons, causes, reasons of the queue and problems are hidden before they are kept or shown."""
    leaky = f"could not log in with {PLANTED}"
    seen = Observation(
        runs=(replace(BAD, reason=leaky, cause=leaky),),
        queue=(QueueItem(connection=JENKINS, id="1", job="x", why=leaky, since=NOW),),
        problems=(Problem(kind="token", where="vault", text=leaky),),
    )
    hidden = hide_in_observation(seen)
    assert PLANTED not in repr(hidden)
    assert "could not log in with" in hidden.runs[0].reason


def test_what_holds_no_secret_is_handed_on_as_it_is() -> None:
    """The runs of a look are the very same values, so that a poll costs nothing where nothing moved."""
    assert hide_in_observation(Observation(runs=(BAD,))).runs[0] is BAD


@pytest.mark.parametrize(
    "parameter", [Parameter(name="DB_PASSWORD", value="correct-horse-9"), Parameter(name="X", value=PLANTED)]
)
def test_a_parameter_is_judged_together_with_its_name(parameter: Parameter) -> None:
    """A value that looks like none is a secret when its name says so."""
    detail = RunDetail(
        run=BAD,
        steps=(replace(STEP, error=f"refused {PLANTED}"),),
        parameters=(
            parameter,
            Parameter(name="DAY", value="2026-11-20"),
            Parameter(name="HIDDEN", value=None),
        ),
        changes=(Change(commit="c0ffee12", author="mara", message=f"rotate {PLANTED}"),),
    )
    shown = hide_in_detail(detail)
    assert parameter.value is not None
    assert parameter.value not in repr(shown)
    assert PLANTED not in repr(shown)
    assert shown.parameters[1:] == detail.parameters[1:]
