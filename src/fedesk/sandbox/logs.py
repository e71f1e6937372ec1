"""Logs of tasks and builds as they stand at a moment: those of what runs grow."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fedesk.sandbox import log_text
from fedesk.sandbox.clock import hexadecimal
from fedesk.sandbox.log_text import Text
from fedesk.sandbox.model import (
    BuildPlan,
    BuildResult,
    Dag,
    DagRunPlan,
    LogLine,
    StageState,
    TaskAttempt,
    TaskPlan,
    TaskSpec,
    TaskState,
)
from fedesk.sandbox.release_line import REGISTRY
from fedesk.sandbox.stories import FAKE_AWS_KEY, FAKE_TOKEN

_POLLING = timedelta(seconds=60)
_DBT_TESTS = 1530
_FAILING_TEST = 1207
_TESTS_A_LINE = 2


@dataclass(frozen=True, slots=True)
class Log:
    """The lines written by a moment, and whether there will be no more."""

    lines: tuple[LogLine, ...]
    complete: bool


def _body_kind(spec: TaskSpec) -> str:
    if spec.task_id in log_text.BODIES:
        return spec.task_id
    operator = spec.operator.rpartition(".")[2]
    for word, kind in (("Sensor", "sensor"), ("Pod", "pod"), ("SQL", "sql")):
        if word in operator:
            return kind
    return "python"


def _fill(texts: Iterable[Text], words: dict[str, str]) -> list[Text]:
    return [(level, text.format_map(words)) for level, text in texts]


def task_log(run: DagRunPlan, dag: Dag, plan: TaskPlan, attempt: TaskAttempt, dataset: str) -> list[LogLine]:
    """Every line that one try will have written in the end; a try without an end gets a day's."""
    spec = dag.task(plan.task_id)
    words = {
        "task": plan.task_id,
        "dag": dag.dag_id,
        "fileloc": dag.fileloc,
        "host": attempt.hostname,
        "pid": str(attempt.pid),
        "try_number": str(attempt.try_number),
        "tries": str(plan.max_tries + 1),
        "partition": "" if run.logical_date is None else run.logical_date.date().isoformat(),
        "correlation": hexadecimal(12, dag.environment, dag.dag_id, run.run_id),
        "dataset": dataset,
        "aws_key": FAKE_AWS_KEY,
        "token": FAKE_TOKEN,
        **dict(attempt.log.details),
    }
    ended_at = attempt.ended_at or attempt.started_at + timedelta(days=1)
    failed = attempt.outcome is TaskState.FAILED
    kind = attempt.log.kind
    if kind == "hostile":
        texts = [("info", text) for text in hostile_lines()]
    elif kind == "not_null_payments_amount":
        texts = _tests_with_a_failure(words)
    else:
        body = _body(spec, words)
        special = log_text.FAILURES.get(kind) or log_text.SIDE_REMARKS.get(kind) or ()
        cut = 2 * len(body) // 3 if failed else len(body) // 2
        rest = [] if failed else body[cut:]
        texts = [*body[:cut], *_fill(special, words), *rest]
    closing: list[Text] = list(log_text.SUCCEEDED)
    if failed:
        trace = [("error", line.format_map(words)) for line in log_text.TRACEBACK]
        closing = [log_text.FAILED[0], *trace, ("error", _raised(kind, words)), log_text.FAILED[1]]
    if attempt.parked_at is not None:
        return _parked(attempt, ended_at, [*_fill(log_text.OPENING, words), *texts], closing, words)
    texts = [*_fill(log_text.OPENING, words), *texts, *closing]
    return _spread(texts, attempt.started_at, ended_at, f"task.{plan.task_id}")


def _raised(kind: str, words: dict[str, str]) -> str:
    if kind == "not_null_payments_amount":
        return "AirflowException: Bash command failed. The command returned a non-zero exit code 1."
    errors = [text for level, text in log_text.FAILURES.get(kind, ()) if level == "error"]
    return errors[-1].format_map(words) if errors else "AirflowException: the task failed"


def _body(spec: TaskSpec, words: dict[str, str]) -> list[Text]:
    kind = _body_kind(spec)
    rounds = max(3, min(80, int(spec.seconds / 6)))
    templates = log_text.BODIES[kind]
    return [
        (level, text.format_map({**words, "n": str(number + 1), "total": str(rounds)}))
        for number in range(rounds)
        for level, text in templates
    ]


def _tests_with_a_failure(words: dict[str, str]) -> list[Text]:
    """A run of dbt test with 3,000 lines, in which the one that matters stands in the middle."""
    texts: list[Text] = [("info", "Running with dbt=1.10.4"), ("info", "Found 214 models, 1530 data tests")]
    for number in range(1, _DBT_TESTS + 1):
        if number == _FAILING_TEST:
            texts.extend(_fill(log_text.FAILURES["not_null_payments_amount"], words))
            continue
        name = f"unique_{words['dag']}_{number}_id"
        texts.append(("info", f"{number} of {_DBT_TESTS} START test {name} ............ [RUN]"))
        texts.append(("info", f"{number} of {_DBT_TESTS} PASS {name} ................ [PASS in 0.06s]"))
    texts.append(("info", "Finished running 1530 data tests in 0 hours 1 minutes and 31.20 seconds"))
    texts.append(("info", "Done. PASS=1529 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=1530"))
    texts.append(("info", "Command exited with return code 1"))
    return texts


def _spread(texts: Sequence[Text], start: datetime, end: datetime, logger: str) -> list[LogLine]:
    span = max(end - start, timedelta(0))
    last = max(len(texts) - 1, 1)
    return [
        LogLine(at=start + span * (position / last), level=level, text=text, logger=logger)
        for position, (level, text) in enumerate(texts)
    ]


def _parked(
    attempt: TaskAttempt,
    ended_at: datetime,
    before: Sequence[Text],
    closing: Sequence[Text],
    words: dict[str, str],
) -> list[LogLine]:
    parked_at = attempt.parked_at or attempt.started_at
    lines = _spread(before, attempt.started_at, parked_at, "task.sensor")
    polls = math.floor((ended_at - parked_at) / _POLLING)
    key = words.get("client", words["dag"])
    lines.extend(
        LogLine(
            at=parked_at + _POLLING * (number + 1),
            level="info",
            text=f"still no file of {key}, checked {number + 1} times",
            logger="task.triggerer",
        )
        for number in range(polls)
    )
    lines.extend(
        LogLine(at=ended_at, level=level, text=text, logger="task.sensor") for level, text in closing
    )
    return lines


def hostile_lines() -> list[str]:
    """Lines made to break whatever shows them; the last but one is a megabyte long."""
    return [*log_text.HOSTILE, "x" * log_text.HUGE, "the end"]


def build_log(build: BuildPlan) -> list[LogLine]:
    """Every line that a build will have written in the end."""
    if build.started_at is None:
        return []
    ended_at = build.ended_at or build.started_at + timedelta(days=1)
    service = build.job.rpartition("/")[2].removeprefix("deploy-").removesuffix("-ci")
    words = {
        "service": service,
        "repository": build.repository,
        "commit": build.commit,
        "branch": build.branch,
        "image": f"{REGISTRY}/{service}",
        "digest": build.digest,
        "version": build.version,
    }
    lines = [LogLine(at=build.started_at, level="info", text=cause.description) for cause in build.causes]
    lines.append(LogLine(at=build.started_at, level="info", text=f"Running on {build.node} in /home/jenkins"))
    if build.log.kind == "hostile":
        lines += _spread([("info", text) for text in hostile_lines()], build.started_at, ended_at, "")
    elif build.stages:
        for stage in build.stages:
            texts = [("info", "[Pipeline] stage"), ("info", f"[Pipeline] {{ ({stage.name})")]
            failed = stage.outcome is StageState.FAILED
            texts += [
                ("info", text) for text in _stage_texts(stage.name, build.log.kind, words, failed=failed)
            ]
            texts += [("info", text) for text in (*stage.said, "[Pipeline] }")]
            lines += (
                LogLine(at=line.at, level=line.level, text=line.text, stage=stage.node_id)
                for line in _spread(texts, stage.started_at, stage.ended_at or ended_at, "")
            )
    else:
        bad = build.result is BuildResult.FAILURE
        names = ("Checkout", "Unit tests", "Packaging")
        texts = [
            ("info", text) for name in names for text in _stage_texts(name, "build", words, failed=False)
        ]
        texts += [("info", text) for text in log_text.STAGE_FAILURES["build"] if bad]
        lines += _spread(texts, build.started_at, ended_at, "")
    lines.append(LogLine(at=ended_at, level="info", text=f"Finished: {build.result}"))
    return lines


def _stage_texts(name: str, kind: str, words: dict[str, str], *, failed: bool) -> list[str]:
    templates = log_text.STAGE_LINES.get(name, ())
    numbered = any("{n}" in template for template in templates)
    texts = [
        template.format_map({**words, "n": str(number + 1)})
        for number in range(9 if numbered else 1)
        for template in templates
    ]
    if failed:
        texts = texts[: len(texts) // 2] + list(
            log_text.STAGE_FAILURES.get(name if kind == "build" else kind, log_text.STAGE_FAILURES["build"])
        )
    return texts


def written_by(lines: Sequence[LogLine], now: datetime) -> Log:
    """What of a log is there at a moment."""
    there = tuple(line for line in lines if line.at <= now)
    return Log(there, complete=len(there) == len(lines))


def as_bytes(lines: Iterable[LogLine]) -> bytes:
    """A plain log, LF after each line; surrogate escapes are the bytes they stand for."""
    return "".join(f"{line.text}\n" for line in lines).encode("utf-8", "surrogateescape")


Maker = Callable[[], list[LogLine]]


class Recent:
    """The last few logs that were asked for, so that a poll of a long one does not write it anew."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: dict[object, list[LogLine]] = {}

    def get(self, key: object, make: Maker) -> list[LogLine]:
        """The log under a key, made where it is not known."""
        found = self._known.pop(key, None)
        if found is None:
            found = make()
        self._known[key] = found
        while len(self._known) > self._size:
            del self._known[next(iter(self._known))]
        return found
