"""What a verb of the command line is, and the groups and headings that verbs are listed under, as data.

Nothing is imported here but the standard library: completion reads the tables at every Tab.
"""

from dataclasses import dataclass
from enum import StrEnum


class Section(StrEnum):
    """The headings of ``fedesk --help``, in their order."""

    LOOK = "Look"
    CHANGE = "Change"
    RECORD = "What was done"
    SET_UP = "Set up"


@dataclass(frozen=True, slots=True)
class Group:
    """Verbs that share their first word."""

    name: str
    section: Section
    summary: str
    """One line of at most 60 characters, for the list in ``fedesk --help``."""
    help: str


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. Its help is the docstring of the function, its options are the function's parameters."""

    words: str
    """As typed: ``status``, or ``audit tail``."""
    function: str
    """``MODULE:FUNCTION`` below ``fedesk.cli``."""
    summary: str
    """One line of at most 60 characters, for the list that it stands in."""
    examples: tuple[str, str]
    """Two command lines that work in the sandbox as they stand."""
    section: Section = Section.LOOK
    """Where it is listed, if it belongs to no group."""

    @property
    def name(self) -> str:
        """Its last word."""
        return self.words.rpartition(" ")[2]

    @property
    def group(self) -> str:
        """The name of its group; empty where it has none."""
        return self.words.rpartition(" ")[0]


GROUPS = (
    Group(
        "findings",
        Section.LOOK,
        "What is wrong, and who has it",
        "What is wrong, who has it, and what people on call say of it.",
    ),
    Group("secrets", Section.LOOK, "Ages of secrets", "Ages of secrets, never their values."),
    Group(
        "operations",
        Section.RECORD,
        "What fedesk changed, and what became of it",
        "What fedesk changed, is changing, or does not know the end of.",
    ),
    Group(
        "plans",
        Section.CHANGE,
        "Those that wait for others to approve them",
        "Plans that wait for others: shown, carried to where somebody signs, and back.",
    ),
    Group(
        "audit",
        Section.RECORD,
        "The record of every change and refusal",
        "The record of what was changed and refused: a chain that shows what was altered.",
    ),
    Group(
        "incident",
        Section.RECORD,
        "What went wrong, and what was done about it",
        "What went wrong, what was done about it, and in which order.",
    ),
    Group(
        "release",
        Section.CHANGE,
        "What is deployed where, what lies between, what was",
        "Releases: what is deployed where, verified or not, what lies between, and how each came there.",
    ),
    Group(
        "freeze",
        Section.CHANGE,
        "When nothing may change, unless overridden",
        "Windows in which an environment, a pipeline or a service does not change, unless overridden.",
    ),
    Group(
        "hold",
        Section.CHANGE,
        "What may not change until somebody lifts it",
        "Stops on an environment, a pipeline or a service, until somebody lifts them.",
    ),
    Group(
        "maintenance",
        Section.CHANGE,
        "When findings are quiet",
        "Windows in which what is wrong with something alarms nobody. They block nothing.",
    ),
    Group(
        "policy",
        Section.SET_UP,
        "Who may do what, and what a change takes",
        "Who may do what in which environment, and what a change takes beside a yes.",
    ),
    Group(
        "config",
        Section.SET_UP,
        "The configuration, and whether it is right",
        "The configuration: where it is, what it says, whether it is right.",
    ),
    Group(
        "catalog",
        Section.SET_UP,
        "The catalogue: a first one, and what has drifted",
        "The catalogue: a first one from what exists, and where it has drifted from it.",
    ),
    Group(
        "store",
        Section.SET_UP,
        "The desk's own state: check, backup, a team's database",
        "The desk's own state: made, looked at, kept and moved to a team's database.",
    ),
    Group(
        "kit",
        Section.SET_UP,
        "Files to copy: an executor, minimal permissions",
        "Files that come with fedesk, to be copied, filled in and applied.",
    ),
    Group(
        "sandbox",
        Section.SET_UP,
        "Four simulated systems, to try everything on",
        "Jenkins, Airflow, Vault and Snowflake on loopback, to try everything on.",
    ),
)
