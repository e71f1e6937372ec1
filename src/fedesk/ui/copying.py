"""What ``y`` offers: the id, the operation, the link, and the command line that shows or does the same."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fedesk.ui.actions import Place, Target

Words = tuple[str, ...]


def _log(target: Target) -> Words:
    return ("log", target.id) if target.run else ()


def _finding(target: Target) -> Words:
    if target.operation:
        return ("operations", "show", target.operation)
    return _log(target) or ("failures",)


def _plan(target: Target) -> Words:
    run = target.rerun or target.run
    if run is None:
        return ()
    return ("rerun", f"{run}::{target.task}" if target.task else str(run))


def _of_window(target: Target) -> Words:
    return (target.doing, "remove", target.id, "--reason", "TEXT") if target.id else ()


def _of_id(*words: str) -> Callable[[Target], Words]:
    return lambda target: (*words, target.id)


LINES: Mapping[Place, Callable[[Target], Words]] = {
    Place.TRIAGE: _finding,
    Place.HANDOVER: lambda _target: ("handover",),
    Place.PIPELINES: lambda target: ("runs", target.pipeline),
    Place.SECRETS: lambda _target: ("secrets", "list"),
    Place.AUDIT: _of_id("audit", "show"),
    Place.RELEASES: lambda target: ("release", "matrix", target.id),
    Place.RELEASE: lambda target: ("release", "matrix", target.id),
    Place.TIMELINE: _of_id("release", "timeline"),
    Place.RECORD: _of_id("audit", "show"),
    Place.RUNS: _log,
    Place.RUN: _log,
    Place.LOG: _log,
    Place.ENVIRONMENTS: lambda target: ("status", "--env", target.id),
    Place.PLAN: _plan,
    Place.WATCH: _of_id("operations", "show"),
    Place.SETTLE: _of_id("operations", "show"),
    Place.OPERATIONS: _of_id("operations", "show"),
    Place.INCIDENT: _of_id("incident", "show"),
    Place.INCIDENTS: _of_id("incident", "show"),
    Place.WINDOWS: _of_window,
}
"""The words of the command by the place one is at."""
_OF_AN_ENVIRONMENT = frozenset({"failures", "handover", "runs", "secrets"})
"""Verbs whose arguments do not name the environment themselves."""


def command_line(place: Place, target: Target, environment: str, config: Path | None) -> str:
    """``fedesk log prod/airflow:…``, as a shell reads it; empty where no command does the same.

    ``config`` is named where the desk was given it.
    """
    words: Sequence[str] = LINES[place](target) if place in LINES else ()
    if not words:
        return ""
    named = ("--env", environment) if words[0] in _OF_AN_ENVIRONMENT else ()
    given = ("--config", str(config.absolute())) if config is not None else ()
    return shlex.join(("fedesk", *words, *named, *given))
