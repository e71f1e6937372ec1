"""``fedesk store``: the desk's own state made, looked at, kept and moved."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Json, narrate
from fedesk.cli.progress import under_way
from fedesk.exits import Exit

if TYPE_CHECKING:
    from datetime import datetime

    from fedesk.config_types import Config
    from fedesk.ports.endpoint import SecretText
    from fedesk.store.backing_up import Backup
    from fedesk.store.condition import Condition

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database as its owner reaches it, postgresql+psycopg://OWNER@HOST/DATABASE; "
        "store.url if left out.",
    ),
]
CredentialOption = Annotated[
    str | None,
    typer.Option(
        "--credential",
        metavar="REFERENCE",
        help="The password for that address: keyring:NAME, env:NAME or command:PROGRAM.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a state is."""

    url: str
    password: "Callable[[], SecretText] | None"

    @property
    def is_team(self) -> bool:
        """Whether it is a server that several desks share."""
        from fedesk.store.place import is_team

        return is_team(self.url)

    @property
    def path(self) -> Path:
        """The file, where it is one."""
        import platformdirs

        from fedesk.store.place import store_path

        return store_path(self.url, Path(platformdirs.user_state_dir("fedesk")))

    @property
    def said(self) -> str:
        """What it is called."""
        if not self.is_team:
            return str(self.path)
        from sqlalchemy.engine import make_url

        from fedesk.store.postgres import where_of

        return where_of(make_url(self.url))

    @property
    def kind(self) -> str:
        """The word of documents."""
        return "postgresql" if self.is_team else "sqlite"


def _configured(config: "Config") -> Place:
    from fedesk.composition import looked_up

    return Place(url=config.store.url, password=looked_up(config.store.credential))


def _named(url: str, credential: str | None, option: str) -> Place:
    """A team's database named on the command line. Raises StopError."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from fedesk.composition import looked_up

    wanted = f"{option} takes an address like postgresql+psycopg://OWNER@HOST/DATABASE"
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise session.StopError(wanted, Exit.USAGE) from None
    if address.drivername != "postgresql+psycopg":
        raise session.StopError(wanted, Exit.USAGE)
    if address.password is not None:
        sentence = f"{option} holds a password, which others can read; refer to it with --credential"
        raise session.StopError(sentence, Exit.USAGE)
    return Place(url=url, password=looked_up(credential))


def _place(config: Path | None, url: str | None, credential: str | None) -> Place:
    if url is not None:
        return _named(url, credential, "--url")
    if credential is not None:
        raise session.StopError("--credential is that of --url; name both", Exit.USAGE)
    return _configured(session.load(config))


def _team(place: Place, what: str) -> Place:
    """The same, which is a team's. Raises StopError."""
    if not place.is_team:
        sentence = f"{place.said} is one person's file; {what} in a team's database, which --url names"
        raise session.StopError(sentence, Exit.USAGE)
    return place


def _there(place: Place) -> Path:
    """The file, which is there. Raises StopError."""
    if not place.path.exists():
        raise session.StopError(f"{place.path} is not there yet: the first change makes it", Exit.FAILED)
    return place.path


def migrate(
    context: typer.Context,
    url: UrlOption = None,
    credential: CredentialOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Make the store's tables, or bring them to this fedesk's form; never under a living operation.

    A team's database is migrated by the role that owns it; a file migrates itself when it is opened.
    """
    from fedesk.store import tables, team
    from fedesk.store.condition import migrate_file

    place = _place(config, url, credential)
    before = team.migrate(place.url, place.password) if place.is_team else migrate_file(place.path)
    if as_json:
        output.document(
            "fedesk-store-migration/1",
            None,
            session.clock_of(context).now(),
            store=place.said,
            kind=place.kind,
            schema_before=before,
            schema_after=tables.SCHEMA,
        )
        return Exit.DONE
    if before is None:
        output.line(f"{place.said} was made, with schema {tables.SCHEMA}")
    elif before == tables.SCHEMA:
        output.line(f"{place.said} has schema {before} already; nothing was done")
    else:
        output.line(f"{place.said} was brought from schema {before} to {tables.SCHEMA}")
    if place.is_team and before != tables.SCHEMA:
        narrate("Its owner applies the grants now, with psql: `fedesk store grants advisory`, or enforced.")
    return Exit.DONE


def check(
    context: typer.Context, config: session.ConfigOption = None, as_json: session.JsonOption = False
) -> int:
    """Say whether the store can be reached and written, and is as fedesk makes it; exit code 6 if it is not.

    Alters nothing but a counter, which shows that it can be written.
    """
    clock = session.clock_of(context)
    found = condition_of(session.load(config), clock.now)
    if as_json:
        output.document("fedesk-store-check/1", None, clock.now(), **_condition_document(found))
    else:
        output.facts([(name, said) for name, said in _condition_facts(found) if said])
    for note in found.notes:
        narrate(note)
    for problem in found.problems:
        narrate(problem)
    return Exit.AUDIT_UNAVAILABLE if found.problems else Exit.DONE


def condition_of(config: "Config", now: "Callable[[], datetime]") -> "Condition":
    """How the store of a configuration is; alters nothing but a counter in a team's."""
    from fedesk.store.condition import condition_of_file, condition_of_team

    place = _configured(config)
    if place.is_team:
        return condition_of_team(place.url, place.password, now, config.identity.principal)
    return condition_of_file(place.path)


def _condition_document(found: "Condition") -> dict[str, Json]:
    from fedesk.store import tables

    return {
        "store": found.where,
        "kind": "postgresql" if found.is_team else "sqlite",
        "ok": not found.problems,
        "schema_found": found.schema,
        "schema_known": tables.SCHEMA,
        "writable": found.is_writable,
        "latency_ms": None if found.latency is None else round(found.latency.total_seconds() * 1000, 1),
        "records": found.records,
        "head": found.head or None,
        "role": found.role or None,
        "principal": found.principal or None,
        "profile": found.profile or None,
        "clock_ahead": output.seconds(found.ahead),
        "problems": list(found.problems),
        "notes": list(found.notes),
    }


def _condition_facts(found: "Condition") -> list[tuple[str, str]]:
    latency = "" if found.latency is None else f"{found.latency.total_seconds() * 1000:.1f} ms"
    role = f"{found.role}, who is {found.principal}" if found.principal else found.role
    ahead = "" if found.ahead is None else f"{found.ahead.total_seconds():+.3f} s beside this machine's"
    return [
        ("store", found.where),
        ("state", "as it should be" if not found.problems else "not as it should be"),
        ("schema", "" if found.schema is None else str(found.schema)),
        ("writable", "yes" if found.is_writable else ""),
        ("latency", latency),
        ("role", role),
        ("profile", found.profile),
        ("clock", ahead),
        ("records", "" if found.records is None else str(found.records)),
        ("head", found.head),
    ]


def backup(
    context: typer.Context,
    target: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="The file to make; never one that is there.")
    ],
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Copy the store into a file of its own while it is used, and verify the copy.

    A team's state becomes a file too: `audit verify` reads it, and `store copy` carries it into a database.
    """
    from fedesk.store.backing_up import back_up_file, back_up_team

    place = _configured(session.load(config))
    try:
        with under_way(f"copying {place.said}"):
            if place.is_team:
                made = back_up_team(place.url, place.password, target)
            else:
                made = back_up_file(_there(place), target)
    except FileExistsError:
        raise session.StopError(f"{target} is there already; name another", Exit.USAGE) from None
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise session.StopError(f"{target} could not be written: {said}", Exit.FAILED) from None
    _tell_backup(context, place, made, as_json=as_json)
    return Exit.DONE if made.verification.flaw is None else Exit.FAILED


def _tell_backup(context: typer.Context, place: Place, made: "Backup", *, as_json: bool) -> None:
    found = made.verification
    flaw = found.flaw
    if as_json:
        output.document(
            "fedesk-store-backup/1",
            None,
            session.clock_of(context).now(),
            store=place.said,
            kind=place.kind,
            file=str(made.path),
            size_bytes=made.size,
            records=found.records,
            head=found.head,
            flaw=None if flaw is None else {"seq": flaw.seq, "said": flaw.said},
        )
    else:
        output.line(f"{made.path} holds {found.records} records of {place.said}; head {found.head}")
    if flaw is not None:
        narrate(
            f"The copy is kept, but the log in it is not as it was written: record {flaw.seq}: {flaw.said}."
        )


def copy(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help="The database as its owner reaches it, migrated and empty: "
            "postgresql+psycopg://OWNER@HOST/DATABASE.",
        ),
    ],
    credential: CredentialOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Carry the desk's file into a team's database: everything, with the audit log's bytes and hashes.

    The log is verified on both sides. Not while an operation is under way, and not into a database with a
    state of its own.
    """
    from fedesk.services.identity import actor_of
    from fedesk.store.copying import copy_to_team

    loaded = session.load(config)
    source, to = _configured(loaded), _named(target, credential, "--to")
    if source.is_team:
        sentence = f"{source.said} is a team's already; `fedesk store backup` makes a file of it"
        raise session.StopError(sentence, Exit.USAGE)
    path = _there(source)
    at = session.clock_of(context).now()
    actor = actor_of(loaded.identity.principal, loaded.governance.people)
    with under_way(f"copying {path} into {to.said}"):
        copied = copy_to_team(path, to.url, to.password, actor=actor, at=at)
    if as_json:
        output.document(
            "fedesk-store-copy/1",
            None,
            at,
            source=source.said,
            target=to.said,
            records=copied.records,
            head=copied.head,
            recorded=copied.recorded,
            rows=dict(copied.rows),
        )
    else:
        rows = sum(copied.rows.values())
        output.line(f"{to.said} has {copied.records} records and {rows} rows in all; head {copied.head}")
    narrate(
        'Write into each desk\'s configuration: [store] url = "postgresql+psycopg://ROLE@HOST/DATABASE", and '
        f"its credential. Then keep {path} as a backup: what is written there is seen by nobody else."
    )
    return Exit.DONE


def grants(
    context: typer.Context,
    profile: Annotated[
        Literal["advisory", "enforced"], typer.Argument(metavar="advisory|enforced", help="Which rules hold.")
    ],
    as_json: session.JsonOption = False,
) -> int:
    """Print the SQL that gives people and executor their rights in a team's database, for its owner's psql.

    advisory: people's desks run operations. enforced: people propose, only the executor's role runs them.
    """
    from fedesk.store.migrating import sql

    text = sql(f"{profile}.sql")
    if as_json:
        at = session.clock_of(context).now()
        output.document("fedesk-store-grants/1", None, at, profile=profile, sql=text)
    else:
        print(text, end="")
    return Exit.DONE


def person(
    context: typer.Context,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="A login role of the database.")],
    principal: Annotated[
        str, typer.Argument(metavar="PRINCIPAL", help="Who it is, as in identity.principal.")
    ],
    url: UrlOption = None,
    credential: CredentialOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Say who is behind a login role of a team's database, on the record; its owner does it."""
    from fedesk.domain.kept_text import kept_name
    from fedesk.services.identity import actor_of
    from fedesk.store import team

    place = _team(_place(config, url, credential), "who is behind a role stands")
    principal = kept_name(principal.strip())
    if not principal:
        raise session.StopError("PRINCIPAL is empty; write who is behind the role", Exit.USAGE)
    at = session.clock_of(context).now()
    before = team.put_person(place.url, role, principal, actor_of(None), at, place.password)
    if as_json:
        output.document(
            "fedesk-store-person/1", None, at, store=place.said, role=role, principal=principal, before=before
        )
    else:
        changed = f", and was {before} before" if before not in (None, principal) else ""
        output.line(f"role {role} is {principal}{changed}")
    return Exit.DONE
