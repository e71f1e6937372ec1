"""Snowflake as the desk reads it, by the connector's PEP 249 surface: ``pipeline_runs`` and ages of keys.

A query wakes a suspended warehouse and is billed for a minute at least, so a look is one SELECT and the
composition looks rarely; the login and DESCRIBE need no warehouse. Works with connector 4.8 and 5.x.
"""

import contextlib
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import requests
import snowflake.connector
import snowflake.connector.errors

from fedesk.clients import snowflake_rights
from fedesk.clients.bearer import expiry_of
from fedesk.clients.certificates import chain_of
from fedesk.clients.requests_session import TimedSession, translate
from fedesk.clients.snowflake_browser import browser_parameters, id_token_of, quietly
from fedesk.clients.snowflake_errors import is_about_the_connection, sql_error, words
from fedesk.clients.snowflake_login import login_parameters, proxy_parameters
from fedesk.clients.snowflake_query import as_text, prepared, query_error
from fedesk.clients.snowflake_rows import LOAD_COLUMNS, as_load, as_moment
from fedesk.clients.snowflake_tracing import Tracing
from fedesk.clients.snowflake_users import PREFIX, as_secret, describe_statement, undetermined
from fedesk.clients.wording import quoted, status_error
from fedesk.domain.examination import Chain, Examination
from fedesk.domain.identity import Identity
from fedesk.domain.observation import Observation, Problem
from fedesk.domain.runs import Load
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.text import one_line
from fedesk.domain.traces import Looked, Sought
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    NotFoundError,
    ProtocolError,
    ServerFaultError,
    SourceError,
    TlsError,
    UnreachableError,
)

DAYS = 3
"""How far back of the newest row a first look reads."""
ROWS = 5_000
"""At most so many, the newest; where there are more a Problem says so."""
REREAD = timedelta(days=2)
"""Rows may still change for so long after their start; a later look reads them again."""
SHARE = 0.5
"""The part of a request's time that all users' keys together may take."""
QUERY_TAG = '{"fedesk": "read"}'
_MAJOR = int(snowflake.connector.__version__.split(".")[0])
_NEEDED = frozenset({"RUN_ID", "START_TIME", "STATUS"})

# What fails comes as an exception as well; what the connector warns of is its own future.
logging.getLogger("snowflake").addHandler(logging.NullHandler())
logging.getLogger("snowflake").propagate = False
warnings.filterwarnings("ignore", module=r"snowflake\.connector")


class SnowflakeClient:
    """One account's ``pipeline_runs`` and the keys of its ``users``, read (``ports.sources.Source``).

    ``cursor`` of an observation is the start time from which the next look reads; older rows are taken over
    from the previous one. Each look logs in and out: between two of them a session would only grow old.
    """

    def __init__(  # noqa: PLR0913  (one for each key of the configuration)
        self,
        endpoint: Endpoint,
        *,
        account: str,
        host: str,
        port: int,
        protocol: str,
        user: str,
        auth: str,
        role: str,
        warehouse: str,
        database: str,
        schema: str,
        users: tuple[str, ...] = (),
    ) -> None:
        self._endpoint = endpoint
        self._users = users
        self._auth = auth
        if endpoint.ca_bundle is not None:
            raise CredentialError(
                f"{endpoint.name} has a `ca_bundle`, which Snowflake's connector does not take; remove it "
                "and set REQUESTS_CA_BUNDLE in the environment of fedesk"
            )
        seconds = max(int(endpoint.deadline), 1)
        given = {
            "account": account,
            "host": host,
            "port": port,
            "protocol": protocol,
            "user": user,
            "role": role,
            "warehouse": warehouse,
            "database": database,
            "schema": schema,
        }
        self._parameters: dict[str, Any] = {
            **{key: value for key, value in given.items() if value},
            **proxy_parameters(endpoint),
            "login_timeout": seconds,
            "socket_timeout": max(int(endpoint.read_timeout), 1),
            # It would ask link-local addresses which cloud this is.
            "platform_detection_timeout_seconds": 0.0,
            "client_session_keep_alive": False,
            "log_imported_packages_in_telemetry": False,
            "session_parameters": {
                "QUERY_TAG": QUERY_TAG,
                "TIMEZONE": "UTC",
                "CLIENT_TELEMETRY_ENABLED": False,
                "STATEMENT_TIMEOUT_IN_SECONDS": seconds,
            },
        }
        self._execute: dict[str, Any] = {}
        if _MAJOR >= 5:  # noqa: PLR2004  (the core in Rust)
            # Each kind of its requests has a patience of its own, two minutes and more.
            self._parameters |= {
                "network_timeout": seconds,
                "query_timeout": seconds,
                "request_timeout": seconds,
                "logout_total_timeout_seconds": 2,
                "auto_cleanup": False,
            }
        else:
            # With a network timeout a thread of 4.x cancels the query and, on a hung server, dies with a
            # traceback on the terminal. So the socket's timeout alone bounds it, and nothing is tried again.
            self._execute = {"_no_retry": True}

    def observe(self, previous: Observation | None) -> Observation:
        """Look once; raises SourceError."""
        self._reach()
        since = None if previous is None or not previous.loads else as_moment(previous.cursor)
        with self._connected() as connection, contextlib.closing(connection.cursor()) as cursor:
            try:
                columns = self._columns(cursor)
                cursor.execute(_statement(columns, since), **self._execute)
                rows = cursor.fetchall()
            except snowflake.connector.errors.Error as error:
                raise self._failure(error) from None
            secrets = self._secrets(cursor, self._users)
        loads = tuple(as_load(columns, row) for row in rows)
        return replace(_observation(loads, previous, since), secrets=secrets)

    def ages(self, names: tuple[str, ...]) -> tuple[SecretMetadata, ...]:
        """Metadata of a few of its users' keys (``ports.releasing.SecretSource``)."""
        asked = tuple(user for name in names if (user := name.removeprefix(PREFIX)) in self._users)
        if not asked:
            return ()
        self._reach()
        with self._connected() as connection, contextlib.closing(connection.cursor()) as cursor:
            return self._secrets(cursor, asked)

    def whoami(self) -> Identity:
        """User and role of the session, which wakes no warehouse (``ports.sources.IdentitySource``)."""
        self._reach()
        login = login_parameters(self._endpoint, self._auth, self._parameters)
        with self._session(login) as connection:
            role = connection.role
            return Identity(
                user=one_line(str(connection.user or self._endpoint.user), 120),
                roles=(one_line(str(role), 120),) if role else (),
                until=expiry_of(str(login.get("token", ""))),
            )

    def sign_in(self, show: Callable[[str], None]) -> SecretText:
        """Have a person sign in at the address that ``show`` is given; gives the token to come with later."""
        self._reach()
        login = browser_parameters(self._endpoint, self._parameters, show)
        with quietly(), self._session(login) as connection:
            return id_token_of(self._endpoint, connection)

    def trace(self, sought: Sought) -> Looked:
        """Where an operation's id stands (``ports.tracing.TraceSource``)."""
        self._reach()
        with self._connected() as connection, contextlib.closing(connection.cursor()) as cursor:
            return Tracing(cursor, self._execute, self._endpoint, self._failure, sought).looked()

    def scalar(self, query: str, binds: Mapping[str, str], *, tag: str) -> str | None:
        """The first column of the first row of a query (``ports.releasing.QuerySource``)."""
        asked = prepared(query, binds, self._endpoint)
        self._reach()
        login = login_parameters(self._endpoint, self._auth, self._parameters)
        tagged = {**self._parameters["session_parameters"], "QUERY_TAG": tag}
        with (
            self._session({**login, "session_parameters": tagged}) as connection,
            contextlib.closing(connection.cursor()) as cursor,
        ):
            try:
                cursor.execute(asked.statement, asked.values or None, **self._execute)
                row = cursor.fetchone()
            except snowflake.connector.errors.Error as error:
                lost = is_about_the_connection(error)
                raise (self._failure(error) if lost else query_error(error, self._endpoint)) from None
        if row is None:
            raise NotFoundError(f"{self._endpoint.name} has no row for {quoted(query, limit=120)}")
        return as_text(row[0])

    def chain(self) -> Chain:
        """The certificates that the account presents (``ports.examining.ExaminedSource``)."""
        return chain_of(self._endpoint)

    def examine(self) -> Examination:
        """What it is and what one may do there (the same port)."""
        self._reach()
        with self._connected() as connection, contextlib.closing(connection.cursor()) as cursor:

            def execute(statement: str) -> list[tuple[Any, ...]]:
                cursor.execute(statement, **self._execute)
                return list(cursor.fetchall())

            try:
                return snowflake_rights.examine(execute, connection.warehouse, self._users)
            except snowflake.connector.errors.Error as error:
                raise self._failure(error) from None

    def close(self) -> None:
        """Nothing is held between two looks."""

    def _reach(self) -> None:
        """Ask for nothing, over plain HTTP, so that what cannot be reached is told at once and by its cause.

        The connector tries again until its time is up and then does not say why. TLS is left to it: it trusts
        its own list of authorities.
        """
        with contextlib.suppress(TlsError, ProtocolError):
            self._probe()

    def _probe(self) -> None:
        session = TimedSession(self._endpoint)
        try:
            answer = session.head(self._endpoint.url, allow_redirects=False)
        except (requests.RequestException, OSError, ValueError) as error:
            raise translate(error, self._endpoint) from None
        finally:
            session.close()
        if answer.status_code >= 500:  # noqa: PLR2004  (a fault of the server)
            raise status_error(str(self._endpoint.name), answer.status_code)

    def _connected(self) -> contextlib.AbstractContextManager[Any]:
        """A session with the credential."""
        return self._session(login_parameters(self._endpoint, self._auth, self._parameters))

    @contextlib.contextmanager
    def _session(self, login: dict[str, Any]) -> Iterator[Any]:
        """A session, logged in and in the end out. Nothing of it waits for the interpreter's exit."""
        parameters = {**self._parameters, **login}
        try:
            connection = snowflake.connector.connect(**parameters)
        except snowflake.connector.errors.Error as error:
            raise self._failure(error) from None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ProtocolError(
                f"{self._endpoint.name} cannot be connected to: {quoted(str(error))}; see its settings"
            ) from None
        finally:
            parameters.clear()
        _leave_at_exit(connection)
        try:
            yield connection
        finally:
            with contextlib.suppress(Exception):
                connection.close()

    def _columns(self, cursor: Any) -> tuple[str, ...]:
        """Those of the table that the desk knows, by DESCRIBE, which needs no warehouse."""
        cursor.execute("describe table PIPELINE_RUNS", **self._execute)
        present = {str(row[0]).upper() for row in cursor.fetchall()}
        missing = _NEEDED - present
        if missing:
            raise ProtocolError(
                f"{self._endpoint.name} has a table PIPELINE_RUNS without {', '.join(sorted(missing))}; "
                "see `database` and `schema`, or add the columns"
            )
        return tuple(column for column in LOAD_COLUMNS if column in present)

    def _secrets(self, cursor: Any, users: Iterable[str]) -> tuple[SecretMetadata, ...]:
        """One of each user, whatever becomes of it: what was read beside it is not given up for a user.

        Once the connection is lost or ``SHARE`` is used up, the rest is not asked for.
        """
        found = []
        until, lost = time.monotonic() + self._endpoint.deadline * SHARE, ""
        for user in users:
            statement = describe_statement(user)
            if statement is None:
                problem = "its name is not that of a Snowflake user"
            elif lost or time.monotonic() > until:
                problem = lost or "Snowflake is too slow to be asked for all users in one look"
            else:
                try:
                    cursor.execute(statement, **self._execute)
                    found.append(as_secret(self._endpoint.name, user, cursor.fetchall()))
                    continue
                except snowflake.connector.errors.Error as error:
                    said = quoted(words(error))
                    problem = f"Snowflake does not describe this user to the role: {said}"
                    if is_about_the_connection(error):
                        problem = lost = f"the connection was lost before this user was described: {said}"
            found.append(undetermined(self._endpoint.name, user, problem))
        return tuple(found)

    def _failure(self, error: snowflake.connector.errors.Error) -> SourceError:
        if not is_about_the_connection(error):
            return sql_error(error, self._endpoint)
        # The connector has given up without a cause: look once more for one.
        try:
            self._probe()
        except (UnreachableError, TlsError, ServerFaultError, DeadlineError) as cause:
            return cause
        except ProtocolError:
            pass
        return DeadlineError(
            f"{self._endpoint.name} answers, and did not finish within {self._endpoint.deadline:g} s: "
            f"{quoted(str(error.msg))}; see Snowflake's status, or allow it more `timeout`"
        )


def _statement(columns: tuple[str, ...], since: datetime | None) -> str:
    """One SELECT of the newest rows. All of it is constant but a date that fedesk has written itself."""
    newest = "(select max(START_TIME) from PIPELINE_RUNS)"
    begin = (
        f"dateadd(day, -{DAYS}, {newest})"
        if since is None
        else f"'{since.replace(tzinfo=None).isoformat(sep=' ')}'::timestamp_ntz"
    )
    return (
        f"select {', '.join(columns)} from PIPELINE_RUNS where START_TIME >= {begin} "  # noqa: S608  (see above)
        f"order by START_TIME desc limit {ROWS}"
    )


def _observation(read: tuple[Load, ...], previous: Observation | None, since: datetime | None) -> Observation:
    """What was read and, of the previous look, what lies before it; newest first, at most ``ROWS``."""
    before = () if previous is None or since is None else previous.loads
    kept = tuple(load for load in before if since and load.started_at is not None and load.started_at < since)
    loads = read + kept
    newest = max((load.started_at for load in loads if load.started_at is not None), default=None)
    if newest is not None:
        oldest = newest - timedelta(days=DAYS)
        loads = tuple(load for load in loads if load.started_at is None or load.started_at >= oldest)
    problems: tuple[Problem, ...] = ()
    if len(loads) >= ROWS:
        text = f"pipeline_runs has {ROWS:,} rows or more in {DAYS} days; older ones are not shown"
        problems = (Problem(kind="limit", where="pipeline_runs", text=text),)
    return Observation(
        loads=loads[:ROWS],
        problems=problems,
        cursor="" if newest is None else (newest - REREAD).isoformat(),
    )


def _leave_at_exit(connection: object) -> None:
    """Keep the connector from logging out when the interpreter ends: a hung server would hold it up.

    4.x registers a method of its own for that; 5.x is told by ``auto_cleanup``.
    """
    import atexit

    registered = getattr(connection, "_close_at_exit", None)
    if registered is not None:
        atexit.unregister(registered)
