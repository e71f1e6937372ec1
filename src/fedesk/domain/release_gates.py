"""The gates of a promotion and of a rollback: each a pure function of what was read.

UNKNOWN blocks like FAIL. A gate that does not pass may be waived by who has the right ``waive-gate``, by name
and with a reason. Of a rollback all but a few only warn: what is broken must not forbid its cure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fedesk.domain.durations import duration_text
from fedesk.domain.guards import Situation
from fedesk.domain.operations import Evidence, Fact, GuardResult, Ruling
from fedesk.domain.policy import GATE, WAIVE
from fedesk.domain.release_matrix import Proof, Soak
from fedesk.domain.releases import MIGRATIONS, Gate, GateState, Migration, Release, ReleaseStop
from fedesk.domain.roles import RIGHTS
from fedesk.domain.runs import Run, RunDetail
from fedesk.domain.secrets import SecretAge
from fedesk.domain.states import State, Verdict

BUILT = "built from commit"
VERIFIED = "verified before"
SOAKED = "soaked"
DIGEST = "digest"
STOPPED = "stops"
UPSTREAM = "upstream"
SECRETS = "secrets"
_LISTED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSeen:
    """The build that made a release, as far as it could be read."""

    build: RunDetail | None = None
    release: Release | None = None
    """What the build itself says that it made."""
    trouble: str = ""
    """Why it is not known: retention has removed it, its controller is silent."""
    has_unread_file: bool = False
    """Whether that was not asked: a plan asks a connection five times at most."""
    source: str = ""
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySeen:
    """What the environment's registry says of an image."""

    source: str
    """Empty where none is configured."""
    digest: str = ""
    """Empty where it has no such manifest."""
    trouble: str = ""
    link: str = ""
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSeen:
    """The newest run of a pipeline that comes before."""

    pipeline: str
    run: Run | None = None
    trouble: str = ""
    source: str = ""
    observed_at: datetime


def built_from_commit(release: Release, seen: BuildSeen) -> Gate:
    """The release comes of a build of that commit that ended well."""
    evidence = _of_build(seen)
    if not release.commit:
        return _gate(BUILT, GateState.UNKNOWN, "The release does not say of which commit it is.", evidence)
    if seen.build is None:
        said = f"The build that made {release.commit[:12]} is not known: {seen.trouble.rstrip('.')}."
        return _gate(BUILT, GateState.UNKNOWN, said, evidence)
    run = seen.build.run
    if run.state is not State.SUCCEEDED:
        said = f"{run.name.id}, which made it, is {run.original_state or run.state}."
        return _gate(BUILT, GateState.FAIL, said, evidence)
    commit = run.commit or (seen.release.commit if seen.release is not None else "")
    if not commit:
        return _gate(BUILT, GateState.UNKNOWN, f"{run.name.id} does not say which commit it built.", evidence)
    if commit != release.commit:
        said = f"{run.name.id} built {commit[:12]}, and the release says {release.commit[:12]}."
        return _gate(BUILT, GateState.FAIL, said, evidence)
    return _gate(BUILT, GateState.PASS, f"{run.name.id} built it from {commit[:12]}.", evidence)


def stage_passed(gate: str, stage: str, seen: BuildSeen) -> Gate:
    """The stage of the release's build that the catalogue names for a gate has passed."""
    if not stage:
        said = f"The catalogue names no stage of the build for it (promotion.stages.{gate})."
        return Gate(name=gate, state=GateState.NOT_CONFIGURED, said=said)
    evidence = _of_build(seen)
    if seen.build is None:
        said = f"The build is not known: {seen.trouble.rstrip('.')}."
        return _gate(gate, GateState.UNKNOWN, said, evidence)
    run = seen.build.run
    # A stage may stand there several times, once for each branch of a matrix.
    found = [step for step in seen.build.steps if step.name.casefold() == stage.casefold()]
    if not found:
        return _gate(gate, GateState.UNKNOWN, f"{run.name.id} has no stage {stage}.", evidence)
    bad = next((step for step in found if step.state is not State.SUCCEEDED), None)
    if bad is None:
        return _gate(gate, GateState.PASS, f"{stage} of {run.name.id} passed.", evidence)
    state = GateState.FAIL if bad.state.is_final and bad.state is not State.SKIPPED else GateState.UNKNOWN
    return _gate(gate, state, f"{stage} of {run.name.id} is {bad.original_state or bad.state}.", evidence)


def verified_before(origin: str, proof: Proof, seen: Sequence[Evidence]) -> Gate:
    """The release is verified in the environment that it comes from. Inconclusive is not green."""
    if not origin:
        said = "No environment stands before this one (promote_from)."
        return Gate(name=VERIFIED, state=GateState.NOT_CONFIGURED, said=said)
    said = f"In {origin}: {proof.said.rstrip('.') or proof.verified}."
    return _gate(VERIFIED, GateState.PASS if proof.is_green else GateState.FAIL, said, seen)


def soaked(origin: str, wanted: timedelta | None, soak: Soak, seen: Sequence[Evidence]) -> Gate:
    """It has run there, verified, for as long as the catalogue wants."""
    if wanted is None or not origin:
        said = "The catalogue asks for no time before (promotion.soak)."
        return Gate(name=SOAKED, state=GateState.NOT_CONFIGURED, said=said)
    asked = duration_text(wanted)
    if soak.ran is None:
        said = f"It has to have run in {origin}, verified, for {asked}, and since when it has cannot be told."
        return _gate(SOAKED, GateState.UNKNOWN, said, seen)
    ran = f"It has run in {origin}, verified, for {duration_text(soak.ran)}"
    if soak.ran < wanted:
        return _gate(SOAKED, GateState.FAIL, f"{ran} of {asked}.", seen)
    return _gate(SOAKED, GateState.PASS, f"{ran}; {asked} is asked for.", seen)


def digest(release: Release, registry: RegistrySeen, built: BuildSeen | None) -> Gate:
    """The registry has the manifest under its digest, which is the one that the build made.

    ``built`` is None of a rollback, which asks nobody who made it.
    """
    evidence = _of_registry(registry)
    made = built.release if built is not None else None
    if made is not None and made.digest and made.digest != release.digest:
        said = f"Its build made {_short(made.digest)}, and the release says {_short(release.digest)}."
        return Gate(name=DIGEST, state=GateState.FAIL, said=said, evidence=evidence, waivable=False)
    if not registry.source:
        said = "No registry is configured for this environment."
        return Gate(name=DIGEST, state=GateState.NOT_CONFIGURED, said=said)
    if registry.trouble:
        said = f"{registry.source} could not be asked: {registry.trouble.rstrip('.')}."
        return _gate(DIGEST, GateState.UNKNOWN, said, evidence)
    if not registry.digest:
        said = f"{registry.source} has no {release.image}@{_short(release.digest)}: it cannot be pulled."
        return Gate(name=DIGEST, state=GateState.FAIL, said=said, evidence=evidence, waivable=False)
    if registry.digest != release.digest:
        said = f"{registry.source} answers with {_short(registry.digest)} for {_short(release.digest)}."
        return Gate(name=DIGEST, state=GateState.FAIL, said=said, evidence=evidence, waivable=False)
    also = ", the one that its build made" if made is not None and made.digest else ""
    if built is not None and built.has_unread_file:
        also = "; which one its build made was not asked, since a plan asks a Jenkins five times at most"
    return _gate(DIGEST, GateState.PASS, f"{registry.source} has {_short(release.digest)}{also}.", evidence)


def stopped(stops: Iterable[ReleaseStop], release: Release, environment: str) -> Gate:
    """Nobody has quarantined it, and no rollback holds it here. A stop is lifted, not waived."""
    against = [one for one in stops if one.stops(release.digest, environment)]
    if not against:
        return Gate(name=STOPPED, state=GateState.PASS, said="Nothing stands against it.")
    one = against[0]
    where = f" in {one.environment}" if one.environment else ""
    said = (
        f"{one.by} has it in {one.kind}{where} since {one.at:%Y-%m-%d %H:%M} UTC: {one.reason.rstrip('.')}."
    )
    evidence = (Evidence(source="the desk's store", said=f"{one.kind} {one.id}", at=one.at),)
    return Gate(name=STOPPED, state=GateState.FAIL, said=said, evidence=evidence, waivable=False)


def migrations(brought: Sequence[Migration], unread: Sequence[str], seen: Sequence[Evidence]) -> Gate:
    """What the change does to schemas can be undone; ``unread`` names releases of which it cannot be told."""
    if unread:
        said = f"What {_some(unread)} changes in schemas is not known."
        return _gate(MIGRATIONS, GateState.UNKNOWN, said, seen)
    final = [one.id for one in brought if not one.reversible]
    if final:
        said = f"{_some(final)} cannot be undone."
        return _gate(MIGRATIONS, GateState.FAIL, said, seen)
    said = f"{_some([one.id for one in brought])} can be undone." if brought else "No schema changes."
    return _gate(MIGRATIONS, GateState.PASS, said, seen)


def upstream(seen: Sequence[UpstreamSeen]) -> Gate:
    """The newest runs of what comes before have not failed."""
    if not seen:
        said = "The catalogue names nothing that comes before."
        return Gate(name=UPSTREAM, state=GateState.NOT_CONFIGURED, said=said)
    evidence = tuple(
        Evidence(
            source=one.source,
            said=one.trouble or _ran(one),
            at=one.observed_at,
            link=one.run.link if one.run is not None else "",
        )
        for one in seen
    )
    red = [_ran(one) for one in seen if one.run is not None and one.run.state in _RED]
    if red:
        return _gate(UPSTREAM, GateState.FAIL, f"{_some(red)}.", evidence)
    dark = [
        f"{one.pipeline}: {one.trouble.rstrip('.') or 'no run is seen'}" for one in seen if one.run is None
    ]
    if dark:
        return _gate(UPSTREAM, GateState.UNKNOWN, f"{_some(dark)}.", evidence)
    names = _some([one.pipeline for one in seen])
    return _gate(UPSTREAM, GateState.PASS, f"The newest runs of {names} have not failed.", evidence)


_RED = frozenset({State.FAILED, State.BLOCKED, State.ABORTED, State.UNSTABLE})


def _ran(one: UpstreamSeen) -> str:
    run = one.run
    if run is None:
        return f"{one.pipeline} has no run"
    at = f" since {run.at:%Y-%m-%d %H:%M} UTC" if run.at is not None else ""
    return f"{one.pipeline} is {run.original_state or run.state}{at}"


def secrets(names: Sequence[str], ages: Sequence[SecretAge], trouble: str, at: datetime) -> Gate:
    """The secrets that its pipelines log in with are not older than they may be."""
    if not names:
        said = "The catalogue names no secret of it."
        return Gate(name=SECRETS, state=GateState.NOT_CONFIGURED, said=said)
    evidence = tuple(
        Evidence(source=str(one.secret.connection), said=f"{one.secret.name} is {one.verdict}", at=at)
        for one in ages
    )
    late = [one.secret.name for one in ages if one.verdict is Verdict.OVERDUE]
    if late:
        return _gate(SECRETS, GateState.FAIL, f"{_some(late)} {_are(late)} older than allowed.", evidence)
    known = {one.secret.name for one in ages if one.verdict is not Verdict.UNDETERMINED}
    dark = [name for name in names if name not in known]
    if dark:
        why = f": {trouble.rstrip('.')}" if trouble else ""
        return _gate(
            SECRETS, GateState.UNKNOWN, f"How old {_some(dark)} {_are(dark)} is not known{why}.", evidence
        )
    return _gate(SECRETS, GateState.PASS, f"{_some(names)} {_are(names)} young enough.", evidence)


def verified_once(proof: Proof, seen: Sequence[Evidence]) -> Gate:
    """Of a rollback: its target was verified in this environment. It is never waived."""
    state = GateState.PASS if proof.is_green else GateState.FAIL
    said = f"{proof.said.rstrip('.') or proof.verified}."
    return Gate(name=VERIFIED, state=state, said=said, evidence=tuple(seen), waivable=False)


def warning(gate: Gate) -> Gate:
    """The same gate where it does not stand in the way."""
    return replace(gate, only_warns=True)


def name_of(gate: Gate) -> str:
    """As a guard: ``gate soaked``."""
    return f"{GATE}{gate.name}"


_RULED = {
    GateState.PASS: Ruling.ALLOW,
    GateState.FAIL: Ruling.DENY,
    GateState.UNKNOWN: Ruling.UNKNOWN,
    GateState.NOT_CONFIGURED: Ruling.ALLOW,
}


def ruled(gate: Gate, now: datetime) -> GuardResult:
    """A gate as the guards of a plan have it, its evidence as facts."""
    ruling = _RULED[gate.state]
    stands = ruling is not Ruling.ALLOW
    if stands and gate.only_warns:
        ruling = Ruling.WARN
    configured = "" if gate.state is not GateState.NOT_CONFIGURED else "Not configured. "
    return GuardResult(
        guard=name_of(gate),
        ruling=ruling,
        reason=f"{configured}{gate.said}",
        remedy=_REMEDIES.get(gate.name, "See what the build says of it.") if stands else "",
        facts=tuple(
            Fact(
                name=gate.name,
                value=f"{one.said} {one.link}".strip(),
                source=one.source or "the desk",
                observed_at=min(one.at, now),
            )
            for one in gate.evidence
        ),
    )


_REMEDIES = {
    BUILT: "Promote a release whose build is known.",
    VERIFIED: "Have it verified there: promote it into that environment.",
    SOAKED: "Wait until it has.",
    DIGEST: "Build the release anew, or promote one that is there.",
    STOPPED: "Whoever may lifts it (`fedesk release quarantine`).",
    MIGRATIONS: "Ask whoever knows the schema whether it has to be undone.",
    UPSTREAM: "See what is wrong there first.",
    SECRETS: "Rotate what is old.",
}


def waivable(gates: Iterable[Gate]) -> frozenset[str]:
    """Names, as guards, of the gates that may be waived."""
    return frozenset(name_of(gate) for gate in gates if gate.waivable)


def weighed(result: GuardResult, situation: Situation) -> GuardResult:
    """A gate that may be waived and does not pass: to be accepted, by whom the right is given to.

    It is waived with a reason, like a freeze. For everybody else it blocks, and says who may.
    """
    if not result.blocks:
        return result
    plan, given, people = situation.plan, situation.confirmation, situation.people
    if people.against(plan.requester, WAIVE, plan.environment):
        may = people.with_a_role(RIGHTS[WAIVE], plan.environment)
        remedy = f"{result.remedy} {' or '.join(may) or 'Nobody here'} may waive it, in a plan of their own."
        return replace(result, remedy=remedy.strip())
    if given is not None and result.guard in given.accepted and not plan.reason.strip():
        return replace(
            result,
            ruling=Ruling.DENY,
            reason=f"{result.reason} It was waived without a reason.",
            remedy="Give a reason; on the command line --reason TEXT.",
        )
    remedy = f'{result.remedy} Or waive it with a reason; on the command line --accept "{result.guard}".'
    return replace(result, ruling=Ruling.CONFIRM, remedy=remedy.strip())


def _gate(name: str, state: GateState, said: str, evidence: Sequence[Evidence]) -> Gate:
    return Gate(name=name, state=state, said=said, evidence=tuple(evidence))


def _of_build(seen: BuildSeen) -> tuple[Evidence, ...]:
    if seen.build is None:
        return (Evidence(source=seen.source, said=seen.trouble, at=seen.observed_at),) if seen.source else ()
    run = seen.build.run
    said = f"{run.name.id} {run.original_state}"
    return (Evidence(source=seen.source, said=said, at=seen.observed_at, link=run.link),)


def _of_registry(seen: RegistrySeen) -> tuple[Evidence, ...]:
    if not seen.source:
        return ()
    said = seen.trouble or seen.digest or "no such manifest"
    return (Evidence(source=seen.source, said=said, at=seen.observed_at, link=seen.link),)


def _short(digest_: str) -> str:
    return digest_[: len("sha256:") + 12]


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
