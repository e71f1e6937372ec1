"""Verbs that set fedesk up and say whether it is well."""

from fedesk.cli.verb_groups import Section, Verb

VERBS = (
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
        "kit list",
        "kit:list_kits",
        "What there is",
        ("fedesk kit list", "fedesk kit list --json"),
    ),
    Verb(
        "kit show",
        "kit:show",
        "What is in one, and what to fill in; or one file",
        ("fedesk kit show executor", "fedesk kit show permissions/vault-reader.hcl"),
    ),
    Verb(
        "kit copy",
        "kit:copy",
        "Copy one into a folder; nothing is overwritten",
        ("fedesk kit copy executor fedesk-executor", "fedesk kit copy permissions rights --json"),
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
