"""The verbs of the command line, as data: where each stands, what carries it out, how it is shown.

Help, completion, documentation and manual pages are drawn from this table. A new verb is an entry here and a
function in a module of ``fedesk.cli``, which is imported when the verb is used. Nothing is imported here but
the standard library: completion reads the table at every Tab.
"""

from fedesk.cli.verb_groups import GROUPS, Group, Section, Verb

__all__ = ["GROUPS", "VERBS", "Group", "Section", "Verb"]

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
        "plans export",
        "plans:export",
        "A plan as a file, for who does not share the store",
        ("fedesk plans export --help", "fedesk plans list"),
    ),
    Verb(
        "plans import",
        "plans:import_statements",
        "What was signed elsewhere, checked and kept",
        ("fedesk plans import --help", "fedesk plans list"),
    ),
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
    Verb(
        "login",
        "login:login",
        "Try a credential on its system, and keep it",
        ("fedesk login prod.vault", "fedesk login vault --env staging --json"),
        Section.SET_UP,
    ),
    Verb(
        "doctor",
        "doctor:doctor",
        "What is wrong with connections, store and machine",
        ("fedesk doctor", "fedesk doctor --env prod --json"),
        Section.SET_UP,
    ),
    Verb(
        "policy show",
        "policy:show",
        "Rights and rules of each environment, and your own",
        ("fedesk policy show", "fedesk policy show --env prod --json"),
    ),
    Verb(
        "policy explain",
        "policy:explain",
        "What is asked of one plan, and where it stands",
        ("fedesk policy explain", "fedesk policy explain --json"),
    ),
    Verb(
        "config init",
        "config:init",
        "Write a first one, each connection tried as it is typed",
        ("fedesk config init --help", "fedesk config path"),
    ),
    Verb(
        "config validate",
        "config:validate",
        "Each mistake by file, key and line",
        ("fedesk config validate", "fedesk config validate --json"),
    ),
    Verb(
        "config show",
        "config:show",
        "What it says, credentials as references alone",
        ("fedesk config show", "fedesk config show --env prod"),
    ),
    Verb(
        "config path",
        "config:path",
        "Where it is",
        ("fedesk config path", "fedesk config path --config fedesk.toml"),
    ),
    Verb(
        "config schema",
        "schemas:of_configuration",
        "Its JSON Schema, by which an editor completes it",
        ("fedesk config schema", "fedesk config schema --output fedesk.schema.json"),
    ),
    Verb(
        "catalog import",
        "catalog:import_catalogue",
        "Propose one from what Jenkins, Airflow and dbt say",
        ("fedesk catalog import", "fedesk catalog import --output first.yaml"),
    ),
    Verb(
        "catalog check",
        "catalog:check",
        "Where it and the systems have drifted apart",
        ("fedesk catalog check", "fedesk catalog check --env staging --json"),
    ),
    Verb(
        "catalog schema",
        "schemas:of_catalogue",
        "Its JSON Schema, by which an editor completes it",
        ("fedesk catalog schema", "fedesk catalog schema --output catalog.schema.json"),
    ),
    Verb(
        "store check",
        "store:check",
        "Whether it is whole, and of this program's form",
        ("fedesk store check", "fedesk store check --json"),
    ),
    Verb(
        "store backup",
        "store:backup",
        "A verified copy in a file, while others go on writing",
        ("fedesk store backup --output copy.sqlite3", "fedesk store backup --output b.sqlite3"),
    ),
    Verb(
        "store migrate",
        "store:migrate",
        "Make it, or bring it to this program's form",
        ("fedesk store migrate", "fedesk store migrate --json"),
    ),
    Verb(
        "store copy",
        "store:copy",
        "Carry it into a team's database, or back",
        ("fedesk store copy --help", "fedesk store check"),
    ),
    Verb(
        "store grants",
        "store:grants",
        "The SQL that says who may write what",
        ("fedesk store grants advisory", "fedesk store grants enforced"),
    ),
    Verb(
        "store person",
        "store:person",
        "The SQL that lets a person in, or out",
        ("fedesk store person --help", "fedesk store grants advisory --json"),
    ),
    Verb(
        "sandbox serve",
        "sandbox:serve",
        "Serve them until SIGTERM; prints their configuration's path",
        ("fedesk sandbox serve", "fedesk sandbox serve --seed 11 --scale 0.5 --faults"),
    ),
    Verb(
        "completion",
        "completion:completion",
        "The script by which bash, zsh or fish completes",
        ("fedesk completion bash", "fedesk completion zsh"),
        Section.SET_UP,
    ),
    Verb(
        "demo",
        "demo:demo",
        "The desk over four simulated systems",
        ("fedesk demo", "fedesk demo --help"),
        Section.SET_UP,
    ),
)
