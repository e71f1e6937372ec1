"""Who is at the desk: a configured principal, else whom the configuration says the machine's user is."""

import os
import pwd
import socket

from fedesk.domain.audit import Actor
from fedesk.domain.roles import People


def actor_of(principal: str | None, people: People | None = None) -> Actor:
    """Who acts, in this process."""
    if principal:
        person, known_by = principal, "configuration"
    else:
        user = os_user()
        whose = people.principal_of(user) if people is not None else ""
        person, known_by = whose or user, "operating system"
    return Actor(person=person, known_by=known_by, host=socket.gethostname(), pid=os.getpid())


def os_user() -> str:
    """The user that this process is of, whatever the environment's variables say."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        # A container's user need not have a name.
        return f"uid {uid}"
