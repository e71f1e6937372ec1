"""Verbs of releases: what is where, how they come there, and what stands against one."""

from fedesk.cli.verb_groups import Verb

VERBS = (
    Verb(
        "release matrix",
        "release:matrix",
        "Which release runs where, verified or not",
        ("fedesk release matrix", "fedesk release matrix payments --long"),
    ),
    Verb(
        "release diff",
        "release:diff",
        "What one release has that another has not",
        ("fedesk release diff payments --env prod", "fedesk release diff payments prod staging --json"),
    ),
    Verb(
        "release history",
        "release:history",
        "What was deployed of a service, newest first",
        ("fedesk release history payments", "fedesk release history payments --env staging --json"),
    ),
    Verb(
        "release plan",
        "release_acts:plan",
        "What promoting a service would do, with its gates",
        ("fedesk release plan payments --env prod", "fedesk release plan loyalty --env prod --json"),
    ),
    Verb(
        "release promote",
        "release_acts:promote",
        "Deploy what the environment before runs, and verify it",
        (
            "fedesk release promote loyalty --env prod --dry-run",
            "fedesk release promote loyalty --env prod --confirm prod --write prod --reason CHG-1",
        ),
    ),
    Verb(
        "release rollback",
        "release_acts:rollback",
        "Put the last verified release back",
        (
            "fedesk release rollback loyalty --env prod --dry-run",
            "fedesk release rollback loyalty --env prod --confirm prod --write prod --reason INC-1",
        ),
    ),
    Verb(
        "release answer",
        "release_acts:answer",
        "Answer the question at which a build waits",
        ("fedesk release answer --help", "fedesk release status"),
    ),
    Verb(
        "release status",
        "release_course:status",
        "What is in flight and what waits, in order",
        ("fedesk release status", "fedesk release status --env prod --json"),
    ),
    Verb(
        "release timeline",
        "release_course:timeline",
        "How one promotion or rollback went",
        ("fedesk release timeline --help", "fedesk release status"),
    ),
    Verb(
        "release watch",
        "release_course:watch",
        "Follow one promotion or rollback to its end",
        ("fedesk release watch --help", "fedesk release status"),
    ),
    Verb(
        "release quarantine",
        "release_stops:quarantine",
        "Stop a release everywhere; what is stopped",
        ("fedesk release quarantine", "fedesk release quarantine --service payments --json"),
    ),
    Verb(
        "release dora",
        "release:dora",
        "Lead time, frequency, failures, time to restore",
        ("fedesk release dora payments", "fedesk release dora payments fx_rates --days 14 --json"),
    ),
)
