"""Verbs that change something, and what says whether one may: plans, freezes, holds, maintenance."""

from fedesk.cli.verb_groups import Section, Verb

VERBS = (
    Verb(
        "rerun",
        "rerun:rerun",
        "Clear failed tasks, or build a job again; a plan first",
        (
            "fedesk rerun payments_daily --dry-run",
            "fedesk rerun payments_daily --confirm prod --write prod --reason INC-4712",
        ),
        Section.CHANGE,
    ),
    Verb(
        "execute",
        "execute:execute",
        "Carry out, or carry on, an operation that was confirmed",
        ("fedesk execute --help", "fedesk operations list --open"),
        Section.CHANGE,
    ),
    Verb(
        "approve",
        "approve:approve",
        "Approve a plan that waits for it, signed",
        ("fedesk approve --help", "fedesk plans list"),
        Section.CHANGE,
    ),
    Verb(
        "reject",
        "approve:reject",
        "Reject a plan that waits, or take back one's own",
        ("fedesk reject --help", "fedesk plans list --json"),
        Section.CHANGE,
    ),
    Verb(
        "plans list",
        "plans:list_plans",
        "What waits, for whom, until when",
        ("fedesk plans list", "fedesk plans list --env prod --json"),
    ),
    Verb(
        "plans show",
        "plans:show",
        "One plan: effects, guards, who has said what",
        ("fedesk plans show --help", "fedesk plans list"),
    ),
    Verb(
        "plans draft",
        "plan_draft:draft",
        "What a re-run would do with the rights of who asks",
        ("fedesk plans draft payments_daily", "fedesk plans draft payments_daily --json"),
    ),
    Verb(
        "plans export",
        "plans:export",
        "A plan as a file, for who does not share the store",
        ("fedesk plans export --help", "fedesk plans list"),
    ),
    Verb(
        "plans withdraw",
        "approve:withdraw",
        "Take back one's own that has not begun",
        ("fedesk plans withdraw --help", "fedesk plans list"),
    ),
    Verb(
        "plans import",
        "plans:import_statements",
        "What was signed elsewhere, checked and kept",
        ("fedesk plans import --help", "fedesk plans list"),
    ),
    Verb(
        "freeze add",
        "windows:add_freeze",
        "Freeze something, once or recurring",
        (
            'fedesk freeze add --until 2027-01-02T08:00 --reason "year end"',
            "fedesk freeze add --env dev --from 2026-11-27T17:00 --for 62h --every FREQ=WEEKLY --reason off",
        ),
    ),
    Verb(
        "freeze list",
        "windows:list_freezes",
        "Freezes, in force and ahead",
        ("fedesk freeze list", "fedesk freeze list --all --json"),
    ),
    Verb(
        "freeze remove",
        "windows:remove_freeze",
        "End a freeze before its time",
        ('fedesk freeze remove --reason "released"', "fedesk freeze remove --help"),
    ),
    Verb(
        "hold add",
        "windows:add_hold",
        "Stop every change of something",
        (
            'fedesk hold add --pipeline payments_daily --reason "wrong rates"',
            'fedesk hold add --service payments --env staging --reason "wrong rates"',
        ),
    ),
    Verb(
        "hold list",
        "windows:list_holds",
        "What is held",
        ("fedesk hold list", "fedesk hold list --env prod --json"),
    ),
    Verb(
        "hold remove",
        "windows:remove_hold",
        "Lift a hold",
        ('fedesk hold remove --reason "rates are right"', "fedesk hold remove --help"),
    ),
    Verb(
        "maintenance add",
        "windows:add_maintenance",
        "Quiet what is wrong with something for a while",
        (
            'fedesk maintenance add --for 2h --reason "Airflow is upgraded"',
            'fedesk maintenance add --pipeline payments_daily --env staging --for 90m --reason "known"',
        ),
    ),
    Verb(
        "maintenance list",
        "windows:list_maintenance",
        "Maintenance, now and ahead",
        ("fedesk maintenance list", "fedesk maintenance list --all --json"),
    ),
    Verb(
        "maintenance remove",
        "windows:remove_maintenance",
        "End maintenance before its time",
        ('fedesk maintenance remove --reason "done"', "fedesk maintenance remove --help"),
    ),
)
