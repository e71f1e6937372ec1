"""Every key of the desk, as data: what it is called, what it does, where it serves, and when it does not.

Footer, help, palette and the key bindings themselves are drawn from this one table. Small letters look,
capitals change: they lead to a plan, which a key of its own confirms, never ``Enter`` and never the palette.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from fedesk.ui.reasons import (
    missing,
    no_answer,
    no_approval,
    no_begin,
    no_entry,
    no_finding,
    no_holder,
    no_incident,
    no_lift,
    no_line,
    no_link,
    no_operation,
    no_pipeline,
    no_promotion,
    no_quarantine,
    no_recheck,
    no_rerun,
    no_rollback,
    no_run,
    no_runbook,
    no_timeline,
    no_tries,
    no_withdrawal,
    nothing,
    nothing_to_accept,
    unbroken,
)
from fedesk.ui.targets import EVERYWHERE, LISTS, VIEWS, Place, Target

__all__ = [
    "ACTIONS",
    "EVERYWHERE",
    "LISTS",
    "THE_PLANS",
    "VIEWS",
    "Action",
    "Place",
    "Target",
    "action",
    "bindings",
    "key_name",
    "of_place",
]

THE_PLANS = "the plan's"
"""The right of an action that does what a plan says, whatever that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that can be done with a key."""

    id: str
    """The method ``do_ID`` of the screen, with ``-`` as ``_``."""
    keys: tuple[str, ...]
    verb: str
    """One or two words, for footer and palette."""
    help: str
    """One sentence, for the help and the palette."""
    places: frozenset[Place]
    group: str = "look"
    """``look``, ``move`` or ``change``; those that change stand apart."""
    asks: str = ""
    """The right it takes, a verb of ``domain.roles.RIGHTS``; THE_PLANS for that of the plan before one."""
    shown: bool = True
    """Whether the footer has it; help and palette have all."""
    only_if_it_serves: bool = False
    """Whether the footer leaves it out where it does not serve, rather than dim it."""
    by_key_alone: bool = False
    """Whether the palette, where ``Enter`` chooses, leaves it out."""
    disabled: Callable[[Target], str | None] = lambda _target: None
    """Why it cannot be done with this target; None where it can."""

    def against(self, target: Target) -> str | None:
        """Why it does not serve: one has no right to it, or the target is none for it. None where it does."""
        verb = target.doing if self.asks == THE_PLANS else self.asks
        return target.barred.get(verb) or self.disabled(target)


_RUNS = frozenset({Place.TRIAGE, Place.PIPELINES, Place.RUNS})
_RECORD = frozenset({Place.RECORD})
_READ = frozenset(
    {
        Place.TEXT, Place.HELP, Place.RECORD, Place.INCIDENT, Place.TRACE, Place.HANDOVER, Place.RELEASE,
        Place.TIMELINE,
    }
)  # fmt: skip
_LOGS = frozenset({Place.RUN, Place.LOG})
_LOG = frozenset({Place.LOG})
_PLAN = frozenset({Place.PLAN})
_PLANS = frozenset({Place.PLAN, Place.CONFIRM, Place.SETTLE})
_WATCH = frozenset({Place.WATCH})
_MOVING = LISTS | _READ | _LOGS | {Place.PLAN, Place.WATCH}
_RERUN = _RUNS | {Place.RUN}
_RELEASED = frozenset({Place.RELEASES, Place.RELEASE})

ACTIONS: tuple[Action, ...] = (
    Action(
        id="confirm", keys=("ctrl+y",), verb="confirm", places=_PLANS, group="change", asks=THE_PLANS,
        by_key_alone=True, disabled=missing, help="Do what the plan says, once it is armed.",
    ),
    Action(
        id="accept", keys=("A",), verb="accept", places=_PLANS, group="change", asks=THE_PLANS,
        by_key_alone=True, only_if_it_serves=True, disabled=nothing_to_accept,
        help="Accept what a guard wants accepted before it lets the plan pass.",
    ),
    Action(
        id="line", keys=("tab",), verb="next line", places=_PLANS, only_if_it_serves=True, disabled=no_line,
        help="To the line that takes the name, to the one that takes the reason, and back to the plan.",
    ),
    Action(
        id="previous-line", keys=("shift+tab",), verb="previous line", places=_PLANS, shown=False,
        disabled=no_line, help="To the line before.",
    ),
    Action(
        id="holder", keys=("f",), verb="follow", places=_PLAN, only_if_it_serves=True, disabled=no_holder,
        help="Follow the operation that stands in the way.",
    ),
    Action(
        id="break-glass", keys=("B",), verb="break glass", places=frozenset({Place.PLAN, Place.CONFIRM}),
        group="change", asks="break-glass", by_key_alone=True, only_if_it_serves=True, disabled=unbroken,
        help="Plan it past approvals, freezes, holds and executor: with a reason, and reviewed by another.",
    ),
    Action(
        id="replan", keys=("r",), verb="plan again", places=_PLAN,
        help="Make the plan again, from what the systems say now.",
    ),
    Action(
        id="open-run", keys=("enter",), verb="run", places=_PLAN | _WATCH | {Place.INCIDENT},
        disabled=no_run, help="Open the run that it is about; of a build that was made, that build.",
    ),
    Action(
        id="open", keys=("enter",), verb="open", places=LISTS, disabled=no_entry,
        help="Open what the cursor is on: a run, a pipeline, an operation, a record, an incident.",
    ),
    Action(
        id="open-operation", keys=("enter",), verb="operation", places=_RECORD, disabled=no_operation,
        help="Open the operation that the record tells of.",
    ),
    Action(
        id="incident", keys=("t",), verb="incident", places=_WATCH | _RECORD, shown=False,
        disabled=no_incident, help="The timeline of the incident that it was done for.",
    ),
    Action(
        id="recheck", keys=("C",), verb="recheck", group="change", asks="recheck", by_key_alone=True,
        only_if_it_serves=True, disabled=no_recheck,
        places=_WATCH | _RECORD | {Place.TRIAGE, Place.OPERATIONS},
        help="Look the effect up in its system and put what is found on the record; nothing is sent.",
    ),
    Action(
        id="settle-done", keys=("D",), verb="settle: done", places=_WATCH, group="change", asks="settle",
        by_key_alone=True,
        only_if_it_serves=True, disabled=no_recheck,
        help="Where no look can tell: say that it was done. Evidence first; it asks for reason and name.",
    ),
    Action(
        id="settle-not-done", keys=("N",), verb="not done", places=_WATCH, group="change", asks="settle",
        by_key_alone=True,
        only_if_it_serves=True, disabled=no_recheck,
        help="Where no look can tell: say that it was not done. Evidence first; it asks for reason and name.",
    ),
    Action(
        id="approve", keys=("Y",), verb="approve", places=_WATCH, group="change", asks="approve",
        by_key_alone=True, only_if_it_serves=True, disabled=no_approval,
        help="Approve the plan that waits for it: signed with your SSH key, and on the record.",
    ),
    Action(
        id="reject", keys=("X",), verb="reject", places=_WATCH, group="change", asks="reject",
        by_key_alone=True, only_if_it_serves=True, disabled=no_approval,
        help="Reject the plan that waits, with a reason: signed, and final. Nothing of it is ever sent.",
    ),
    Action(
        id="withdraw", keys=("S",), verb="take back", places=_WATCH, group="change", asks=THE_PLANS,
        by_key_alone=True, only_if_it_serves=True, disabled=no_withdrawal,
        help="Take back what you asked for, before it has begun: with a reason. Nothing of it is ever sent.",
    ),
    Action(
        id="execute", keys=("E",), verb="execute", places=_WATCH, group="change", asks=THE_PLANS,
        by_key_alone=True, only_if_it_serves=True, disabled=no_begin,
        help="Begin what was approved, where the desk of whoever asked for it does not.",
    ),
    Action(
        id="answer", keys=("I",), verb="answer", places=_WATCH | {Place.RUN}, group="change", asks="promote",
        only_if_it_serves=True, disabled=no_answer,
        help="Answer the question at which a build of Jenkins waits: proceed or abort. It ends at a plan.",
    ),
    Action(
        id="rerun", keys=("R",), verb="re-run", places=_RERUN, group="change", asks="rerun",
        disabled=no_rerun,
        help="Plan to run it again: failed tasks of a DAG run, one task, a build. Nothing changes yet.",
    ),
    Action(
        id="promote", keys=("P",), verb="promote", places=_RELEASED, group="change", asks="promote",
        disabled=no_promotion,
        help="Plan to promote what the environment before runs into this one. Nothing changes yet.",
    ),
    Action(
        id="roll-back", keys=("V",), verb="roll back", places=_RELEASED, group="change", asks="rollback",
        disabled=no_rollback,
        help="Plan to go back to the last verified release: a dry run, then for real. Nothing changes yet.",
    ),
    Action(
        id="quarantine", keys=("Q",), verb="quarantine", places=_RELEASED, group="change", asks="quarantine",
        disabled=no_quarantine,
        help="Put the release that runs here into quarantine, everywhere, with a reason: it goes no further.",
    ),
    Action(
        id="lift", keys=("L",), verb="lift", places=_RELEASED, group="change", asks="quarantine-lift",
        only_if_it_serves=True, disabled=no_lift,
        help="Lift a quarantine of a release, or what a rollback holds here, with a reason.",
    ),
    Action(
        id="timeline", keys=("p",), verb="timeline", places=_RELEASED | _WATCH, only_if_it_serves=True,
        disabled=no_timeline,
        help="How it went, of a service its newest promotion or rollback: plan, approvals, steps, end.",
    ),
    Action(
        id="open-log", keys=("enter", "l"), verb="log", places=frozenset({Place.RUN}),
        help="Read the log of the step under the cursor, at the line that tells why it failed.",
    ),
    Action(
        id="whole-log", keys=("w",), verb="whole log", places=frozenset({Place.RUN}),
        help="Read the log of the whole run; of a DAG run, that of the task to look at first.",
    ),
    Action(
        id="pane", keys=("tab",), verb="details", places=frozenset({Place.RUN}),
        help="Go to parameters, changes, artifacts and links; again to come back.",
    ),
    Action(
        id="next-error", keys=("e",), verb="error", places=_LOG,
        help="Go to the line that tells why it failed, then to the next error.",
    ),
    Action(
        id="search", keys=("slash",), verb="search", places=_LOG,
        help="Search as one types; Enter keeps it, Esc drops it. A capital letter makes case count.",
    ),
    Action(
        id="next-match", keys=("n",), verb="next", places=_LOG, shown=False,
        help="Go to the next match of the search.",
    ),
    Action(
        id="previous-match", keys=("N",), verb="previous", places=_LOG, shown=False,
        help="Go to the previous match of the search.",
    ),
    Action(
        id="previous-try", keys=("left_square_bracket",), verb="try before", places=_LOG, disabled=no_tries,
        help="Read the log of the try before this one.",
    ),
    Action(
        id="next-try", keys=("right_square_bracket",), verb="try after", places=_LOG, shown=False,
        disabled=no_tries, help="Read the log of the try after this one.",
    ),
    Action(
        id="wrap", keys=("w",), verb="wrap", places=_LOG, help="Wrap long lines, or show each on one row.",
    ),
    Action(
        id="follow", keys=("f",), verb="follow", places=_LOG,
        help="Follow the end as the log grows, or stay where one is.",
    ),
    Action(
        id="choose-log", keys=("l",), verb="other log", places=_LOG,
        help="Choose the stage or task, the try and the map index whose log is read.",
    ),
    Action(
        id="only-matches", keys=("ampersand",), verb="only matches", places=_LOG, shown=False,
        help="Show the lines alone that hold what is searched for, with their numbers; again shows all.",
    ),
    Action(
        id="context", keys=("c",), verb="context", places=_LOG, shown=False,
        help="Show matches with 3 lines around each, with 20, with none.",
    ),
    Action(
        id="times", keys=("t",), verb="times", places=_LOG, shown=False,
        help="Times of lines: as written, hidden, in the environment's zone, since the first line.",
    ),
    Action(
        id="attempts", keys=("b",), verb="tries beside", places=_LOG, shown=False, disabled=no_tries,
        help="All tries beside one another: the line that each failed at.",
    ),
    Action(
        id="save", keys=("s",), verb="save", places=_LOG, shown=False, disabled=nothing,
        help="Save the log in a new file, secrets hidden; the file's name is asked for.",
    ),
    Action(
        id="left", keys=("left",), verb="left", places=_LOG, group="move", shown=False,
        help="Half a screen to the left.",
    ),
    Action(
        id="right", keys=("right",), verb="right", places=_LOG, group="move", shown=False,
        help="Half a screen to the right.",
    ),
    Action(
        id="address", keys=("o",), verb="address", disabled=no_link,
        places=_LOGS | _PLAN | _WATCH | {Place.SETTLE, Place.RELEASE},
        help="Open it in the system's own pages; over SSH or without a desktop the address is copied.",
    ),
    Action(
        id="reread", keys=("r",), verb="read again",
        places=_LOGS | {Place.OPERATIONS, Place.INCIDENTS, Place.TRACE, Place.WINDOWS, Place.RELEASE},
        help="Read again at once; what is shown stays until the answer is there.",
    ),
    Action(
        id="log", keys=("l",), verb="log", places=_RUNS | _PLAN | _WATCH, disabled=no_run,
        help="Read the log of the run, at the line that tells why it failed.",
    ),
    Action(
        id="why", keys=("i", "tab"), verb="why", places=frozenset({Place.TRIAGE}), disabled=nothing,
        help="Go to the side that says why it is red; again to come back.",
    ),
    Action(
        id="acknowledge", keys=("a",), verb="ack", places=frozenset({Place.TRIAGE}), asks="mark",
        disabled=no_finding,
        help="Acknowledge: say that you have it, on the record; of what you have already: give it back.",
    ),
    Action(
        id="mark-menu", keys=("m",), verb="snooze …", places=frozenset({Place.TRIAGE}), shown=False,
        asks="mark", disabled=no_finding,
        help="Assign it, snooze it, silence its kind, note something down, or lift what is quiet.",
    ),
    Action(
        id="quiet", keys=("z",), verb="quiet", places=frozenset({Place.TRIAGE}), shown=False,
        help="Show what is snoozed or silenced beside the rest; again leaves it out.",
    ),
    Action(
        id="history", keys=("h",), verb="runs", places=frozenset({Place.TRIAGE, Place.PIPELINES}),
        disabled=no_pipeline, help="List the latest runs of the pipeline.",
    ),
    Action(
        id="runbook", keys=("o",), verb="runbook", places=_RUNS, disabled=no_runbook,
        help="Read the runbook; where there is none, open the address in the system's own pages.",
    ),
    Action(
        id="copy", keys=("y",), verb="copy", disabled=nothing,
        places=LISTS | _LOGS | _PLAN | _WATCH | _RECORD
        | {Place.INCIDENT, Place.SETTLE, Place.HANDOVER, Place.RELEASE, Place.TIMELINE},
        help="Copy the id, the link or the command line that does the same, over SSH too.",
    ),
    Action(
        id="mark", keys=("space",), verb="mark", places=_RUNS | {Place.RELEASES}, disabled=nothing,
        help="Mark the row, or take the mark away; R, or P, is then for all that are marked.",
    ),
    Action(
        id="filter", keys=("slash",), verb="filter", places=LISTS | {Place.RUN},
        help="Show only rows that hold every word typed; Enter keeps it, Esc clears it.",
    ),
    Action(
        id="sort", keys=("s",), verb="sort", places=LISTS | {Place.RUN}, shown=False,
        help="Choose a column to sort by: once upwards, again downwards, then as the rows come.",
    ),
    Action(
        id="refresh", keys=("r",), verb="refresh", places=frozenset(VIEWS),
        help="Look at every system at once, and let new rows in.",
    ),
    Action(
        id="environments", keys=("e",), verb="environment", places=frozenset(VIEWS), shown=False,
        help="Look at another environment.",
    ),
    Action(
        id="windows", keys=("w",), verb="windows", places=frozenset(VIEWS), shown=False,
        help="Freezes, holds and maintenance: what, where, until when, by whom, why.",
    ),
    Action(
        id="view-triage", keys=("1",), verb="Triage", places=frozenset(VIEWS), shown=False,
        help="What is wrong now: what pages first, the newest first.",
    ),
    Action(
        id="view-pipelines", keys=("2",), verb="Pipelines", places=frozenset(VIEWS), shown=False,
        help="Every pipeline with its last runs and its state in each environment.",
    ),
    Action(
        id="view-secrets", keys=("3",), verb="Secrets", places=frozenset(VIEWS), shown=False,
        help="Every secret by the time it has left.",
    ),
    Action(
        id="view-audit", keys=("4",), verb="Audit", places=frozenset(VIEWS), shown=False,
        help="Who has changed what, as the audit log has it, the newest first.",
    ),
    Action(
        id="view-releases", keys=("5",), verb="Releases", places=frozenset(VIEWS), shown=False,
        help="Every service: what is deployed where, whether it is verified, how far apart.",
    ),
    Action(
        id="operations", keys=("u",), verb="under way", shown=False,
        places=EVERYWHERE - {Place.HELP, Place.CONFIRM, Place.OPERATIONS},
        help="The operations: those that go on or ended unknown first, then the newest.",
    ),
    Action(
        id="command", keys=("colon",), verb="command", places=EVERYWHERE - {Place.HELP, Place.CONFIRM},
        help="Type a command of the shell; Tab completes, and it stops at the plan.",
    ),
    Action(
        id="down", keys=("j", "down"), verb="down", places=_MOVING | _PLANS, group="move", shown=False,
        help="One row down.",
    ),
    Action(
        id="up", keys=("k", "up"), verb="up", places=_MOVING | _PLANS, group="move", shown=False,
        help="One row up.",
    ),
    Action(
        id="page-down", keys=("pagedown", "ctrl+f"), verb="page down", places=_MOVING | _PLANS, group="move",
        shown=False, help="One page down.",
    ),
    Action(
        id="page-up", keys=("pageup", "ctrl+b"), verb="page up", places=_MOVING | _PLANS, group="move",
        shown=False, help="One page up.",
    ),
    Action(
        id="first", keys=("g", "home"), verb="first", places=_MOVING, group="move", shown=False,
        help="To the first row, and let new rows in.",
    ),
    Action(
        id="last", keys=("G", "end"), verb="last", places=_MOVING, group="move", shown=False,
        help="To the last row.",
    ),
    Action(
        id="close-window", keys=("W",), verb="close window", places=EVERYWHERE - _READ - {Place.CONFIRM},
        group="change", shown=False, help="Close the environment's write window before its hour is over.",
    ),
    Action(
        id="back", keys=("escape",), verb="back", places=EVERYWHERE - frozenset(VIEWS),
        help="Back: clear the filter or the search, leave the side, close the screen.",
    ),
    Action(
        id="clear", keys=("escape",), verb="clear", places=frozenset(VIEWS), shown=False,
        help="Leave the side, else clear the filter.",
    ),
    Action(
        id="help", keys=("question_mark",), verb="help", places=EVERYWHERE - {Place.HELP, Place.CONFIRM},
        help="The keys of this place, and why one does not serve.",
    ),
    Action(
        id="palette", keys=("ctrl+p",), verb="palette", places=EVERYWHERE - {Place.HELP}, shown=False,
        help="Everything that can be done here, found by its name.",
    ),
    Action(
        id="quit", keys=("q",), verb="quit", places=EVERYWHERE - {Place.CONFIRM},
        help="Leave the desk at once, whatever the systems do.",
    ),
)  # fmt: skip

_BY_ID = {action.id: action for action in ACTIONS}
_KEY_NAMES = {
    "slash": "/", "colon": ":", "question_mark": "?", "enter": "Enter", "escape": "Esc", "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "down": "↓", "up": "↑", "pagedown": "PgDn", "pageup": "PgUp",
    "f1": "F1", "home": "Home", "end": "End", "space": "Space",
    "ampersand": "&", "left_square_bracket": "[", "right_square_bracket": "]", "left": "←", "right": "→",
}  # fmt: skip


def action(name: str) -> Action:
    """The action of that id."""
    return _BY_ID[name]


def of_place(place: Place) -> Iterator[Action]:
    """The actions that serve at a place, in the order of the table."""
    return (one for one in ACTIONS if place in one.places)


def key_name(key: str) -> str:
    """A key as people write it: ``/``, ``Enter``, ``ctrl+p``."""
    return _KEY_NAMES.get(key, key)


def bindings(*places: Place) -> list[BindingType]:
    """The key bindings of a screen that shows these places.

    With priority, an action is done where the key arrives. Otherwise Textual hands a key from widget to
    widget first, and of ``/err`` typed in one go the letters would be actions before ``/`` is.
    """
    return [
        Binding(",".join(one.keys), f"act('{one.id}')", one.verb, show=False, priority=True)
        for one in ACTIONS
        if one.places.intersection(places)
    ]
