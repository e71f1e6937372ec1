"""People who sign with real keys, each at a desk of their own over one store."""

import subprocess
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from anchored_log import allow, make_key
from making import NOW, minutes
from operation_values import plan_of
from planning import OpenBulkhead

from fedesk.anchors.openssh import OpenSsh
from fedesk.domain.approving import NAMESPACE
from fedesk.domain.audit import Actor
from fedesk.domain.operations import Confirmation, Operation, Plan
from fedesk.domain.plans import digest_of
from fedesk.domain.policy import Governance, Policy, Rule
from fedesk.domain.roles import People, Person, Role
from fedesk.ports.operation_store import Submission
from fedesk.ports.sources import Clock
from fedesk.services.approvals import Approvals
from fedesk.store.operations import SqlStore

MARA, ANN, BEN, EVE, SAM = (f"{name}@finedge.example" for name in ("mara", "ann", "ben", "eve", "sam"))
_NUMBERS = count(1)
"""Of nonces: none is had twice."""
_APPROVER = frozenset({Role.APPROVER})
PEOPLE = People(
    {
        MARA: Person(principal=MARA, roles=frozenset({Role.OPERATOR, Role.APPROVER}), os_users=("mara",)),
        ANN: Person(principal=ANN, roles=_APPROVER),
        BEN: Person(principal=BEN, roles=_APPROVER, os_users=("ben",)),
        SAM: Person(principal=SAM, roles=frozenset({Role.OPERATOR})),
        EVE: Person(principal=EVE, roles=frozenset({Role.OPERATOR})),
    }
)
GOVERNANCE = Governance(
    people=PEOPLE, policy=Policy(general={"rerun": Rule(approvals=1, lives=minutes(480))})
)


@dataclass(frozen=True)
class Team:
    """Keys and files of a team. ``ann2`` is ann's second key, ``old`` one that she has lost."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> "Team":
        """Make the keys; each costs a process."""
        keys = {name: make_key(folder, name) for name in ("mara", "ann", "ann2", "old", "ben", "eve", "sam")}
        (folder / "revoked_keys").write_bytes(keys["old"].read_bytes())
        listed = [(MARA, "mara"), (ANN, "ann"), (ANN, "ann2"), (ANN, "old"), (BEN, "ben"), (EVE, "eve")]
        allow(folder / "allowed_signers", *((who, keys[name]) for who, name in listed))
        return cls(folder)

    def key(self, name: str) -> Path:
        """The public half of somebody's key."""
        return self.folder / f"{name}.pub"

    def sign(self, name: str, raw: bytes, namespace: str = NAMESPACE) -> str:
        """What somebody signs on a machine with nothing but ssh-keygen."""
        command = ["ssh-keygen", "-Y", "sign", "-f", str(self.key(name)), "-n", namespace]
        return subprocess.run(command, input=raw, capture_output=True, check=True).stdout.decode()

    def at(
        self,
        name: str,
        store: SqlStore,
        clock: Clock,
        *,
        governance: Governance = GOVERNANCE,
        executed: frozenset[str] = frozenset(),
    ) -> Approvals:
        """Somebody's desk; a key's name with a number is a second key of the same person."""
        person = name.rstrip("2")
        principal = f"{'ann' if person == 'old' else person}@finedge.example"
        return Approvals(
            store=store,
            signatures=OpenBulkhead(
                OpenSsh(
                    NAMESPACE,
                    key=self.key(name),
                    allowed_signers=self.folder / "allowed_signers",
                    revoked=self.folder / "revoked_keys",
                )
            ),
            governance=governance,
            actor=Actor(person=principal, known_by="configuration", host="desk-3", pid=4242),
            principal=principal,
            clock=clock,
            new_nonce=lambda: f"{next(_NUMBERS):032x}",
            executed=executed,
        )


def waiting_plan(number: int = 1, requester: str = MARA) -> Plan:
    """A plan that waits for eight hours at most."""
    plan = plan_of(number)
    return replace(plan, requester=requester, made_at=NOW, expires_at=NOW + minutes(480))


def submitted(approvals: Approvals, plan: Plan | None = None) -> Operation:
    """Confirmed and signed by who is at the desk."""
    plan = plan or waiting_plan()
    digest = digest_of(plan)
    confirmation = Confirmation(
        operation=plan.operation, digest=digest, by=approvals.actor.person, at=NOW, how="name and key"
    )
    request = approvals.request(plan, digest, ())
    return approvals.store.submit(
        Submission(plan=plan, digest=digest, guards=(), confirmation=confirmation, request=request)
    )
