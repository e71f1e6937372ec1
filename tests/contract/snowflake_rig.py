"""The Snowflake client over the served account, and the look behind it; for tests of both connectors."""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import snowflake.connector

from fedesk.clients.snowflake import SnowflakeClient
from fedesk.domain.names import ConnectionName
from fedesk.ports.endpoint import Endpoint, SecretText

NAME = ConnectionName("prod", "snowflake")


@dataclass(frozen=True, kw_only=True)
class Account:
    """The served account and the look behind it."""

    url: str
    reader: str
    writer: str
    oauth: str

    def warehouses(self) -> dict[str, Any]:
        """What each ran so far."""
        found: dict[str, Any] = requests.get(f"{self.url}/_test/warehouses", timeout=20).json()
        return found

    def statements(self) -> list[str]:
        """Those that needed the reader's warehouse so far."""
        found: list[str] = self.warehouses()["OPS_XS"]["statements"]
        return found

    def clear(self, dag_id: str, run_id: str, note: str) -> None:
        """Have somebody clear the failed tasks of a run of prod, with a note."""
        asked = {"dag_id": dag_id, "run_id": run_id, "note": note}
        requests.post(f"{self.url}/_test/clear", params=asked, timeout=60).raise_for_status()

    def advance(self, seconds: float) -> None:
        """Move the world's time on."""
        requests.post(f"{self.url}/_test/advance", params={"seconds": seconds}, timeout=20).raise_for_status()


def client(  # noqa: PLR0913  (one for each setting that a test varies)
    url: str,
    credential: str,
    *,
    auth: str = "key-pair",
    database: str = "FINEDGE",
    schema: str = "OPS",
    warehouse: str = "OPS_XS",
    deadline: float = 10.0,
    ca_bundle: Path | None = None,
    users: tuple[str, ...] = (),
) -> SnowflakeClient:
    protocol, host, port = url.replace("//", "").split(":")
    endpoint = Endpoint(
        name=NAME,
        url=url,
        user="FEDESK_READER",
        credential=lambda: SecretText(credential),
        connect_timeout=1.0,
        read_timeout=deadline,
        deadline=deadline,
        ca_bundle=ca_bundle,
    )
    return SnowflakeClient(
        endpoint,
        account="finedge",
        host=host,
        port=int(port),
        protocol=protocol,
        user="FEDESK_READER",
        auth=auth,
        role="FEDESK_READER",
        warehouse=warehouse,
        database=database,
        schema=schema,
        users=users,
    )


def connect(account: Account, *, writer: bool = False, **parameters: Any) -> Any:
    """A connection of the connector's own, as somebody else in the company would make one."""
    pem = account.writer if writer else account.reader
    user = "FEDESK_WRITER" if writer else "FEDESK_READER"
    return snowflake.connector.connect(
        **{
            "account": "finedge",
            "host": "127.0.0.1",
            "port": int(account.url.rpartition(":")[2]),
            "protocol": "http",
            "user": user,
            "authenticator": "SNOWFLAKE_JWT",
            "private_key": base64.b64decode("".join(pem.strip().splitlines()[1:-1])),
            "warehouse": "OPS_XS",
            "database": "FINEDGE_DEV",
            "schema": "OPS",
            "platform_detection_timeout_seconds": 0.0,
            **parameters,
        }
    )


@contextmanager
def served() -> Iterator[Account]:
    """The account that the environment names, or one of this process's own."""
    given = os.environ.get("FEDESK_TEST_SNOWFLAKE")
    if given:
        yield Account(**json.loads(given))
        return
    from snowflake_server import serving

    with serving() as found:
        yield Account(**found)
