"""Verbs on what was done: operations, audit log, incidents."""

from fedesk.cli.verb_groups import Verb

VERBS = (
    Verb(
        "operations list",
        "operations:list_operations",
        "Operations of every environment, newest first",
        ("fedesk operations list", "fedesk operations list --open --json"),
    ),
    Verb(
        "operations show",
        "operations:show",
        "One operation: plan, guards, journal, evidence",
        ("fedesk operations show", "fedesk operations show --json"),
    ),
    Verb(
        "operations recheck",
        "operations:recheck",
        "Look up what became of those that nobody carries on",
        ("fedesk operations recheck", "fedesk operations recheck --env prod --json"),
    ),
    Verb(
        "operations settle",
        "by_hand:settle",
        "A person's word on what no look can tell",
        ("fedesk operations settle --help", "fedesk operations list --open"),
    ),
    Verb(
        "operations decide",
        "by_hand:decide",
        "A person's yes or no to an operation that waits for it",
        ("fedesk operations decide --help", "fedesk operations list --open --json"),
    ),
    Verb(
        "audit tail",
        "audit:tail",
        "The newest records, oldest first",
        ("fedesk audit tail", "fedesk audit tail --limit 5 --json"),
    ),
    Verb(
        "audit show",
        "audit:show",
        "One record, with the plan it tells of",
        ("fedesk audit show 1", "fedesk audit show 1 --json"),
    ),
    Verb(
        "audit verify",
        "checkpoints:verify",
        "Whether the chain is whole and agrees with its checkpoints",
        ("fedesk audit verify", "fedesk audit verify --deep --json"),
    ),
    Verb(
        "audit checkpoint",
        "checkpoints:checkpoint",
        "Sign the log's head and give it to the anchors",
        ("fedesk audit checkpoint", "fedesk audit checkpoint --json"),
    ),
    Verb(
        "audit export",
        "audit:export",
        "The whole log, one record a line, for another to verify",
        ("fedesk audit export", "fedesk audit export --format jsonl --output audit.jsonl"),
    ),
    Verb(
        "audit review",
        "reviewing:review",
        "Look at what was done past the rules, or list what waits",
        ("fedesk audit review", "fedesk audit review --json"),
    ),
    Verb(
        "audit merge",
        "merging:merge",
        "Bring broken glass of this machine into the team's log",
        ("fedesk audit merge", "fedesk audit merge --json"),
    ),
    Verb(
        "incident open",
        "incident:open_incident",
        "Open one; what happens from here on belongs to it",
        (
            'fedesk incident open "payments late" --run payments_daily',
            'fedesk incident open INC-4711 "payments late"',
        ),
    ),
    Verb(
        "incident note",
        "incident:note",
        "Add a note, or acknowledge it",
        (
            'fedesk incident note INC-4711 "I am on it" --acknowledge',
            'fedesk incident note INC-4711 "the file came" --json',
        ),
    ),
    Verb(
        "incident show",
        "incident:show",
        "All that happened in one, in order, also as Markdown",
        ("fedesk incident show", "fedesk incident show INC-4711 --markdown"),
    ),
    Verb(
        "incident list",
        "incident:list_incidents",
        "Incidents, newest first",
        ("fedesk incident list", "fedesk incident list --open --json"),
    ),
    Verb(
        "incident close",
        "incident:close",
        "Close one, with what came of it",
        ('fedesk incident close INC-4711 "loaded by hand"', "fedesk incident close --help"),
    ),
)
