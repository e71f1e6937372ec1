"""What the first configuration asks, as data: a page for the environment, for each system, and to write it.

A question is asked where its condition holds for the answers of its page. Its key is that of ``formats.md``
where it is written as it is answered; the rest is made of several answers (``answers.table``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fedesk.domain.states import System

Answers = Mapping[str, str]


class Page(StrEnum):
    """A page, by what it is about."""

    ENVIRONMENT = "environment"
    JENKINS = "jenkins"
    AIRFLOW = "airflow"
    VAULT = "vault"
    SNOWFLAKE = "snowflake"
    WRITE = "write"


SYSTEMS: Mapping[Page, System] = {Page(system.value): system for system in System}
PAGES = tuple(Page)


class Kind(StrEnum):
    """How a question is answered."""

    TEXT = "text"
    CHOICE = "choice"
    HIDDEN = "hidden"
    """Text that is not shown."""
    PARTS = "parts"
    """Several, parted by commas; what there is to choose from is offered."""


KEYRING, VARIABLE, PROGRAM = "keyring", "env", "command"
"""Where a credential is, as the beginning of a reference to it."""


def _always(_answers: Answers) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of a page."""

    key: str
    label: str
    help: str
    """What it is for, in a sentence or two."""
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()
    preset: str = ""
    asked: Callable[[Answers], bool] = _always


def _has(key: str, *values: str) -> Callable[[Answers], bool]:
    """Whether an answer is given, or one of these."""
    return lambda answers: answers.get(key, "") in values if values else bool(answers.get(key, "").strip())


def _where(ask: Callable[[Answers], bool], key: str, *values: str) -> Callable[[Answers], bool]:
    also = _has(key, *values)
    return lambda answers: ask(answers) and also(answers)


def _credential(what: str, example: str, asked: Callable[[Answers], bool]) -> tuple[Question, ...]:
    """Where a credential is kept, and the credential, or what finds it."""
    return (
        Question(
            key="kept", label=f"{what} in", kind=Kind.CHOICE, choices=(KEYRING, VARIABLE, PROGRAM),
            preset=KEYRING, asked=asked,
            help="keyring: type it here, the machine's keyring keeps it. env: an environment variable has "
            "it. command: a program prints it.",
        ),
        Question(
            key="typed", label=what, kind=Kind.HIDDEN, asked=_where(asked, "kept", KEYRING),
            help=f"The {what} itself, typed or pasted. It is not shown, and never stands in the file. "
            "Enter tries it.",
        ),
        Question(
            key="variable", label="variable", asked=_where(asked, "kept", VARIABLE),
            help=f"The name of the variable that holds the {what}, like {example}. It has to be set before "
            "fedesk starts.",
        ),
        Question(
            key="program", label="program", asked=_where(asked, "kept", PROGRAM),
            help=f"The program that prints the {what}, and its arguments, like `pass show jenkins`. Enter "
            "runs it, without a shell.",
        ),
    )  # fmt: skip


_ENVIRONMENT = (
    Question(
        key="name", label="name", preset="prod",
        help="What the environment is called: dev, staging, prod. More can be added to the file later.",
    ),
    Question(
        key="production", label="production", kind=Kind.CHOICE, choices=("yes", "no"), preset="yes",
        help="In production each change is confirmed by the environment's name, and the header is red.",
    ),
    Question(
        key="timezone", label="time zone", help="Times are shown on its clocks. This machine's is guessed.",
    ),
    Question(
        key="mode", label="mode", kind=Kind.CHOICE, choices=("read-only", "guarded"), preset="read-only",
        help="read-only: a change wants a write window first, for an hour, with a reason. guarded: it does "
        "not. Every change is a plan first in both.",
    ),
)  # fmt: skip

_JENKINS = (
    Question(
        key="url", label="address",
        help="Like https://jenkins.example.com, a path in it is kept. Without one there is no Jenkins: Enter "
        "goes on.",
    ),
    Question(
        key="user", label="user", asked=_has("url"),
        help="Who logs in. Without one Jenkins is read as anybody may read it.",
    ),
    *_credential("API token", "JENKINS_TOKEN", _where(_has("url"), "user")),
    Question(
        key="folders", label="folders", kind=Kind.PARTS, asked=_has("url"),
        help="Folders that are this environment's, parted by commas. Without any, everything is.",
    ),
)  # fmt: skip

_AIRFLOW = (
    Question(
        key="url", label="address",
        help="Like https://airflow.example.com, a path in it is kept. Without one there is no Airflow: Enter "
        "goes on.",
    ),
    Question(
        key="auth", label="log in by", kind=Kind.CHOICE, choices=("password", "token", "basic"),
        preset="password", asked=_has("url"),
        help="password: user and password (Airflow 3). token: a bearer token, printed by a command behind "
        "single sign-on. basic: HTTP Basic (Airflow 2).",
    ),
    Question(
        key="user", label="user", asked=_where(_has("url"), "auth", "password", "basic"),
        help="Who logs in.",
    ),
    *_credential("password", "AIRFLOW_PASSWORD", _where(_has("url"), "auth", "password", "basic")),
    *_credential("token", "AIRFLOW_TOKEN", _where(_has("url"), "auth", "token")),
    Question(
        key="tags", label="tags", kind=Kind.PARTS, asked=_has("url"),
        help="DAGs with one of these tags are this environment's, parted by commas. Without any, all are.",
    ),
)  # fmt: skip

_USERS: Mapping[str, tuple[str, str]] = {
    "userpass": ("user", "Who logs in."),
    "ldap": ("user", "Who logs in."),
    "approle": ("role id", "The role id of the AppRole; its secret id is the credential."),
    "jwt": ("role", "The role that the JWT is for."),
    "oidc": ("role", "The role; the auth method's default one without it."),
}
_SECRETS: Mapping[str, tuple[str, str]] = {
    "token": ("token", "VAULT_TOKEN"),
    "approle": ("secret id", "VAULT_SECRET_ID"),
    "userpass": ("password", "VAULT_PASSWORD"),
    "ldap": ("password", "VAULT_PASSWORD"),
    "jwt": ("JWT", "VAULT_JWT"),
}

_VAULT = (
    Question(
        key="url", label="address",
        help="Like https://vault.example.com:8200. Without one there is no Vault: Enter goes on.",
    ),
    Question(
        key="auth", label="log in by", kind=Kind.CHOICE,
        choices=("token", "approle", "userpass", "ldap", "jwt", "oidc"), preset="token", asked=_has("url"),
        help="The auth method. oidc: a browser signs in, by `fedesk login` once the file is written.",
    ),
    *(
        Question(key="user", label=label, help=said, asked=_where(_has("url"), "auth", auth))
        for auth, (label, said) in _USERS.items()
    ),
    *(
        question
        for auth, (what, example) in _SECRETS.items()
        for question in _credential(what, example, _where(_has("url"), "auth", auth))
    ),
    Question(
        key="kv", label="secrets in", kind=Kind.PARTS, asked=_has("url"),
        help="KV engines whose secrets' ages are watched, as MOUNT or MOUNT/PREFIX, parted by commas. Values "
        "are never read.",
    ),
)  # fmt: skip

_SNOWFLAKE = (
    Question(
        key="account", label="account",
        help="The account's identifier, like finedge-eu. Without one there is no Snowflake: Enter goes on.",
    ),
    Question(
        key="at", label="address", asked=_has("account"),
        help="Only of a private link: HOST, or an address. Otherwise the account's public one.",
    ),
    Question(key="user", label="user", asked=_has("account"), help="Who logs in."),
    Question(
        key="auth", label="log in by", kind=Kind.CHOICE, choices=("key-pair", "oauth", "externalbrowser"),
        preset="key-pair", asked=_has("account"),
        help="key-pair: a private key in PEM. oauth: an access token. externalbrowser: a browser opens.",
    ),
    *_credential("private key", "SNOWFLAKE_KEY", _where(_has("account"), "auth", "key-pair")),
    *_credential("token", "SNOWFLAKE_TOKEN", _where(_has("account"), "auth", "oauth")),
    Question(
        key="role", label="role", asked=_has("account"),
        help="Of the session; the user's default without one.",
    ),
    Question(
        key="warehouse", label="warehouse", asked=_has("account"),
        help="Answers a question an hour, and is billed for a minute each time it is woken.",
    ),
    Question(
        key="database", label="database", asked=_has("account"), help="Where PIPELINE_RUNS is looked for.",
    ),
    Question(
        key="schema", label="schema", asked=_has("account"), help="Where PIPELINE_RUNS is looked for.",
    ),
)  # fmt: skip

_WRITE = (
    Question(
        key="replace", label="replace", kind=Kind.CHOICE, choices=("no", "yes"), preset="no",
        asked=_has("there"),
        help="A configuration stands there already. yes: it is kept beside the new one, under another name.",
    ),
)  # fmt: skip

QUESTIONS: Mapping[Page, tuple[Question, ...]] = {
    Page.ENVIRONMENT: _ENVIRONMENT,
    Page.JENKINS: _JENKINS,
    Page.AIRFLOW: _AIRFLOW,
    Page.VAULT: _VAULT,
    Page.SNOWFLAKE: _SNOWFLAKE,
    Page.WRITE: _WRITE,
}

TITLES: Mapping[Page, str] = {
    Page.ENVIRONMENT: "Environment",
    Page.JENKINS: "Jenkins",
    Page.AIRFLOW: "Airflow",
    Page.VAULT: "Vault",
    Page.SNOWFLAKE: "Snowflake",
    Page.WRITE: "Write it",
}

BY_A_BROWSER = frozenset({"externalbrowser", "oidc"})
"""Ways of logging in that are not begun before they are asked for."""

PARTS = ("folders", "tags", "kv")
"""Answers that narrow what is seen, and say nothing of who one is."""


def asked_of(page: Page, answers: Answers) -> tuple[Question, ...]:
    """The questions of a page that are asked, given these answers."""
    return tuple(one for one in QUESTIONS[page] if one.asked(answers))
