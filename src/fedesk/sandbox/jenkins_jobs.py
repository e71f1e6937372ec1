"""What the Jenkins controller has: agents, and the jobs of each service, with a few of every other kind."""

from datetime import timedelta

from fedesk.sandbox.model_jenkins import JenkinsJob, JobKind, Node, ParameterDefinition

NODES = (
    Node(name="Built-In Node", executors=0),
    Node(name="agent-1", executors=4, labels=("linux", "docker")),
    Node(name="agent-2", executors=4, labels=("linux", "docker")),
    Node(name="agent-3", executors=4, labels=("linux", "docker")),
    Node(
        name="agent-highmem-1",
        executors=2,
        labels=("linux",),
        offline_reason="Connection was broken: java.io.EOFException",
    ),
)

_DEPLOY_STAGES = (
    ("Checkout", 8.0),
    ("Fetch artifact", 24.0),
    ("Policy", 6.0),
    ("Approve", 3.0),
    ("Deploy", 74.0),
    ("Verify", 58.0),
    ("Record", 5.0),
)
_CI_STAGES = (
    ("Checkout", 9.0),
    ("Unit tests", 78.0),
    ("Data-quality tests", 62.0),
    ("Packaging", 24.0),
    ("Container build", 112.0),
    ("Container scan", 31.0),
    ("Publish", 19.0),
)
_PERIODS = {
    ("dev", JobKind.CI): 3,
    ("staging", JobKind.CI): 6,
    ("prod", JobKind.CI): 9,
    ("dev", JobKind.DEPLOY): 8,
    ("staging", JobKind.DEPLOY): 7,
    ("prod", JobKind.DEPLOY): 11,
}
FREESTYLE = frozenset({"marketing", "reporting"})
"""Services whose CI is a freestyle job, and whose deploy job does not declare FEDESK_OPERATION."""
_UNAWARE = frozenset({"payments"})
"""Services whose CI does not declare FEDESK_OPERATION, besides the freestyle ones."""
_ASKING = frozenset({"cards"})
"""Services whose deploy to prod waits for somebody, whoever triggered it."""
_RELEASERS = frozenset({"merchants"})
"""Services of whose questions only the group ``releasers`` may answer."""
_ASKING_FOR_A_TOKEN = frozenset({"fx_rates"})
"""Services whose deploy job wants a password, which nobody but Jenkins knows."""
UNVERIFYING = frozenset({"invoices"})
"""Services whose deploy job verifies nothing."""
_FORGETFUL = {("prod", "partners"): timedelta(minutes=20)}
"""Deploy jobs that keep what they archive for a while only."""
_RETIRED = frozenset({("prod", "treasury")})
"""Deploy jobs that are disabled."""
_SLOW = {("fraud", JobKind.CI): ("Unit tests", 470.0), ("risk", JobKind.DEPLOY): ("Deploy", 960.0)}
"""Stages that take longer than elsewhere: a build beyond ten minutes, a deployment beyond fifteen."""
_OPERATION = ParameterDefinition(name="FEDESK_OPERATION", description="Id of the fedesk operation")


def jobs_of(service: str, environment: str) -> tuple[JenkinsJob, JenkinsJob]:
    """The two jobs of a service in an environment: deploy and CI."""
    modern = service not in FREESTYLE
    deploy_parameters = [
        ParameterDefinition(name="IMAGE", description="Image with its digest"),
        ParameterDefinition(name="DRY_RUN", kind="boolean", default="false"),
    ]
    if service in _ASKING_FOR_A_TOKEN:
        deploy_parameters.append(ParameterDefinition(name="DEPLOY_TOKEN", kind="password"))
    if modern:
        deploy_parameters.append(_OPERATION)
    deploy = JenkinsJob(
        full_name=f"finedge/{environment}/deploy-{service}",
        environment=environment,
        kind=JobKind.DEPLOY,
        service=service,
        description=f"Deploys {service} to {environment}",
        parameters=tuple(deploy_parameters),
        stages=_timed(service, JobKind.DEPLOY, _deploy_stages(service, environment)),
        period=timedelta(hours=_PERIODS[environment, JobKind.DEPLOY]),
        disabled=(environment, service) in _RETIRED,
        approval=f"Deploy {service} to prod?" if environment == "prod" and service in _ASKING else "",
        submitter="releasers" if service in _RELEASERS else "",
        keeps_artifacts=_FORGETFUL.get((environment, service)),
    )
    ci_parameters = [
        ParameterDefinition(name="BRANCH", default="main"),
        ParameterDefinition(
            name="SUITE", kind="choice", default="full", choices=("full", "quick", "data-quality")
        ),
    ]
    if modern and service not in _UNAWARE:
        ci_parameters.append(_OPERATION)
    ci = JenkinsJob(
        full_name=f"finedge/{environment}/{service}-ci",
        environment=environment,
        kind=JobKind.CI,
        service=service,
        pipeline=modern,
        description=f"Builds and tests {service}",
        parameters=tuple(ci_parameters),
        disabled=service == "loyalty" and environment == "prod",
        stages=_timed(service, JobKind.CI, _CI_STAGES),
        period=timedelta(hours=_PERIODS[environment, JobKind.CI]),
    )
    return deploy, ci


def _deploy_stages(service: str, environment: str) -> tuple[tuple[str, float], ...]:
    left_out = set() if environment == "prod" else {"Approve"}
    if service in UNVERIFYING:
        left_out.add("Verify")
    return tuple(stage for stage in _DEPLOY_STAGES if stage[0] not in left_out)


def _timed(
    service: str, kind: JobKind, stages: tuple[tuple[str, float], ...]
) -> tuple[tuple[str, float], ...]:
    slow = dict([_SLOW[service, kind]]) if (service, kind) in _SLOW else {}
    return tuple((name, slow.get(name, seconds)) for name, seconds in stages)


def other_jobs() -> tuple[JenkinsJob, ...]:
    """Jobs that belong to no service: one without parameters, and those whose values Jenkins keeps."""
    return (
        JenkinsJob(
            full_name="finedge/dev/smoke-test",
            environment="dev",
            kind=JobKind.CI,
            service="smoke",
            description="Looks at every service; one at a time, without parameters",
            concurrent=False,
            stages=(("Ping", 20.0), ("Log in", 40.0)),
            period=timedelta(hours=8),
        ),
        JenkinsJob(
            full_name="finedge/dev/import-file",
            environment="dev",
            kind=JobKind.CI,
            service="imports",
            description="Takes a client's file in by hand",
            parameters=(
                ParameterDefinition(name="CLIENT", default="acme_07"),
                ParameterDefinition(name="UPLOAD", kind="file", description="The file as the client sent it"),
                _OPERATION,
            ),
            stages=(("Check", 15.0), ("Import", 90.0)),
            period=timedelta(hours=16),
        ),
        JenkinsJob(
            full_name="finedge/staging/sign-release",
            environment="staging",
            kind=JobKind.CI,
            service="signing",
            description="Signs an artifact",
            parameters=(
                ParameterDefinition(name="NOTES", kind="text", default="First line\nsecond line"),
                ParameterDefinition(name="SIGNING_KEY", kind="credentials", default="release-key"),
                _OPERATION,
            ),
            stages=(("Sign", 12.0),),
            period=timedelta(hours=20),
        ),
    )
