"""Why an action does not serve with what the cursor is on, a sentence each; None where it does."""

from fedesk.ui.targets import Target


def nothing(target: Target) -> str | None:
    """The cursor is on nothing."""
    return None if target.name else "the cursor is on nothing"


def no_finding(target: Target) -> str | None:
    """No finding is meant."""
    return None if target.marked else nothing(target)


def no_entry(target: Target) -> str | None:
    """Nothing is behind the row."""
    return nothing(target) or (None if target.opens else "there is nothing more behind it")


def no_run(target: Target) -> str | None:
    """No run is behind the row."""
    return nothing(target) or (None if target.run else f"no run stands behind {target.name}")


def no_runbook(target: Target) -> str | None:
    """Neither runbook nor address."""
    if target.runbook or target.link:
        return None
    return nothing(target) or f"{target.name} has no runbook in the catalogue, and no address"


def no_pipeline(target: Target) -> str | None:
    """No pipeline."""
    return nothing(target) or (None if target.pipeline else f"{target.name} belongs to no pipeline")


def no_link(target: Target) -> str | None:
    """The system gave no address."""
    return None if target.link else f"the system gave no address for {target.name or 'this'}"


def no_tries(target: Target) -> str | None:
    """One try only."""
    return None if target.tries > 1 else "there is one try only"


def no_rerun(target: Target) -> str | None:
    """No run that could be run again."""
    if target.marked:
        return None
    return target.unfit or (None if target.rerun else no_run(target))


def missing(target: Target) -> str | None:
    """What a plan still wants."""
    return target.missing or None


def nothing_to_accept(target: Target) -> str | None:
    """No guard asks."""
    return None if target.accepts else "nothing waits to be accepted"


def unbroken(target: Target) -> str | None:
    """Broken glass would override nothing."""
    return target.unbroken or None


def no_line(target: Target) -> str | None:
    """No line takes text."""
    return None if target.has_lines else "there is nothing to type"


def no_holder(target: Target) -> str | None:
    """Nobody stands in the way."""
    return None if target.holder else "no operation of fedesk stands in its way"


def no_operation(target: Target) -> str | None:
    """No operation of fedesk."""
    return nothing(target) or (None if target.operation else f"{target.name} belongs to no operation")


def no_incident(target: Target) -> str | None:
    """No incident."""
    return None if target.incident else "its reason begins with no incident's id"


def no_recheck(target: Target) -> str | None:
    """Nothing is to be found out."""
    return no_operation(target) or target.settled or None


def no_approval(target: Target) -> str | None:
    """It waits for nobody, or not for who is here."""
    return no_operation(target) or target.unapproved or None


def no_withdrawal(target: Target) -> str | None:
    """Nothing of one's own waits."""
    return no_operation(target) or target.unwithdrawn or None


def no_begin(target: Target) -> str | None:
    """It cannot be begun from here."""
    return no_operation(target) or target.unbegun or None


def no_timeline(target: Target) -> str | None:
    """Nothing is released by it."""
    return nothing(target) or (None if target.service else f"{target.name} is no promotion or rollback")


def no_promotion(target: Target) -> str | None:
    """No service, or nothing that could be promoted."""
    if target.marked:
        return None
    return nothing(target) or (target.unpromotable if target.service else "no service stands there") or None


def no_quarantine(target: Target) -> str | None:
    """No release that could be stopped."""
    return nothing(target) or (target.unstoppable if target.service else "no service stands there") or None


def no_lift(target: Target) -> str | None:
    """No release is stopped."""
    return nothing(target) or (target.unliftable if target.service else "no service stands there") or None


def no_answer(target: Target) -> str | None:
    """No build that waits for a person."""
    return nothing(target) or target.unanswered or None


def no_rollback(target: Target) -> str | None:
    """No service, nothing to go back to, or several."""
    if target.marked:
        one_alone = "one service is put back at a time; Esc takes the marks away"
        return one_alone if target.marked > 1 else None
    return nothing(target) or (target.unreturnable if target.service else "no service stands there") or None
