"""A DAG run that fedesk makes: what is sent, and how it is found again.

The one verb is ``trigger-dag-run`` with {dag_id, run_id, conf}; the run's id holds the plan's digest, and the
conf the operation under ``fedesk``. It is made without a logical date: a run that tests a release loads
nothing of a day's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from fedesk.clients.airflow_json import DagRunJson, decode, made_by, run_link
from fedesk.clients.airflow_session import AirflowSession, quoted_path
from fedesk.clients.wording import clean
from fedesk.domain.operations import Call, Evidence, Json, Receipt, Settled, Settlement
from fedesk.ports.errors import NotFoundError

VERB = "trigger-dag-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredRun:
    """The arguments of a ``trigger-dag-run``."""

    dag_id: str
    run_id: str
    conf: Mapping[str, Json]
    operation: str

    @classmethod
    def of(cls, call: Call) -> "TriggeredRun":
        """Raises ValueError for arguments that no plan of ours has."""
        conf = call.args.get("conf")
        dag_id, run_id = str(call.args.get("dag_id") or ""), str(call.args.get("run_id") or "")
        ours = conf.get("fedesk") if isinstance(conf, Mapping) else None
        if not dag_id or not run_id or not isinstance(conf, Mapping) or not isinstance(ours, Mapping):
            # Without them it could not be found again.
            raise ValueError("a DAG run needs its DAG, its id, and the operation in its conf")
        return cls(dag_id=dag_id, run_id=run_id, conf=conf, operation=str(ours.get("operation") or call.key))

    @property
    def path(self) -> str:
        """``/dags/D/dagRuns``, where it is made."""
        return quoted_path("dags", self.dag_id, "dagRuns")

    @property
    def body(self) -> dict[str, object]:
        """What is sent."""
        return {"dag_run_id": self.run_id, "logical_date": None, "conf": dict(self.conf)}

    @property
    def named(self) -> str:
        """As sentences have it."""
        return f"{clean(self.dag_id)} / {clean(self.run_id)}"


def receipt_of(session: AirflowSession, wanted: TriggeredRun, found: DagRunJson) -> Receipt:
    """What is said of a run that is there."""
    said = f"{wanted.named} is made, and {clean(found.state or 'queued')}."
    return Receipt(said=said, reference=f"run:{wanted.run_id}", evidence=(_evidence(session, wanted, said),))


def run_there(session: AirflowSession, wanted: TriggeredRun) -> DagRunJson:
    """The run of this id, whosever it is; raises NotFoundError."""
    path = quoted_path("dags", wanted.dag_id, "dagRuns", wanted.run_id)
    return decode(session.get(path).body, DagRunJson, session.endpoint.name)


def is_ours(wanted: TriggeredRun, found: DagRunJson) -> bool:
    """Whether the operation made it."""
    return made_by(found) == wanted.operation


def settle_run(session: AirflowSession, wanted: TriggeredRun) -> Settlement:
    """Whether the run was made, by its id and its conf. Sends nothing but reads; raises SourceError."""
    try:
        found = run_there(session, wanted)
    except NotFoundError as error:
        return _not_there(session, wanted, str(error))
    if is_ours(wanted, found):
        said = f"{wanted.named} is there, made by this operation."
        return _settled(session, wanted, Settled.DONE, said)
    if found.conf is None:
        said = f"{wanted.named} is there, and its conf is not shown: whose it is cannot be told."
        return _settled(session, wanted, Settled.UNKNOWN, said)
    said = f"{wanted.named} is there, made by {clean(made_by(found)) or 'something else'}: ours was refused."
    return _settled(session, wanted, Settled.NOT_DONE, said)


def _not_there(session: AirflowSession, wanted: TriggeredRun, words: str) -> Settlement:
    try:
        session.get(quoted_path("dags", wanted.dag_id))
    except NotFoundError:
        said = f"{clean(wanted.dag_id)} is gone or hidden: whether a run of it was made cannot be told."
        return _settled(session, wanted, Settled.UNKNOWN, said)
    return _settled(session, wanted, Settled.NOT_DONE, f"There is no run {wanted.named}.", words)


def _settled(
    session: AirflowSession, wanted: TriggeredRun, state: Settled, said: str, seen: str = ""
) -> Settlement:
    return Settlement(
        state=state,
        said=said,
        reference=f"run:{wanted.run_id}" if state is Settled.DONE else "",
        evidence=(_evidence(session, wanted, seen or said),),
    )


def _evidence(session: AirflowSession, wanted: TriggeredRun, said: str) -> Evidence:
    link = run_link(session.endpoint.url, wanted.dag_id, wanted.run_id)
    return Evidence(source=f"{session.endpoint.name} DAG run", said=said, at=datetime.now(UTC), link=link)
