"""``fedesk config init``, ``validate``, ``show`` and ``path``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fedesk.cli import output, session
from fedesk.cli.output import Column
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.config import Config, ConnectionConfig
    from fedesk.mistakes import Mistake

COLUMNS = (
    Column(title="CONNECTION", importance=9),
    Column(title="SYSTEM", importance=5),
    Column(title="ADDRESS", importance=8),
    Column(title="PART", importance=7),
    Column(title="USER", importance=4),
    Column(title="CREDENTIAL", importance=3),
)


def init(config: session.ConfigOption = None) -> int:
    """Write a first configuration, in a terminal: asks for one environment and its systems, tries each.

    Credentials go into the keyring, or stay where a variable or a command finds them. Nothing is written
    before the last page, and a file that is there is replaced only where one says so. Then the board opens.
    """
    from fedesk.config_path import find_config

    path = find_config(config)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise session.StopError(
            f"config init asks in a terminal, and there is none: write {path} by hand, as"
            " docs/configuration.md shows, then `fedesk config validate` names every mistake in it.",
            Exit.USAGE,
        )
    from fedesk.ui.setup.app import run_setup

    return run_setup(path, asking=True)


def validate(config: session.ConfigOption = None, as_json: session.JsonOption = False) -> int:
    """Check the configuration and its catalogue, and name every mistake by file, line and key.

    Reads files only; no system is asked. Exit code 2 when something is wrong.
    """
    from fedesk.config_path import find_config

    path = find_config(config)
    mistakes = _mistakes(config)
    if as_json:
        output.document(
            "fedesk-config-validation/1",
            None,
            None,
            path=str(path),
            valid=not mistakes,
            mistakes=[
                {"file": str(one.file), "line": one.line, "key": one.key or None, "sentence": one.sentence}
                for one in mistakes
            ],
        )
    else:
        for mistake in mistakes:
            output.narrate(str(mistake))
        if not mistakes:
            sys.stdout.write(f"{path} is valid\n")
    return Exit.USAGE if mistakes else Exit.DONE


def _mistakes(config: Path | None) -> "tuple[Mistake, ...]":
    from fedesk.catalogue import load_catalogue
    from fedesk.config import ConfigurationError, load_config

    try:
        loaded = load_config(config)
        if loaded.catalog is not None:
            load_catalogue(loaded.catalog)
    except ConfigurationError as error:
        return error.mistakes
    return ()


def show(
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show what the configuration comes to: environments and connections, with references and no secrets."""
    from fedesk.config import load_config, select_environment

    loaded = load_config(config)
    chosen = [select_environment(loaded, environment)] if environment else list(loaded.environments.values())
    if as_json:
        _show_document(loaded, environment)
        return Exit.DONE
    sys.stdout.write(
        f"file       {loaded.path}\ncatalogue  {loaded.catalog or 'none'}\nstore      {loaded.store.url}\n"
        f"audit      {_audit_said(loaded)}\nnotify     {_notify_said(loaded)}\n"
    )
    for table in chosen:
        facts = [f"{table.mode}", table.timezone]
        facts += ["production"] if table.production else []
        facts += ["phi"] if table.phi else []
        facts += ["default"] if table.name == loaded.default_environment else []
        output.blank()
        sys.stdout.write(f"{table.name} ({', '.join(facts)})\n")
        rows = [_row(one) for one in table.connections()]
        output.table(COLUMNS, rows, f"environment {table.name} has no connections")
    return Exit.DONE


def _audit_said(loaded: "Config") -> str:
    from fedesk.anchoring import anchor_name

    audit = loaded.audit
    names = ", ".join(anchor_name(one) for one in audit.anchors)
    if not names:
        return "not anchored"
    return (
        f"log {audit.log}, a checkpoint every {audit.every} records, signed by {_sign_said(loaded)}: {names}"
    )


def _sign_said(loaded: "Config") -> str:
    sign = loaded.audit.sign
    match sign:
        case "none":
            return "nobody"
        case "ssh":
            return f"{loaded.identity.principal} (ssh)"
        case _:
            return f"{sign.connection} ({sign.mount}/{sign.key})"


def _notify_said(loaded: "Config") -> str:
    notify = loaded.notify
    names = ", ".join(notify.receivers) or "nobody"
    return names if notify.heartbeat is None else f"{names}; a heartbeat every {notify.heartbeat.every}"


def _notify_document(loaded: "Config") -> dict[str, output.Json]:
    import msgspec

    notify = loaded.notify
    routes: list[output.Json] = [
        {
            "events": sorted(event.value for event in route.events),
            "environments": sorted(route.environments),
            "to": list(route.to),
        }
        for route in notify.routes
    ]
    return {
        "receivers": {name: msgspec.to_builtins(one, enc_hook=str) for name, one in notify.receivers.items()},
        "routes": routes,
        "heartbeat": msgspec.to_builtins(notify.heartbeat, enc_hook=str),
    }


def _audit_document(loaded: "Config") -> dict[str, output.Json]:
    import msgspec

    from fedesk.config_types import ANCHORS

    audit = loaded.audit
    kinds = {kind: sink for sink, kind in ANCHORS.items()}
    anchors: list[output.Json] = [
        {"sink": kinds[type(one)], "settings": msgspec.to_builtins(one, enc_hook=str)}
        for one in audit.anchors
    ]
    sign = audit.sign
    return {
        "log": audit.log,
        "sign": sign if isinstance(sign, str) else f"transit:{sign.connection}:{sign.mount}/{sign.key}",
        "every": audit.every,
        "anchors": anchors,
    }


def _show_document(loaded: "Config", environment: str | None) -> None:
    import msgspec

    output.document(
        "fedesk-config/1",
        environment,
        None,
        path=str(loaded.path),
        default_environment=loaded.default_environment,
        catalog=str(loaded.catalog) if loaded.catalog else None,
        store=msgspec.to_builtins(loaded.store, enc_hook=str),
        identity=msgspec.to_builtins(loaded.identity, enc_hook=str),
        audit=_audit_document(loaded),
        notify=_notify_document(loaded),
        ui=msgspec.to_builtins(loaded.ui),
        environments=[
            {
                "name": table.name,
                "production": table.production,
                "mode": table.mode,
                "timezone": table.timezone,
                "phi": table.phi,
                "connections": [
                    {
                        "name": str(one.name),
                        "system": one.system.value,
                        "settings": msgspec.to_builtins(one.settings, enc_hook=str),
                    }
                    for one in table.connections()
                ],
            }
            for table in loaded.environments.values()
            if environment in {None, table.name}
        ],
    )


def _row(connection: "ConnectionConfig") -> tuple[str, str, str, str, str, str]:
    from fedesk.config import AirflowConfig, JenkinsConfig, SnowflakeConfig, VaultConfig

    match connection.settings:
        case JenkinsConfig(url=address, folders=parts):
            pass
        case AirflowConfig(url=address, tags=parts):
            pass
        case VaultConfig(url=address, kv=kv):
            parts = tuple(f"{one.mount}/{one.prefix}" for one in kv)
        case SnowflakeConfig() as snowflake:
            address = snowflake.host or snowflake.account
            parts = (".".join(part for part in (snowflake.database, snowflake.schema) if part),)
    settings = connection.settings
    part = ", ".join(parts) or "everything"
    return (
        str(connection.name),
        connection.system.value,
        address,
        part,
        settings.user or "",
        settings.credential or "",
    )


def path(config: session.ConfigOption = None, as_json: session.JsonOption = False) -> int:
    """Print where the configuration is: --config, else FEDESK_CONFIG, else the user's own folder."""
    from fedesk.config_path import find_config

    found = find_config(config).expanduser().absolute()
    if as_json:
        output.document("fedesk-config-path/1", None, None, path=str(found), exists=found.is_file())
    else:
        sys.stdout.write(f"{found}\n")
        if not found.is_file():
            output.narrate("There is no file at that path yet; `fedesk config init` writes one.")
    return Exit.DONE
