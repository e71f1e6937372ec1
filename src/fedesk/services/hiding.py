"""Secrets in text from outside are hidden before a service hands it on to screen, document or cache.

Logs are hidden line by line where they are shown; this is for the short texts: reasons, causes, errors,
parameters, messages.
"""

from dataclasses import replace
from functools import lru_cache

from fedesk.domain.observation import Observation
from fedesk.domain.redaction import redact
from fedesk.domain.runs import Parameter, Run, RunDetail


@lru_cache(maxsize=8192)
def hidden(text: str) -> str:
    """The text with its secrets replaced by marks; the same reasons come back at every look."""
    return redact(text).text


def hide_in_run(run: Run) -> Run:
    """The same run; a new one only where there was something to hide."""
    reason, cause = hidden(run.reason), hidden(run.cause)
    return run if (reason, cause) == (run.reason, run.cause) else replace(run, reason=reason, cause=cause)


def hide_in_observation(observation: Observation) -> Observation:
    """An observation whose texts may be kept and shown."""
    return replace(
        observation,
        runs=tuple(hide_in_run(run) for run in observation.runs),
        queue=tuple(replace(item, why=hidden(item.why)) for item in observation.queue),
        problems=tuple(replace(problem, text=hidden(problem.text)) for problem in observation.problems),
    )


def hide_in_detail(detail: RunDetail) -> RunDetail:
    """A run with its steps, whose texts may be shown. A parameter is judged together with its name."""
    return replace(
        detail,
        run=hide_in_run(detail.run),
        steps=tuple(replace(step, error=hidden(step.error)) for step in detail.steps),
        parameters=tuple(_hide_in_parameter(one) for one in detail.parameters),
        causes=tuple(hidden(cause) for cause in detail.causes),
        changes=tuple(replace(change, message=hidden(change.message)) for change in detail.changes),
        note=hidden(detail.note),
    )


def _hide_in_parameter(parameter: Parameter) -> Parameter:
    if parameter.value is None:
        return parameter
    said = redact(f"{parameter.name}={parameter.value}")
    if not said.hits:
        return parameter
    return replace(parameter, value=said.text.removeprefix(f"{parameter.name}="))
