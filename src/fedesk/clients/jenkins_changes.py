"""Jenkins as it is changed: a build is triggered, once, and looked for afterwards (``contracts/jenkins.md``).

    verb                    args
    build-with-parameters   job, parameters {name: text}, operation_parameter, after_queue_id, user, dry_run
    build                   the same, for a job that declares no parameters
    answer-input            see ``jenkins_input_changes``

What was triggered is known by its FEDESK_OPERATION, which is the call's key, where the job declares one.
Where it does not, it is what has a queue id above ``after_queue_id``, our user among its causes, and equal
parameters; it must be the only one.

``dry_run`` {name: text} are the parameters of a dry run, where the operation has one: its two triggers are
told apart by whether they have them all, which holds of the call itself and of what was triggered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fedesk.clients.jenkins_builds import OPERATION_PARAMETER, build_path, job_path
from fedesk.clients.jenkins_input_changes import ANSWER, answer_input, settle_input
from fedesk.clients.jenkins_session import JenkinsSession, queue_item_of
from fedesk.clients.jenkins_traces import RecentBuilds, Trace, builds_after, waiting
from fedesk.clients.requests_session import within
from fedesk.clients.wording import clean, quoted
from fedesk.domain.operations import Call, Evidence, Json, Receipt, Settled, Settlement
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import NotFoundError, NotSentError, ProtocolError

_VERBS = {"build-with-parameters": "buildWithParameters", "build": "build"}
_CREATED, _SEE_OTHER = 201, 303


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trigger:
    """A call, understood."""

    verb: str
    job: str
    parameters: Mapping[str, str]
    operation: str
    """What FEDESK_OPERATION is set to; empty where the job does not declare it."""
    after: int
    users: tuple[str, ...]
    """Who may have sent it: the user of the plan, and of this connection, who need not be the same."""
    dry_run: Mapping[str, str]

    @classmethod
    def of(cls, call: Call, endpoint: Endpoint) -> "_Trigger":
        if call.verb not in _VERBS:
            raise NotSentError(
                f"fedesk knows no call {quoted(call.verb)} to {endpoint.name}; nothing was sent"
            )
        after = call.args.get("after_queue_id")
        return cls(
            verb=_VERBS[call.verb],
            job=str(call.args["job"]),
            parameters={
                name: value
                for name, value in _texts(call.args.get("parameters")).items()
                if name != OPERATION_PARAMETER
            },
            operation=call.key if call.args.get("operation_parameter") is True else "",
            after=after if isinstance(after, int) else 0,
            users=tuple(dict.fromkeys((str(call.args.get("user") or endpoint.user), endpoint.user))),
            dry_run=_texts(call.args.get("dry_run")),
        )

    def is_another(self, trace: Trace) -> bool:
        """Whether it is the operation's other trigger: the dry run of the real one, or the real one of it."""
        return bool(self.dry_run) and _has(trace.parameters, self.dry_run) != _has(
            self.parameters, self.dry_run
        )

    @property
    def by(self) -> str:
        """Who may have sent it, in words."""
        return " or ".join(one or "anonymous" for one in self.users)

    @property
    def form(self) -> dict[str, str]:
        """What is sent."""
        return {**self.parameters, **({OPERATION_PARAMETER: self.operation} if self.operation else {})}


class JenkinsChanges:
    """One controller, changed as the connection's user. Everything raises SourceError, opening it as well."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._session = JenkinsSession(endpoint)

    def apply(self, call: Call) -> Receipt:
        """Trigger one build, or answer one input. No redirect is followed, and nothing is ever sent twice.

        Only what the crumb filter refused is sent anew, with a fresh crumb: the job never saw it.
        """
        if call.verb == ANSWER:
            return answer_input(self._session, self._endpoint, call)
        trigger = _Trigger.of(call, self._endpoint)
        with within(self._endpoint.deadline):
            # The crumb's time counts: who waits for this call may settle it once the deadline has passed.
            self._session.prepare_post()
            answer = self._session.post(f"{job_path(trigger.job)}/{trigger.verb}", trigger.form)
        status, location = answer.status_code, answer.headers.get("Location", "")
        item = queue_item_of(answer)
        if item is None or status not in (_CREATED, _SEE_OTHER):
            raise ProtocolError(
                f"{self._endpoint.name} names no queue item for {quoted(trigger.job, limit=120)} "
                f"(HTTP {status}, Location {quoted(location, limit=160)}): a plugin of Jenkins may have "
                "refused it, or a proxy answered in its place"
            )
        merged = status == _SEE_OTHER or item <= trigger.after
        said = f"{clean(trigger.job)} is in the queue as item {item}."
        if merged:
            said = (
                f"Jenkins merged the trigger into queue item {item}, which was there already with the same "
                "parameters: its build is not ours alone."
            )
        link = f"{self._endpoint.url}/queue/item/{item}/"
        return Receipt(
            said=said,
            reference=f"queue:{item}",
            evidence=(self._evidence("answer", f"HTTP {status}, queue item {item}", link),),
        )

    def settle(self, call: Call) -> Settlement:
        """Whether this call had its effect: looks through queue and builds, and sends nothing.

        What was cancelled before it became a build leaves no trace, and is NOT_DONE.
        """
        if call.verb == ANSWER:
            return settle_input(self._session, self._endpoint, call)
        trigger = _Trigger.of(call, self._endpoint)
        try:
            seen = self._look(trigger)
            found = _settled(trigger, seen)
            if found.state is Settled.NOT_DONE:
                # An item that has just left the queue is for an instant neither in it nor a build.
                seen = self._look(trigger)
                found = _settled(trigger, seen)
        except NotFoundError as error:
            return Settlement(
                state=Settled.UNKNOWN,
                said=f"{clean(trigger.job)} is gone or hidden: whether it was triggered cannot be told.",
                evidence=(self._evidence("builds", str(error), self._link(trigger)),),
            )
        return Settlement(
            state=found.state,
            said=found.said,
            reference=found.reference,
            evidence=self._evidences(trigger, seen, found),
        )

    def close(self) -> None:
        """Let go of the sockets."""
        self._session.close()

    def _look(self, trigger: _Trigger) -> "_Seen":
        return _Seen(
            queue=waiting(self._session, trigger.job),
            builds=builds_after(self._session, trigger.job, trigger.after),
        )

    def _evidences(self, trigger: _Trigger, seen: "_Seen", found: "_Found") -> tuple[Evidence, ...]:
        job = clean(trigger.job)
        builds = f"{len(seen.builds.traces)} of {job} with a queue id above {trigger.after}"
        builds += f"; {seen.builds.gap}" if seen.builds.gap else ""
        looked = (
            self._evidence("queue", f"{len(seen.queue)} items of {job}", f"{self._endpoint.url}/queue/"),
            self._evidence("builds", builds, self._link(trigger)),
        )
        return looked + tuple(
            self._evidence(
                "queue" if trace.build is None else "build",
                _told(trace),
                f"{self._endpoint.url}/queue/item/{trace.queue_id}/"
                if trace.build is None
                else f"{self._endpoint.url}/{build_path(trigger.job, trace.build)}/",
            )
            for trace in found.traces
        )

    def _evidence(self, what: str, said: str, link: str) -> Evidence:
        return Evidence(source=f"{self._endpoint.name} {what}", said=said, at=datetime.now(UTC), link=link)

    def _link(self, trigger: _Trigger) -> str:
        return f"{self._endpoint.url}/{job_path(trigger.job)}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    queue: tuple[Trace, ...]
    builds: RecentBuilds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    state: Settled
    said: str
    reference: str = ""
    traces: tuple[Trace, ...] = ()


def _settled(trigger: _Trigger, seen: _Seen) -> _Found:
    everything = [one for one in (*seen.builds.traces, *seen.queue) if not trigger.is_another(one)]
    if trigger.operation:
        ours = [one for one in everything if one.parameters.get(OPERATION_PARAMETER) == trigger.operation]
        if ours:
            # A build that somebody replays keeps its parameters: the first is the one that was triggered.
            return _done(min(ours, key=lambda trace: trace.queue_id), f"carries {trigger.operation}", ours)
        return _without_its_id(trigger, everything) or _absent(trigger, seen, f"carries {trigger.operation}")
    return _settled_by_circumstances(trigger, seen, everything)


def _without_its_id(trigger: _Trigger, everything: Sequence[Trace]) -> _Found | None:
    """What may be ours although it carries no id: the job may have dropped the parameter before it came."""
    doubtful = tuple(
        one
        for one in everything
        if one.queue_id > trigger.after
        and OPERATION_PARAMETER not in one.parameters
        and _is_by(one.causes, trigger.users)
        and _may_have(one, trigger.parameters)
    )
    if not doubtful:
        return None
    named = ", ".join(str(one) for one in doubtful)
    said = f"It cannot be told whether any of these is ours, since none has {OPERATION_PARAMETER}: {named}."
    return _Found(state=Settled.UNKNOWN, said=said, traces=doubtful)


def _settled_by_circumstances(trigger: _Trigger, seen: _Seen, everything: Sequence[Trace]) -> _Found:
    """By queue id, user and parameters, which tell only where exactly one fits."""
    by_us = [one for one in everything if _is_by(one.causes, trigger.users) and not _is_of_another(one)]
    fit = [one for one in by_us if one.queue_id > trigger.after and _has(one.parameters, trigger.parameters)]
    doubtful = [
        one
        for one in by_us
        if one not in fit
        and _may_have(one, trigger.parameters)
        and (one.queue_id > trigger.after or _is_by(one.causes[1:], trigger.users))
    ]
    if len(fit) == 1 and not doubtful:
        rule = f"is by {trigger.by}, with these parameters, and the only one since"
        if len(fit[0].causes) > 1:
            rule += "; others asked for it as well"
        return _done(fit[0], rule, fit)
    if fit or doubtful:
        named = ", ".join(str(one) for one in (*fit, *doubtful))
        return _Found(
            state=Settled.UNKNOWN,
            said=f"It cannot be told whether any of these is ours, since {clean(trigger.job)} takes no "
            f"{OPERATION_PARAMETER}: {named}.",
            traces=(*fit, *doubtful),
        )
    return _absent(trigger, seen, f"is by {trigger.by} with these parameters")


def _done(trace: Trace, rule: str, among: Sequence[Trace]) -> _Found:
    said = f"It was triggered: {trace} {rule}."
    return _Found(state=Settled.DONE, said=said, reference=trace.reference, traces=tuple(among))


def _absent(trigger: _Trigger, seen: _Seen, rule: str) -> _Found:
    job = clean(trigger.job)
    if seen.builds.gap:
        said = f"No queue item or build of {job} {rule}, but {seen.builds.gap}."
        return _Found(state=Settled.UNKNOWN, said=said)
    return _Found(state=Settled.NOT_DONE, said=f"No queue item or build of {job} {rule}.")


def _is_by(causes: Sequence[object], users: Sequence[str]) -> bool:
    """Whether one of the causes is that one of them started it. Jenkins' ids of users have no case."""
    return any(
        getattr(cause, "class_name", "").endswith("UserIdCause")
        and (getattr(cause, "user_id", None) or "").casefold() in {one.casefold() for one in users}
        for cause in causes
    )


def _is_of_another(trace: Trace) -> bool:
    """Whether it carries the id of another operation."""
    return bool(trace.parameters.get(OPERATION_PARAMETER))


def _has(there: Mapping[str, str | None], parameters: Mapping[str, str]) -> bool:
    """Whether all that was sent is there; what was left out has taken its default."""
    return all(there.get(name) == value for name, value in parameters.items())


def _may_have(trace: Trace, parameters: Mapping[str, str]) -> bool:
    """Whether nothing there contradicts what was sent: a parameter may have been dropped from the job."""
    return all(trace.parameters.get(name, value) in (value, None) for name, value in parameters.items())


def _told(trace: Trace) -> str:
    causes = ", ".join(clean(cause.short_description or "") for cause in trace.causes)
    waits = f", waits: {clean(trace.why)}" if trace.why else ""
    return f"{trace}, queue id {trace.queue_id}{waits}; {causes or 'no cause is named'}"


def _texts(given: Json) -> dict[str, str]:
    return {name: _text(value) for name, value in given.items()} if isinstance(given, Mapping) else {}


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
