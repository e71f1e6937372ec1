"""Verbs that look at systems and tell."""

from fedesk.cli.verb_groups import Verb

VERBS = (
    Verb(
        "status",
        "status:status",
        "How each system and each pipeline stands",
        ("fedesk status", "fedesk status --env staging --json"),
    ),
    Verb(
        "failures",
        "failures:failures",
        "What failed within the last minutes, and why",
        ("fedesk failures --since 15m", "fedesk failures --since 1d --json"),
    ),
    Verb(
        "findings list",
        "findings:list_findings",
        "What is wrong now, who has it, what is quiet",
        ("fedesk findings list", "fedesk findings list --all --json"),
    ),
    Verb(
        "findings ack",
        "findings:acknowledge",
        "Say that you have one, or give it back",
        ("fedesk findings ack payments_daily", "fedesk findings ack payments_daily --json"),
    ),
    Verb(
        "findings assign",
        "findings:assign",
        "Give one to somebody",
        (
            "fedesk findings assign payments_daily jon@finedge.example",
            "fedesk findings assign ledger_load ann@finedge.example --json",
        ),
    ),
    Verb(
        "findings snooze",
        "findings:snooze",
        "Keep one out of the queue until a time",
        (
            'fedesk findings snooze payments_daily 2h "after the load"',
            "fedesk findings snooze ledger_load 23:59 --json",
        ),
    ),
    Verb(
        "findings silence",
        "findings:silence",
        "Keep all of its kind and subject out, for days",
        (
            'fedesk findings silence payments_daily 2d "known to the vendor"',
            'fedesk findings silence ledger_load 7d "moves on Monday" --owner ann@finedge.example',
        ),
    ),
    Verb(
        "findings note",
        "findings:note",
        "Write something down about one",
        (
            'fedesk findings note payments_daily "the file came late"',
            'fedesk findings note ledger_load "acme_07 was called" --json',
        ),
    ),
    Verb(
        "findings lift",
        "findings:lift",
        "Take back a snooze or a silence",
        ("fedesk findings lift --help", "fedesk findings list --all"),
    ),
    Verb(
        "handover",
        "handover:handover",
        "What the next person on call needs, as Markdown",
        ("fedesk handover", "fedesk handover --since 12h --json"),
    ),
    Verb(
        "runs",
        "runs:runs",
        "The newest runs of a pipeline, DAG or job",
        ("fedesk runs payments_daily", "fedesk runs ledger_load --limit 5 --env staging"),
    ),
    Verb(
        "log",
        "log:log",
        "A run's log, secrets hidden; follows one that grows",
        ("fedesk log payments_daily --tail 20", "fedesk log finedge/prod/deploy-payments --errors"),
    ),
    Verb(
        "grep",
        "grep:grep",
        "A text in the logs of several runs",
        (
            "fedesk grep rollout finedge/prod/deploy-payments payments_daily --count",
            "fedesk grep FAIL payments_daily -n -C 2",
        ),
    ),
    Verb(
        "trace",
        "trace:trace",
        "One operation through every system and the audit log",
        ("fedesk trace", "fedesk trace --env prod --json"),
    ),
    Verb(
        "watch",
        "watch:watch",
        "Tell people what happens, without a screen",
        ("fedesk watch --help", "fedesk config validate"),
    ),
    Verb(
        "secrets list",
        "secrets:list_secrets",
        "Each secret by the time it has left",
        ("fedesk secrets list", "fedesk secrets list --env dev --json"),
    ),
    Verb(
        "secrets check",
        "secrets:check",
        "A verdict on all ages, as an exit code for a scheduler",
        ("fedesk secrets check", "fedesk secrets check --max-age 60d --warn 7d --json"),
    ),
)
