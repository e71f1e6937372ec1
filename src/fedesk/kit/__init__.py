"""Files that a team copies, fills in and applies: what lies beside this module, and what is to be filled in.

Each file works as it stands for the company of the examples; what differs elsewhere is a ``Blank``. A new
kit is an entry here and a folder of its name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """Something that is another at each company."""

    file: str
    example: str
    """As it stands in the file."""
    what: str
    """What to write in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """Files that belong together."""

    name: str
    summary: str
    guide: str
    """The page of the documentation that goes through it."""
    files: Mapping[str, str]
    """What each of them is, by name."""
    blanks: tuple[Blank, ...]

    def text(self, file: str) -> str:
        """A file as it is copied."""
        return (resources.files(__name__) / self.name / file).read_text(encoding="utf-8")

    def places(self) -> Iterator[tuple[Blank, int]]:
        """Each blank with the line, from 1, on which it stands first."""
        for blank in self.blanks:
            before, _, _ = self.text(blank.file).partition(blank.example)
            yield blank, before.count("\n") + 1


EXECUTOR = Kit(
    name="executor",
    summary="A job of Jenkins, or a DAG of a separate Airflow, that carries plans out",
    guide="docs/executor.md",
    files={
        "Jenkinsfile": "the job: looks at the id, then runs `fedesk execute`",
        "folder.groovy": "Job DSL: folder, its credentials, the job, who may build it",
        "jenkins.yaml": "Configuration as Code: the agent of its own, and the line that runs folder.groovy",
        "fedesk.toml": "the executor's configuration: people, policy, credentials of its own",
        "allowed_signers": "whose signatures count",
        "people.toml": "what people's own configuration needs",
        "fedesk_execute.py": "the same as a DAG, for an Airflow of its own",
    },
    blanks=(
        Blank(file="Jenkinsfile", example="/opt/fedesk/bin/fedesk", what="where fedesk is on the agent"),
        Blank(
            file="Jenkinsfile",
            example="/etc/fedesk-executor/fedesk.toml",
            what="where its configuration is, owned by root",
        ),
        Blank(file="folder.groovy", example="/var/jenkins_home/fedesk", what="where this copy is"),
        Blank(
            file="folder.groovy",
            example="/run/secrets/fedesk-executor",
            what="a folder with one file a credential",
        ),
        Blank(file="folder.groovy", example="fedesk-people", what="the group of people who propose"),
        Blank(
            file="jenkins.yaml", example="/var/jenkins_home/fedesk/folder.groovy", what="where this copy is"
        ),
        Blank(file="fedesk.toml", example="fedesk_runner@db.finedge.example", what="database role and host"),
        Blank(
            file="fedesk.toml",
            example="executor@finedge.example",
            what="the principal behind the database role",
        ),
        Blank(
            file="fedesk.toml", example="[environments.prod.jenkins]", what="your systems, scopes and users"
        ),
        Blank(file="fedesk.toml", example='[people."mara@finedge.example"]', what="who may do what"),
        Blank(file="fedesk.toml", example="[policy.rerun]", what="approvals, tickets, how long plans live"),
        Blank(file="allowed_signers", example="# mara@finedge.example", what="one line a key"),
        Blank(
            file="people.toml",
            example="https://jenkins-executor.finedge.example",
            what="the executor's Jenkins",
        ),
        Blank(
            file="fedesk_execute.py", example="/opt/fedesk/bin/fedesk", what="where fedesk is on the worker"
        ),
    ),
)

PERMISSIONS = Kit(
    name="permissions",
    summary="The minimal rights of people and executor in each system",
    guide="docs/permissions.md",
    files={
        "README.md": "which file is for which system, and who applies it",
        "jenkins.yaml": "Configuration as Code: the controller's matrix",
        "jenkins-folder.groovy": "Job DSL: the executor in a folder of jobs",
        "airflow-roles.sh": "roles of the FAB auth manager; what those of the simple one mean",
        "vault-reader.hcl": "policy of people",
        "vault-executor.hcl": "policy of the executor",
        "snowflake.sql": "roles, grants and the executor's user",
    },
    blanks=(
        Blank(file="jenkins.yaml", example='name: "admin"', what="who administers the controller"),
        Blank(file="jenkins.yaml", example="fedesk-people", what="the group of people who propose"),
        Blank(
            file="jenkins-folder.groovy",
            example="finedge/prod",
            what="each folder that fedesk re-runs jobs of",
        ),
        Blank(
            file="airflow-roles.sh", example="can_edit -r DAGs", what="single DAGs, where not all are meant"
        ),
        Blank(file="vault-reader.hcl", example="kv/metadata/finedge/prod", what="mount and prefix of `kv`"),
        Blank(file="vault-executor.hcl", example="kv/metadata/finedge/prod", what="mount and prefix of `kv`"),
        Blank(
            file="snowflake.sql", example="FINEDGE.OPS.PIPELINE_RUNS", what="database, schema and warehouses"
        ),
        Blank(file="snowflake.sql", example="MII…", what="the executor's public key"),
        Blank(file="snowflake.sql", example="user MARA", what="each person"),
    ),
)

DEPLOY = Kit(
    name="deploy",
    summary="A deploy job of Jenkins: one image by its digest, a dry run, a question, release.json",
    guide="docs/releases.md",
    files={
        "Jenkinsfile": "the job: takes IMAGE, DRY_RUN and FEDESK_OPERATION, archives release.json",
        "release.py": "writes release.json, by what the registry says of the image",
    },
    blanks=(
        Blank(file="Jenkinsfile", example="SERVICE = 'payments'", what="the service"),
        Blank(file="Jenkinsfile", example="TARGET = 'prod'", what="the environment of this job"),
        Blank(file="Jenkinsfile", example="ASKS = 'false'", what="`'true'` where somebody is to be asked"),
        Blank(file="Jenkinsfile", example="label 'deploy'", what="agents that may deploy, with skopeo"),
        Blank(file="Jenkinsfile", example="registry-auth", what="a file with the registry's login"),
        Blank(file="Jenkinsfile", example='"$KIT/policy"', what="your rules for images, as a program"),
        Blank(
            file="Jenkinsfile",
            example='"$KIT/apply"',
            what="what deploys an image, and with --dry-run only says so",
        ),
        Blank(file="Jenkinsfile", example='"$KIT/verify"', what="what looks whether it runs"),
    ),
)

KITS: Mapping[str, Kit] = {kit.name: kit for kit in (EXECUTOR, PERMISSIONS, DEPLOY)}
