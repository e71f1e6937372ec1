"""Who is at the desk: a configured principal, else the user of the machine."""

import os
import pwd
import socket

from fedesk.domain.audit import Actor


def actor_of(principal: str | None) -> Actor:
    """Who acts, in this process. The user is the process's own, whatever the environment's variables say."""
    if principal:
        person, known_by = principal, "configuration"
    else:
        person, known_by = _user(), "operating system"
    return Actor(person=person, known_by=known_by, host=socket.gethostname(), pid=os.getpid())


def _user() -> str:
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        # A container's user need not have a name.
        return f"uid {uid}"
