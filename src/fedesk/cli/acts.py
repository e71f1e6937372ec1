"""Plans and operations, as documents for programs and as lines for people."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fedesk.cli.output import Column, Json, instant
from fedesk.domain.operations import Outcome, StepState

if TYPE_CHECKING:
    from fedesk.domain.operations import Decision, Evidence, GuardResult, JournalEntry, Operation, Plan
    from fedesk.services.operation_kinds import Step
    from fedesk.services.proposals import Proposal

GUARD_COLUMNS = (
    Column(title="GUARD", importance=9),
    Column(title="VERDICT", importance=9),
    Column(title="REASON", importance=8, is_text=True),
    Column(title="WHAT TO DO", importance=5, is_text=True),
)


def guards_document(guards: "Iterable[GuardResult]") -> list[Json]:
    """``guards[]``: what each said, and how it is cleared."""
    return [
        {
            "name": one.guard,
            "verdict": one.ruling.value,
            "reason": one.reason,
            "remedy": one.remedy or None,
            "facts": [
                {
                    "name": fact.name,
                    "value": fact.value,
                    "source": fact.source,
                    "observed_at": instant(fact.observed_at),
                }
                for fact in one.facts
            ],
        }
        for one in guards
    ]


def guard_rows(guards: "Iterable[GuardResult]") -> list[tuple[str, str, str, str]]:
    """The same for a table."""
    return [(one.guard, one.ruling.value, one.reason, one.remedy) for one in guards]


def plan_document(plan: "Plan", digest: str) -> dict[str, Json]:
    """What a plan will do; arguments of calls stay behind, for their sentences say them."""
    return {
        "operation": plan.operation,
        "kind": plan.kind,
        "plan_digest": digest,
        "environment": plan.environment,
        "connection": str(plan.connection),
        "address": plan.address,
        "requester": plan.requester,
        "made_by": plan.made_by,
        "made_at": instant(plan.made_at),
        "expires_at": instant(plan.expires_at),
        "reason": plan.reason or None,
        "targets": [
            {
                "name": target.name,
                "pipeline": target.pipeline or None,
                "partition": target.partition or None,
                "pins": dict(target.pins),
                "link": target.link or None,
            }
            for target in plan.targets
        ],
        "effects": [
            {
                "connection": str(effect.connection),
                "system": effect.call.system.value,
                "call": effect.call.verb,
                "sentence": effect.sentence,
                "repeatable": effect.repeatable,
            }
            for effect in plan.effects
        ],
        "notes": list(plan.notes),
    }


def needs_document(proposal: "Proposal") -> dict[str, Json]:
    """What a confirmation has to bring, as the options that bring it."""
    needs = proposal.needs
    return {
        "confirm": needs.name or None,
        "reason": needs.reason,
        "write": needs.window,
        "accept": list(needs.accept),
    }


def flags(proposal: "Proposal") -> str:
    """The options that say yes to a plan: ``--confirm prod --write prod --reason TEXT``."""
    needs = proposal.needs
    words = [f"--confirm {needs.name}" if needs.name else "--yes"]
    if proposal.break_glass:
        words.append("--break-glass")
    if needs.window:
        words.append(f"--write {proposal.plan.environment}")
    if needs.reason:
        words.append("--reason TEXT")
    words.extend(f"--accept {name.replace(' ', '-')}" for name in needs.accept)
    return " ".join(words)


def plan_lines(proposal: "Proposal") -> list[str]:
    """A plan in sentences: what will change, where, and what one should know."""
    from fedesk.domain.guards import ANSWERED

    plan = proposal.plan
    return [
        *(f"{effect.sentence}, on {effect.connection} at {plan.address}" for effect in plan.effects),
        *plan.notes,
        # What blocks is told by the refusal, and what an option answers where the option is missing.
        *(_guard_line(one) for one in proposal.warnings if one.guard not in ANSWERED),
    ]


def plan_facts(plan: "Plan") -> list[tuple[str, str]]:
    """A plan for a person: what it does, where, to what."""
    return [
        *(("will", effect.sentence) for effect in plan.effects),
        ("on", f"{plan.connection} at {plan.address}"),
        *(("run", target.name) for target in plan.targets),
        *(("pinned", f"{name}: {value}") for target in plan.targets for name, value in target.pins.items()),
        *(("note", note) for note in plan.notes),
    ]


def _guard_line(one: "GuardResult") -> str:
    return f"{one.ruling.value}: {one.guard}: {one.reason} {one.remedy}".rstrip()


def steps_document(operation: "Operation") -> list[Json]:
    """``steps[]``: each step of the kind with where it stands, in order."""
    plan, effects = operation.plan, list(operation.plan.effects)
    found: list[Json] = []
    for name, kind, sentence in _steps(operation):
        entry = _last(operation.journal, name)
        call = effects.pop(0).call if kind == "effect" and effects else None
        system = call.system.value if call is not None else _system(plan)
        found.append(
            {
                "name": name,
                "kind": kind or None,
                "system": system,
                "call": call.verb if call is not None else None,
                "sentence": sentence or None,
                "state": (entry.state if entry is not None else StepState.PENDING).value,
                "said": entry.said or None if entry is not None else None,
                "reference": entry.reference or None if entry is not None else None,
            }
        )
    return found


def _system(plan: "Plan") -> str | None:
    return plan.effects[0].call.system.value if plan.effects else None


def _steps(operation: "Operation") -> list[tuple[str, str, str]]:
    """(name, kind, sentence) of each step; by the journal where this version does not know the kind."""
    from fedesk.services.kinds import KINDS

    kind = KINDS.get(operation.plan.kind)
    known: Sequence[Step] = kind.steps_of(operation.plan) if kind is not None else ()
    found = [(step.name, step.kind.value, step.sentence) for step in known]
    names = {name for name, _, _ in found}
    others = dict.fromkeys(entry.step for entry in operation.journal if entry.step)
    return found + [(name, "", "") for name in others if name not in names]


def _last(journal: "Sequence[JournalEntry]", step: str) -> "JournalEntry | None":
    return next((entry for entry in reversed(journal) if entry.step == step), None)


def change_document(operation: "Operation") -> dict[str, Json]:
    """A change: what was to be done, how it went, and where it stands in the audit log."""
    return {
        "run": operation.plan.targets[0].name,
        "operation": operation.plan.operation,
        "kind": operation.plan.kind,
        "plan_digest": operation.digest,
        "stage": operation.stage.value,
        "outcome": operation.outcome.value if operation.outcome is not None else None,
        "said": operation.said or None,
        "steps": steps_document(operation),
        "guards": guards_document(operation.guards),
        "audit": {"intent": operation.audit_intent, "outcome": operation.audit_outcome},
    }


def operation_document(operation: "Operation", decisions: "Sequence[Decision]") -> dict[str, Json]:
    """Everything the store knows of an operation."""
    confirmation, owner = operation.confirmation, operation.owner
    window = confirmation.window
    return {
        **change_document(operation),
        "plan": plan_document(operation.plan, operation.digest),
        "confirmation": {
            "by": confirmation.by,
            "at": instant(confirmation.at),
            "how": confirmation.how,
            "named": confirmation.named or None,
            "accepted": list(confirmation.accepted),
            "break_glass": confirmation.break_glass,
            "window": None
            if window is None
            else {
                "opened_at": instant(window.opened_at),
                "until": instant(window.until),
                "reason": window.reason,
                "opened_by": window.opened_by,
            },
        },
        "confirmed_at": instant(operation.confirmed_at),
        "ended_at": instant(operation.ended_at),
        "owner": None if owner is None else {"host": owner.host, "pid": owner.pid},
        "lease_until": instant(operation.lease_until),
        "decisions": [
            {
                "step": one.step,
                "choice": one.choice.value,
                "reason": one.reason,
                "by": one.by or None,
                "at": instant(one.at),
            }
            for one in decisions
        ],
        "journal": [
            {
                "number": entry.number,
                "at": instant(entry.at),
                "step": entry.step or None,
                "state": entry.state.value,
                "said": entry.said,
                "reference": entry.reference or None,
                "evidence": evidence_document(entry.evidence),
            }
            for entry in operation.journal
        ],
    }


def evidence_document(evidence: "Iterable[Evidence]") -> list[Json]:
    """``evidence[]``: what each system said."""
    return [
        {"source": one.source, "said": one.said, "at": instant(one.at), "link": one.link or None}
        for one in evidence
    ]


def summary_document(operation: "Operation") -> dict[str, Json]:
    """One line of a list of operations."""
    return {
        "operation": operation.plan.operation,
        "kind": operation.plan.kind,
        "run": operation.plan.targets[0].name,
        "environment": operation.plan.environment,
        "stage": operation.stage.value,
        "outcome": operation.outcome.value if operation.outcome is not None else None,
        "said": operation.said or None,
        "requester": operation.plan.requester,
        "confirmed_at": instant(operation.confirmed_at),
        "ended_at": instant(operation.ended_at),
        "open": operation.is_open,
        "audit": {"intent": operation.audit_intent, "outcome": operation.audit_outcome},
    }


def standing_document(operation: "Operation") -> dict[str, Json]:
    """``before``: where an operation stood."""
    outcome = operation.outcome.value if operation.outcome is not None else None
    return {"stage": operation.stage.value, "outcome": outcome}


def standing(operation: "Operation") -> str:
    """Where an operation stands, in one word."""
    return operation.outcome.value if operation.outcome is not None else operation.stage.value


def how_to_look(operation: "Operation") -> str:
    """The command line that looks further, for one that is not settled."""
    id_ = operation.plan.operation
    if operation.undecided:
        return f"`fedesk operations decide {id_}` with proceed or stop decides"
    if operation.outcome is Outcome.UNKNOWN:
        return (
            f"`fedesk operations recheck {id_}` looks again; where no look can tell, "
            f"`fedesk operations settle {id_}` takes your word"
        )
    return f"`fedesk operations show {id_}` tells how it goes"
