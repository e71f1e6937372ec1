"""``sys/capabilities-self``: what a token's policies allow on each path that is asked for.

The body names paths; the answer has each beside its capabilities, at the top and under ``data``, and for a
single path under ``capabilities`` as well (developer.hashicorp.com, api-docs/system/capabilities-self).
"""

from collections.abc import Callable, Sequence

from starlette.responses import Response

from fedesk.sandbox.vault_answers import answer, errors

DENY = ("deny",)
_READER = {"metadata": ("list", "read"), "data": DENY}
_WRITER = {
    "metadata": ("create", "delete", "list", "read", "update"),
    "data": ("create", "delete", "read", "update"),
}
_DEFAULT_POLICY = {"auth/token/lookup-self": ("read",), "sys/capabilities-self": ("update",)}


def capabilities_of(paths: object, mount: str, *, writer: bool, allows: Callable[[str], bool]) -> Response:
    """The answer for a token. ``allows`` says whether a path below the mount is open to anybody at all."""
    if not isinstance(paths, list) or not paths:
        return errors(400, "1 error occurred:\n\t* paths must be supplied\n\n")
    found = {str(path): list(_on(str(path), mount, writer=writer, allows=allows)) for path in paths}
    first = found if len(found) > 1 else {**found, "capabilities": next(iter(found.values()))}
    return answer(dict(first))


def _on(path: str, mount: str, *, writer: bool, allows: Callable[[str], bool]) -> Sequence[str]:
    if path in _DEFAULT_POLICY:
        return _DEFAULT_POLICY[path]
    engine, _, rest = path.partition("/")
    kind, _, name = rest.partition("/")
    policy = _WRITER if writer else _READER
    return policy[kind] if engine == mount and kind in policy and allows(name) else DENY
