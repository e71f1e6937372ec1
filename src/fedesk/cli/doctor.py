"""``fedesk doctor``: each connection, the store and this machine examined, and what to do."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import typer

from fedesk.cli import output, session
from fedesk.cli.endings import gravest
from fedesk.cli.output import Column, Json
from fedesk.domain.examination import Complaint, Gravity, complaints
from fedesk.domain.rights import Grant
from fedesk.exits import Exit

if TYPE_CHECKING:
    from datetime import datetime

    from fedesk.config_types import Config
    from fedesk.domain.examination import Certificate, Checkup
    from fedesk.domain.names import ConnectionName
    from fedesk.domain.rights import Right
    from fedesk.execution import Desk
    from fedesk.ports.sources import Connection
    from fedesk.store.condition import Condition

COLUMNS = (
    Column(title="CONNECTION", importance=9),
    Column(title="STATE", importance=9),
    Column(title="USER", importance=6),
    Column(title="VERSION", importance=4),
    Column(title="LATENCY", importance=5, align="right"),
    Column(title="CLOCK", importance=3, align="right"),
    Column(title="TLS UNTIL", importance=5),
    Column(title="RIGHTS", importance=7),
)
_TOKENS = frozenset({"token", "oidc", "oauth"})
_MACHINE, _STORE, _WATCH, _POLICY = "this machine", "store", "watch", "policy"
Patient = tuple[str, tuple[Complaint, ...]]
"""Who has complaints, and which."""


def doctor(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Examine each connection, the store and this machine, and say what is wrong and what to do.

    Who one is, what one may do (by requests that change nothing), certificates, latency, version, clock. Of
    all environments, or of the one that --env names. Exit code 8 when a system could not be read, 6 when the
    store could not, 0 else: what fedesk may not do is told, and is no failure.
    """
    from fedesk import machine
    from fedesk.cli.store import condition_of
    from fedesk.services.examining import examine

    clock = session.clock_of(context)
    with closing(session.open_desk(context, config, environment)) as desk:
        checkups = examine(_connections(desk, environment))
        condition = condition_of(desk.config, clock.now)
        now, by_token = clock.now(), _by_token(desk.config)
        patients = [
            (
                str(one.connection),
                complaints(
                    one, now, production=_is_production(desk, one), renews=one.connection not in by_token
                ),
            )
            for one in checkups
        ]
        patients.append((_STORE, _of_store(condition)))
        patients.append((_WATCH, _of_watch(desk, condition)))
        patients.append((_POLICY, _of_policy(desk)))
        patients.append((_MACHINE, machine.complaints(_references(desk.config))))
    if as_json:
        _document(environment, now, checkups, condition, patients)
    else:
        _tables(checkups, patients)
    codes = [output.exit_for(one.failure for one in checkups if one.failure)]
    codes += [Exit.AUDIT_UNAVAILABLE] if condition.problems else []
    return gravest(codes)


def _connections(desk: "Desk", environment: str | None) -> "tuple[Connection, ...]":
    """Those of the environment that is named, else of all."""
    return desk.all_connections if environment is None else desk.connections


def _is_production(desk: "Desk", checkup: "Checkup") -> bool:
    facts = desk.by_name.get(checkup.connection.environment)
    return facts is None or facts.production


def _by_token(config: "Config") -> "frozenset[ConnectionName]":
    """Connections with a token that somebody fetched: fedesk cannot get another one by itself."""
    return frozenset(
        one.name
        for place in config.environments.values()
        for one in place.connections()
        if getattr(one.settings, "auth", "") in _TOKENS
    )


def _references(config: "Config") -> list[str]:
    configured = [one for place in config.environments.values() for one in place.connections()]
    named = [config.store.credential, *(one.settings.credential for one in configured)]
    return [one for one in named if one is not None]


def _of_store(condition: "Condition") -> tuple[Complaint, ...]:
    return (
        *(Complaint(gravity=Gravity.FAULT, sentence=one) for one in condition.problems),
        *(Complaint(gravity=Gravity.NOTE, sentence=one) for one in condition.notes),
    )


def _of_watch(desk: "Desk", condition: "Condition") -> tuple[Complaint, ...]:
    """Who tells people, where there is anybody to be told and a store that says so; it is not opened anew."""
    if not desk.config.notify.receivers or condition.problems or condition.records is None:
        return ()
    from fedesk.services.watching import who_watches

    return who_watches(desk.store, desk.processes, desk.clock.now())


def _of_policy(desk: "Desk") -> tuple[Complaint, ...]:
    from fedesk.services.explaining import complaints as found

    signers = desk.config.identity.allowed_signers
    return tuple(found(desk.config.governance, desk.rights, desk.by_name, has_signers=signers is not None))


def _tables(checkups: "Sequence[Checkup]", patients: Sequence[Patient]) -> None:
    output.table(COLUMNS, [_row(one) for one in checkups], "no connection is configured")
    output.blank()
    told = [(who, one) for who, found in patients for one in found]
    for gravity in Gravity:
        for who, complaint in told:
            if complaint.gravity is gravity:
                output.line(f"{gravity.value}: {who}: {complaint.sentence}")
    if not told:
        output.line("Nothing is wrong.")


def _row(checkup: "Checkup") -> tuple[str, ...]:
    found, identity = checkup.examination, checkup.identity
    return (
        str(checkup.connection),
        "live" if checkup.failure is None else checkup.failure.kind.value,
        "" if identity is None else identity.user,
        "" if found is None else found.version,
        "" if found is None else f"{found.latency.total_seconds() * 1000:.0f}ms",
        "" if found is None or found.ahead is None else f"{found.ahead.total_seconds():+.0f}s",
        _tls(checkup),
        "" if found is None else _counted(found.rights),
    )


def _counted(rights: "tuple[Right, ...]") -> str:
    granted = sum(right.grant is Grant.GRANTED for right in rights)
    return f"{granted} of {len(rights)}" if rights else ""


def _tls(checkup: "Checkup") -> str:
    chain = checkup.chain
    if chain is None or not chain.encrypted:
        return "" if chain is None else "no TLS"
    first = min((one.expires_at for one in chain.certificates), default=None)
    return "" if first is None else f"{first:%Y-%m-%d}"


def _document(
    environment: str | None,
    now: "datetime",
    checkups: "Sequence[Checkup]",
    condition: "Condition",
    patients: Sequence[Patient],
) -> None:
    said = dict(patients)
    output.document(
        "fedesk-doctor/1",
        environment,
        now,
        connections=[
            {**_checkup(one), "complaints": _complaints(said[str(one.connection)])} for one in checkups
        ],
        store={"place": condition.where, "complaints": _complaints(said[_STORE])},
        watch={"complaints": _complaints(said[_WATCH])},
        policy={"complaints": _complaints(said[_POLICY])},
        machine={"complaints": _complaints(said[_MACHINE])},
    )


def _complaints(found: tuple[Complaint, ...]) -> Json:
    return [{"gravity": one.gravity.value, "sentence": one.sentence} for one in found]


def _checkup(checkup: "Checkup") -> dict[str, Json]:
    found, identity, chain = checkup.examination, checkup.identity, checkup.chain
    return {
        "name": str(checkup.connection),
        "system": checkup.system.value,
        "address": checkup.address,
        "error": None if checkup.failure is None else checkup.failure.sentence,
        "error_kind": None if checkup.failure is None else checkup.failure.kind.value,
        "user": None if identity is None else identity.user or None,
        "roles": [] if identity is None else list(identity.roles),
        "login_until": None if identity is None else output.instant(identity.until),
        "version": None if found is None else found.version or None,
        "latency_ms": None if found is None else round(found.latency.total_seconds() * 1000, 1),
        "clock_ahead": None if found is None else output.seconds(found.ahead),
        "encrypted": None if chain is None else chain.encrypted,
        "certificates": [] if chain is None else [_certificate(one) for one in chain.certificates],
        "rights": []
        if found is None
        else [
            {
                "name": right.need.name,
                "state": right.grant.value,
                "changes": right.need.changes,
                "optional": right.need.optional,
                "without": right.need.without,
                "said": right.said or None,
            }
            for right in found.rights
        ],
    }


def _certificate(certificate: "Certificate") -> Json:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "expires_at": output.instant(certificate.expires_at),
    }
