"""How the sandbox's Vault words its answers."""

import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

DENIED = "1 error occurred:\n\t* permission denied\n\n"


async def body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; empty where it has none."""
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def errors(status: int, *errors: str) -> Response:
    """Vault's refusal."""
    return JSONResponse({"errors": list(errors)}, status_code=status, headers={"Cache-Control": "no-store"})


def unsupported() -> Response:
    """Refuses a verb that a path does not have."""
    return errors(405, "1 error occurred:\n\t* unsupported operation\n\n")


def answer(
    data: dict[str, Any] | None,
    *,
    auth: dict[str, Any] | None = None,
    mount_type: str = "",
    status: int = 200,
) -> Response:
    """Vault's envelope."""
    return JSONResponse(
        {
            "request_id": str(uuid.uuid4()),
            "lease_id": "",
            "renewable": False,
            "lease_duration": 0,
            "data": data,
            "wrap_info": None,
            "warnings": None,
            "auth": auth,
            "mount_type": mount_type,
        },
        status_code=status,
        headers={"Cache-Control": "no-store"},
    )


def logged_in(token: str, accessor: str, policies: list[str], user: str, seconds: int) -> Response:
    """The answer to a login."""
    return answer(
        None,
        auth={
            "client_token": token,
            "accessor": accessor,
            "policies": policies,
            "token_policies": policies,
            "metadata": {"username": user},
            "lease_duration": seconds,
            "renewable": True,
            "entity_id": "",
            "token_type": "service",
            "orphan": True,
            "mfa_requirement": None,
            "num_uses": 0,
        },
    )


def time(moment: datetime) -> str:
    """RFC 3339 with nanoseconds, as Go writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def mounts(kv: str) -> dict[str, Any]:
    """``sys/internal/ui/mounts`` of a server with one engine of KV version 2."""
    own = {"description": "per-token private secret storage", "options": None, "type": "cubbyhole"}
    return {
        "auth": {"token/": {"description": "token based credentials", "options": None, "type": "token"}},
        "secret": {
            "cubbyhole/": own,
            f"{kv}/": {"description": "", "options": {"version": "2"}, "type": "kv"},
        },
    }
