"""What an editor shows beside a key of catalog.yaml and fedesk.toml: data for their JSON Schemas."""

from collections.abc import Mapping

_OWNER = r"^(engineering|qa|client:[A-Za-z0-9][A-Za-z0-9_.-]*)$"
_DEADLINE = r"^([01]?\d|2[0-3]):[0-5]\d\s+\S+$"
_BUDGET = r"^\d{1,4}/(hour|day|week)$"
_KV_OR_USER = r"^(snowflake|kv):\S.*$"
_RELEASE = r"^(artifact:.+|parameter:.+|description)$"

Words = Mapping[str, object]


def _words(description: str, *examples: object, pattern: str = "") -> Words:
    found: dict[str, object] = {"description": description}
    if examples:
        found["examples"] = list(examples)
    return found | ({"pattern": pattern} if pattern else {})


_HTTP = {
    "timeout": _words("Seconds: to connect, and between two bytes of an answer.", {"connect": 3, "read": 15}),
    "ca_bundle": _words(
        "PEM file of certificate authorities; the system's trust store if left out.", "corp.pem"
    ),
    "client_certificate": _words("PEM file for mutual TLS."),
    "client_key": _words("PEM file of the certificate's key."),
    "proxy": _words("Where requests go through.", "http://proxy.example:3128"),
}
_CREDENTIAL = _words(
    "A reference, never the secret itself: keyring:NAME, env:NAME or command:WORDS.", "keyring:prod/jenkins"
)

WORDS: Mapping[str, Mapping[str, Words]] = {
    # --- catalog.yaml -----------------------------------------------------------------------------------
    "ServiceTable": {
        "owner": _words("Who answers for it: engineering, qa or client:NAME.", "engineering", pattern=_OWNER),
        "repository": _words("Address of the source.", "https://github.com/finedge/payments"),
        "deploy": _words("The Jenkins job that releases it."),
        "promotion": _words("What a release has to have behind it before it goes on."),
        "verify": _words("Looks after a release, each at one system."),
        "schema_version": _words(
            "A query that gives the id of a schema's newest migration.",
            "select max(version) from OPS.SCHEMA_VERSION",
        ),
        "canary": _words("What goes first, and how long it is watched."),
        "rollback": _words("What happens when a verification fails."),
    },
    "DeployTable": {
        "job": _words("Full name; {environment} is filled in.", "finedge/{environment}/deploy-payments"),
        "parameters": _words(
            "Its parameters; {image}, {digest} and {operation} are filled in.",
            {"IMAGE": "{image}@{digest}", "FEDESK_OPERATION": "{operation}"},
        ),
        "release_from": _words(
            "Where a build says what it released: artifact:PATH, parameter:NAME or description.",
            "artifact:release.json",
            pattern=_RELEASE,
        ),
        "dry_run": _words("Parameters that make a build change nothing.", {"DRY_RUN": "true"}),
        "verification_stage": _words("The job's own stage that verifies what it deployed.", "Verify"),
    },
    "PromotionTable": {
        "build": _words(
            "The job that builds releases; if left out the job ci of its pipelines.",
            "finedge/dev/payments-ci",
        ),
        "stages": _words("The stage of that build that tells, by gate."),
        "soak": _words("How long it has to have run, verified, in the environment before.", "4h"),
        "after": _words("Services that go first in a batch.", ["ledger"]),
    },
    "StagesTable": {
        "unit": _words("Of unit tests.", "Unit tests"),
        "data quality": _words("Of tests of data.", "Data-quality tests"),
        "security scan": _words("Of the scan of the image.", "Container scan"),
    },
    "VerifyTable": {
        "airflow": _words("A look at Airflow: import errors, the version of a DAG, a run of it."),
        "dag": _words("The DAG it is about.", "payments_daily"),
        "snowflake": _words(
            "A query that gives one number; :partition is bound.",
            "select count(*) from MARTS.PAYMENTS where LOAD_DATE = :partition",
        ),
        "http": _words("An address; {environment} is filled in.", "https://payments.example/health"),
        "dbt": _words("The results of a dbt run that the build keeps.", "artifact:target/run_results.json"),
        "expect": _words("A value, or a band around what earlier partitions gave.", "none"),
        "within": _words("How long it may take.", "5m"),
    },
    "BandTable": {
        "band": _words("What it is near: earlier partitions."),
        "tolerance": _words("Share it may be off: 0.3 is 30 %.", 0.3),
    },
    "CanaryTable": {
        "slice": _words("What the share is made of.", "clients"),
        "first": _words("Those that go first.", ["acme_07"]),
        "analysis": _words("How long they are watched.", "30m"),
    },
    "RollbackTable": {"automatic": _words("Whether a failed verification rolls back by itself.")},
    "PipelineTable": {
        "service": _words("The service that carries it.", "payments"),
        "owner": _words(
            "Who answers for it: engineering, qa or client:NAME.", "client:acme_07", pattern=_OWNER
        ),
        "tier": _words("What a failure is worth: 1 pages, 2 makes a ticket, 3 is listed.", 1),
        "dag": _words("DAG id; {environment} is filled in.", "payments_daily"),
        "jobs": _words(
            "Its Jenkins jobs by role; ci checks its code, any other moves data where there is no DAG.",
            {"ci": "finedge/{environment}/payments-ci"},
        ),
        "partition": _words("What one run loads."),
        "loads": _words("The datasets it writes."),
        "upstream": _words("Pipelines that come before.", ["ledger_load"]),
        "deadline": _words("Time of day and zone.", "06:00 Europe/London", pattern=_DEADLINE),
        "retry_budget": _words("Re-runs by fedesk per partition and period.", "3/day", pattern=_BUDGET),
        "secrets": {
            **_words("What it logs in with: kv:PATH or snowflake:USER.", ["snowflake:SVC_PAYMENTS"]),
            "items": {"type": "string", "pattern": _KV_OR_USER},
        },
        "runbook": _words("A file beside the catalogue, or an address.", "runbooks/payments_daily.md"),
    },
    "PartitionTable": {
        "kind": _words("Only days so far."),
        "from": _words("The field of a run that names it."),
        "zone": _words("IANA name of the zone whose days they are.", "Europe/London"),
    },
    "LoadTable": {
        "dataset": _words("SCHEMA.TABLE.", "MARTS.PAYMENTS"),
        "write": _words("How a run meets rows that are there; only append doubles them."),
        "column": _words("The column that holds the partition.", "LOAD_DATE"),
        "key": _words("Columns that identify a row.", ["PAYMENT_ID"]),
    },
    # --- fedesk.toml ------------------------------------------------------------------------------------
    "EnvironmentTable": {
        "production": _words("What is not said counts as production."),
        "mode": _words("Whether something may be changed: guarded, or only in a write window: read-only."),
        "timezone": _words("IANA name; times are shown on its clocks.", "Europe/London"),
        "phi": _words("Whether it holds protected health information: reading a log is then recorded."),
        "executor": _words("The Jenkins job that does the writing; people only propose then."),
        "emergency": _words(
            "Sealed credentials for broken glass: a table a connection, and store_url, store_credential, "
            "without_store."
        ),
        "signed": _words("Whether nothing is executed that its requester has not signed."),
        "jenkins": _words("The connection NAME/jenkins."),
        "airflow": _words("The connection NAME/airflow."),
        "vault": _words("The connection NAME/vault."),
        "snowflake": _words("The connection NAME/snowflake."),
        "promote_from": _words(
            "The environment whose releases are promoted here; the one before it in dev, staging, prod.",
            "staging",
        ),
        "registry": _words("The registry of images from which deploy jobs take theirs."),
        "connections": _words(
            "A second system of a kind, by the connection's name; its `system` says which."
        ),
        "policy": _words("The keys of policy for this environment; they win key by key."),
    },
    "EmergencyLogin": {
        "user": _words("Who logs in; the connection's own user if left out.", "fedesk-emergency"),
        "credential": _CREDENTIAL,
    },
    "ExecutorConfig": {
        "connection": _words("Of a Jenkins, as whose user the desk asks.", "prod/jenkins"),
        "job": _words("Full name of the job.", "fedesk/execute"),
        "parameter": _words("The parameter that takes the operation's id."),
        "draft_parameter": _words("The parameter that takes a run, of which the job drafts a plan."),
        "begins_within": _words("Seconds after which a plan that was not taken up is said to hang."),
    },
    "RegistryConfig": {
        **_HTTP,
        "url": _words("Base address, without /v2.", "https://registry.finedge.example"),
        "user": _words("Who logs in; anonymous if left out.", "fedesk"),
        "credential": _CREDENTIAL,
        "names": _words(
            "What images call it, where that is not the host of url.", ["registry.finedge.example"]
        ),
        "token_realm": _words(
            "Where its bearer tokens are had, where that is another server.",
            "https://auth.finedge.example/token",
        ),
    },
    "ReleasesTable": {
        "tickets": _words("Patterns of RE2 by which tickets are found in commits.", ["FIN-[0-9]+"]),
        "budget": _words("Beyond which a release is a finding."),
    },
    "BudgetTable": {
        "build": _words("How long the build that makes it may take.", "10m"),
        "deployment": _words("How long a deployment may take.", "15m"),
        "image": _words("How large its image may be, in KB, MB or GB.", "300MB"),
    },
    "Timeout": {
        "connect": _words("Seconds to wait for a connection."),
        "read": _words("Seconds to wait for the next byte of an answer."),
    },
    "StoreConfig": {
        "url": _words(
            "Where the desk's own state is: sqlite, a file, or a team's PostgreSQL, without a password.",
            "sqlite",
            "postgresql+psycopg://mara@db/fedesk",
        ),
        "credential": _CREDENTIAL,
    },
    "IdentityConfig": {
        "principal": _words("Who you are, as in allowed_signers.", "mara@finedge.example"),
        "signing_key": _words("Public key file; the agent, or the file beside it, signs."),
        "allowed_signers": _words("Whose signatures count."),
        "revoked": _words("Keys that count no more: a revocation list, or public keys, one a line."),
    },
    "UiTable": {
        "theme": _words("The desk's colours, by a theme's name.", "textual-light"),
        "glyphs": _words("auto looks at the terminal; ascii draws with letters and dashes alone."),
        "motion": _words("reduced lets nothing move by itself."),
        "mouse": _words("Whether the mouse is the desk's; otherwise the terminal selects with it."),
        "themes": _words("Themes of your own, by name: each a table of colours."),
    },
    "AuditTable": {
        "log": _words("The audit log's name, by which several desks share an anchor."),
        "sign": _words("Who signs checkpoints: none, ssh or transit:CONNECTION:KEY.", "ssh"),
        "every": _words("Records at most between two checkpoints, where an operation ends."),
        "anchors": _words("Where checkpoints are put, outside the store."),
    },
    "FileAnchorConfig": {"path": _words("A file on other storage; its folder has to be there.")},
    "SyslogAnchorConfig": {
        "address": _words("udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH.", "udp://log.example:514")
    },
    "HttpsAnchorConfig": {
        **_HTTP,
        "url": _words("An address that takes checkpoints by POST and lists them by GET."),
        "user": _words("Who logs in; a bearer token is sent if left out."),
        "credential": _CREDENTIAL,
    },
    "VaultAnchorConfig": {
        "connection": _words("A configured connection.", "prod/vault"),
        "mount": _words("The KV version 2 engine."),
        "path": _words("Below which checkpoints are kept."),
    },
    "JenkinsConfig": {
        **_HTTP,
        "url": _words("Base address; a path in it is kept.", "https://jenkins.finedge.example"),
        "user": _words("Who logs in; anonymous if left out.", "oncall"),
        "credential": _CREDENTIAL,
        "folders": _words(
            "Full names of the folders that are this environment's; everything if left out.", ["finedge/prod"]
        ),
    },
    "AirflowConfig": {
        **_HTTP,
        "url": _words("Base address; a path in it is kept.", "https://airflow.finedge.example"),
        "auth": _words("password (/auth/token of Airflow 3), token (a bearer), basic (Airflow 2)."),
        "user": _words("Who logs in.", "oncall"),
        "credential": _CREDENTIAL,
        "tags": _words("DAGs with one of these tags are this environment's; all if left out.", ["prod"]),
    },
    "VaultConfig": {
        **_HTTP,
        "url": _words("Base address.", "https://vault.finedge.example"),
        "auth": _words("How one logs in."),
        "user": _words("The name for userpass and ldap, the role id for approle, the role for jwt and oidc."),
        "credential": _CREDENTIAL,
        "kv": _words("Parts of KV version 2 engines whose secrets are listed."),
    },
    "KvConfig": {
        "mount": _words("The engine's path.", "kv"),
        "prefix": _words("Everything below this path; the whole mount if left out.", "finedge/prod"),
    },
    "SnowflakeConfig": {
        "account": _words("Account identifier.", "finedge-eu"),
        "host": _words("A private link's name."),
        "port": _words("Of a private link."),
        "protocol": _words("Of a private link."),
        "user": _words("Who logs in.", "FEDESK_READER"),
        "auth": _words("How one logs in."),
        "credential": _CREDENTIAL,
        "role": _words("Of the session.", "FEDESK_READER"),
        "warehouse": _words("Of the session; a query wakes it, which is billed.", "OPS_XS"),
        "database": _words("Of the session.", "FINEDGE"),
        "schema": _words("Of the session; pipeline_runs is looked for in it.", "OPS"),
        "timeout": _HTTP["timeout"],
        "ca_bundle": _HTTP["ca_bundle"],
        "proxy": _HTTP["proxy"],
    },
    "PersonTable": {
        "roles": _words("What they are for, in every environment not named below.", ["operator", "approver"]),
        "os_users": _words("Users of the machine that are this person; of use in ADVISORY mode.", ["mara"]),
        "notify": _words("Where they are told of what waits for them: receivers of notify.", ["slack:mara"]),
        "environments": _words("Their roles in one environment, by its name.", {"prod": ["viewer"]}),
    },
    "PolicyTable": {
        "approvals": _words("How many people beside the requester have to approve."),
        "approvers": _words("Roles of which one has to be theirs.", ["approver"]),
        "lives": _words("How long a plan may be confirmed and executed.", "15m", "8h"),
        "ticket": _words("A pattern of RE2 that is to be found in the reason.", "CHG-[0-9]+"),
        "review": _words("Whether somebody else looks at it afterwards."),
        "escalate_after": _words("How long a plan waits for an approval before more are told.", "30m"),
    },
    "NotifyTable": {
        "receivers": _words("Whom notices are given to, by a name: each an apprise address or PagerDuty."),
        "routes": _words("Which notices go to which receivers."),
        "heartbeat": _words("What is asked now and then, so that somebody notices when it is not any more."),
    },
    "AppriseConfig": {
        "apprise": _words(
            "Reference to an address of apprise, never the address itself.", "keyring:notify/slack"
        ),
        "timeout": _words("Seconds in which a notice has to be taken."),
    },
    "PagerDutyConfig": {
        **_HTTP,
        "pagerduty": _words("Reference to the routing key of a service.", "keyring:notify/pagerduty"),
        "url": _words("Where PagerDuty takes events; https://events.eu.pagerduty.com for the EU."),
    },
    "RouteConfig": {
        "events": _words("What is told; everything if left out.", ["page", "unknown", "break-glass"]),
        "environments": _words("Of which environments; of all if left out.", ["prod"]),
        "to": _words("Names of receivers.", ["slack-oncall"]),
    },
    "HeartbeatConfig": {
        **_HTTP,
        "url": _words("The address.", "https://heartbeat.example/fedesk"),
        "credential": _words("Reference to the address, where whoever knows it may ask it."),
        "every": _words("How often.", "5m"),
        "method": _words("How it is asked."),
    },
    "FileTable": {
        "releases": _words("Tickets of releases, and their budget."),
        "notify": _words("Who is told what away from the desk, by fedesk watch."),
        "people": _words("Who works with the desk, by principal; without it everybody may everything."),
        "policy": _words("What a change takes, by verb: approvals, a ticket, how long a plan lives."),
        "default_environment": _words("The environment that opens first.", "staging"),
        "catalog": _words("The catalogue: a file, or a folder of files.", "catalog.yaml"),
        "store": _words("Where the desk keeps its own state."),
        "identity": _words("Who is at the desk."),
        "audit": _words("How the audit log is signed and anchored."),
        "environments": _words("The environments, by name."),
    },
}
"""By struct and key."""
