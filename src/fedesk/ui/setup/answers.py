"""What was answered so far, and what it comes to: a connection's table, its mistakes, the whole document.

Values and functions without a screen. A secret is in no answer: the repr of the place it has hides it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fedesk.domain.names import ConnectionName
from fedesk.ports.endpoint import SecretText
from fedesk.ui.setup.questions import (
    KEYRING,
    PROGRAM,
    QUESTIONS,
    SYSTEMS,
    VARIABLE,
    Kind,
    Page,
    Question,
    asked_of,
)

if TYPE_CHECKING:
    from fedesk.config_draft import Draft, Value
    from fedesk.config_types import ConnectionConfig
    from fedesk.domain.states import System

_NOTHING = SecretText("")
_FIRST: Mapping[Page, str] = {page: QUESTIONS[page][0].key for page in SYSTEMS}
"""The answer without which there is no such system."""
_WRITTEN = {
    Page.JENKINS: ("url", "user", "credential", "folders"),
    Page.AIRFLOW: ("url", "auth", "user", "credential", "tags"),
    Page.VAULT: ("url", "auth", "user", "credential", "kv"),
    Page.SNOWFLAKE: (
        "account", "host", "port", "protocol", "user", "auth", "credential", "role", "warehouse", "database",
        "schema",
    ),
}  # fmt: skip
"""The keys of each table, in the order in which they are written."""
PLACE = ("url", "account", "host", "port", "protocol")
"""Keys that say where a system is, and nothing of who one is."""
_GIVEN_BY = {KEYRING: "typed", VARIABLE: "variable", PROGRAM: "program"}
"""Which answer a credential comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything that was answered, and where one is."""

    path: Path
    """The file that is to be written."""
    there: bool = False
    """Whether there is one already."""
    keyring: bool = True
    """Whether this machine has a keyring."""
    page: Page = Page.ENVIRONMENT
    line: int = 0
    """Which of the questions that are asked has the keys."""
    cursor: int = 0
    """Where in its text, in characters."""
    left: frozenset[Page] = frozenset()
    """Pages that were gone through: all of their mistakes are told."""
    filled: Mapping[Page, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[Page, SecretText] = field(default_factory=dict)
    parts: Mapping[Page, tuple[str, ...]] = field(default_factory=dict)
    """What a system was seen to have, to choose from."""

    def answers(self, page: Page) -> dict[str, str]:
        """Those of a page; where nothing was answered, what is taken for granted."""
        presets = {one.key: one.preset for one in QUESTIONS[page] if one.preset}
        given = presets | dict(self.filled.get(page, {}))
        if not self.keyring and given.get("kept") == KEYRING:
            given["kept"] = VARIABLE
        if page is Page.WRITE and self.there:
            given["there"] = "yes"
        return given

    @property
    def questions(self) -> tuple[Question, ...]:
        """What is asked on the page one is on."""
        return asked_of(self.page, self.answers(self.page))

    @property
    def question(self) -> Question | None:
        """The one that has the keys."""
        asked = self.questions
        return asked[min(self.line, len(asked) - 1)] if asked else None

    def choices(self, question: Question) -> tuple[str, ...]:
        """What may be chosen: a keyring only where there is one."""
        return tuple(one for one in question.choices if one != KEYRING or self.keyring)

    def text(self, question: Question) -> str:
        """What is typed in a line; a secret's is for editing alone, and never drawn."""
        if question.kind is Kind.HIDDEN:
            return self.secret(self.page).reveal()
        return self.answers(self.page).get(question.key, "")

    def secret(self, page: Page) -> SecretText:
        """What was typed as a page's secret."""
        return self.secrets.get(page, _NOTHING)

    def with_text(self, question: Question, text: str, cursor: int) -> Setup:
        """The same with another text in a line."""
        if question.kind is Kind.HIDDEN:
            return replace(self, secrets={**self.secrets, self.page: SecretText(text)}, cursor=cursor)
        answers = {**self.filled.get(self.page, {}), question.key: text}
        return replace(self, filled={**self.filled, self.page: answers}, cursor=cursor)

    def has(self, page: Page) -> bool:
        """Whether there is such a system."""
        return bool(self.answers(page).get(_FIRST[page], "").strip())

    @property
    def environment(self) -> str:
        """Its name."""
        return self.answers(Page.ENVIRONMENT)["name"].strip()


def at(setup: Setup, page: Page, line: int = 0) -> Setup:
    """The same, on a line of a page, behind what is typed there; a negative line counts from the end."""
    there = replace(setup, page=page, line=0)
    asked = there.questions
    line = min(line if line >= 0 else len(asked) + line, max(len(asked) - 1, 0))
    there = replace(there, line=line)
    question = there.question
    return replace(there, cursor=len(there.text(question)) if question is not None else 0)


# What it comes to


def table(setup: Setup, page: Page) -> dict[str, Value]:
    """The table of a system as it is written; what was not answered is not in it."""
    answers = setup.answers(page)
    asked = {one.key for one in asked_of(page, answers)}
    given = {key: answers[key].strip() for key in asked if answers.get(key, "").strip()}
    values: dict[str, Value] = dict(given)
    reference = _reference(setup, page, given)
    if reference:
        values["credential"] = reference
    if page is Page.SNOWFLAKE:
        values |= _private_link(given.get("at", ""))
    if page is Page.VAULT and "kv" in given:
        values["kv"] = [_kv(one, setup.parts.get(page, ())) for one in split(given["kv"])]
    for key in ("folders", "tags"):
        if key in given:
            values[key] = list(split(given[key]))
    return {key: values[key] for key in _WRITTEN[page] if key in values}


def split(text: str) -> tuple[str, ...]:
    """Several, parted by commas."""
    return tuple(dict.fromkeys(word for part in text.split(",") if (word := part.strip().strip("/"))))


def _reference(setup: Setup, page: Page, given: Mapping[str, str]) -> str:
    """Where the credential is; empty where none is asked, or it is not said yet."""
    match given.get("kept", ""):
        case "keyring":
            return f"{KEYRING}:{connection_name(setup, page)}"
        case "env" if given.get("variable"):
            return f"{VARIABLE}:{given['variable']}"
        case "command" if given.get("program"):
            return f"{PROGRAM}:{given['program']}"
        case _:
            return ""


def connection_name(setup: Setup, page: Page) -> ConnectionName:
    """``prod/jenkins``."""
    return ConnectionName(setup.environment, SYSTEMS[page].value)


def _kv(text: str, mounts: tuple[str, ...]) -> dict[str, str]:
    """``MOUNT/PREFIX``; a mount of several words is known where Vault has told of it."""
    known = sorted((one for one in mounts if f"{text}/".startswith(f"{one}/")), key=len)
    mount = known[-1] if known else text.partition("/")[0]
    prefix = text[len(mount) :].strip("/")
    return {"mount": mount, "prefix": prefix} if prefix else {"mount": mount}


def _private_link(text: str) -> dict[str, Value]:
    """Host, port and protocol of ``HOST``, ``HOST:PORT`` or an address; what is none of these is the host."""
    if not text:
        return {}
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or text, parts.port
    except ValueError:
        return {"host": text}
    found: dict[str, Value] = {"host": host}
    if port is not None:
        found["port"] = port
    if parts.scheme != "https":
        found["protocol"] = parts.scheme
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A page, understood."""

    configured: ConnectionConfig | None = None
    """As it is; beside mistakes of its values too, None where it is not sound or there is no such system."""
    mistakes: Mapping[str, str] = field(default_factory=dict)
    """A sentence by the key of the question."""


def read(setup: Setup, page: Page) -> Read:
    """What a page comes to, judged by the rules of the configuration."""
    if page is Page.ENVIRONMENT:
        return Read(mistakes=_environment_mistakes(setup))
    if page not in SYSTEMS or not setup.has(page):
        return Read()
    from fedesk.config import read_connection

    configured, found = read_connection(
        connection_name(setup, page), SYSTEMS[page], table(setup, page), setup.path
    )
    _, of_address = _address(setup, page)
    asked = {one.key for one in asked_of(page, setup.answers(page))}
    mistakes = {_question_of(setup, page, key): sentence for key, sentence in {**of_address, **found}.items()}
    if "typed" in asked and not setup.secret(page).reveal().strip():
        mistakes["typed"] = "is missing"
    return Read(configured=configured, mistakes=mistakes)


def address_alone(setup: Setup, page: Page) -> ConnectionConfig | None:
    """The connection as far as its address goes, for a knock; None where it is no address yet."""
    configured, mistakes = _address(setup, page) if setup.has(page) else (None, {})
    return None if mistakes else configured


def _address(setup: Setup, page: Page) -> tuple[ConnectionConfig | None, Mapping[str, str]]:
    """The same, and what is wrong with the address: of a table that lacks more, its values are not judged."""
    from fedesk.config import read_connection

    given = {key: value for key, value in table(setup, page).items() if key in PLACE}
    nobody = {"user": "nobody"} if page is Page.SNOWFLAKE else {}
    configured, found = read_connection(
        connection_name(setup, page), SYSTEMS[page], {**given, **nobody}, setup.path
    )
    return configured, {key: sentence for key, sentence in found.items() if key in PLACE}


def _question_of(setup: Setup, page: Page, key: str) -> str:
    """The question whose answer a key of the table is made of."""
    if key == "credential":
        return _GIVEN_BY[setup.answers(page).get("kept", KEYRING)]
    return "at" if key in {"host", "port", "protocol"} else key


def _environment_mistakes(setup: Setup) -> dict[str, str]:
    from fedesk.config import ConfigurationError, config_of
    from fedesk.config_draft import rendered

    try:
        config_of(rendered(_draft(setup, {})), setup.path)
    except ConfigurationError as error:
        return {
            "timezone" if one.key.endswith(".timezone") else "name": one.sentence for one in error.mistakes
        }
    return {}


def draft(setup: Setup) -> Draft:
    """The document that is to be written."""
    return _draft(setup, {system: table(setup, page) for page, system in SYSTEMS.items() if setup.has(page)})


def _draft(setup: Setup, connections: Mapping[System, Mapping[str, Value]]) -> Draft:
    from fedesk.config_draft import Draft

    answers = setup.answers(Page.ENVIRONMENT)
    return Draft(
        environment=setup.environment,
        production=answers["production"] == "yes",
        mode=answers["mode"],
        timezone=answers.get("timezone", "").strip(),
        connections=connections,
    )


def typed_secret(setup: Setup, page: Page) -> SecretText | None:
    """The secret that was typed and is to be kept; None where something else finds it."""
    asked = {one.key for one in asked_of(page, setup.answers(page))}
    secret = setup.secret(page)
    return secret if "typed" in asked and secret.reveal().strip() else None


def missing(setup: Setup) -> str:
    """What is in the way of writing it, as the end of a sentence; empty where nothing is."""
    for page in (Page.ENVIRONMENT, *SYSTEMS):
        mistakes = read(setup, page).mistakes
        for question in asked_of(page, setup.answers(page)):
            if question.key in mistakes:
                return f"{page.value}: {question.label} {mistakes[question.key]}"
    if not any(setup.has(page) for page in SYSTEMS):
        return "no system has an address yet; one is enough"
    if setup.there and setup.answers(Page.WRITE)["replace"] != "yes":
        return "a configuration is there already; say yes to replace it"
    return ""
