"""Where fedesk starts. Looks at the command line before anything is imported beyond the standard library.

``secrets check`` is guarded: a scheduler reads its exit code, so whatever is not a verdict ends with 3.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from fedesk.cli.session import LauncherOf
    from fedesk.ports.sources import Clock

_NO_TERMINAL = "The desk needs a terminal. Without one, use a command, like `fedesk status --json`."
_NO_CONFIGURATION = (
    "The desk needs a terminal, and a configuration, which is not at {path} yet:"
    " in a terminal `fedesk config init` writes it, and `fedesk demo` needs none."
)
_WITH_VALUE = ("--env", "--config")
# The same numbers as in fedesk.exits, which a broken installation may not be able to import.
_DONE, _FAILED, _USAGE, _UNDETERMINED, _FAULT, _INTERRUPTED, _BROKEN_PIPE = 0, 1, 2, 3, 70, 130, 141


def main(
    argv: Sequence[str] | None = None, *, clock: Clock | None = None, launcher: LauncherOf | None = None
) -> int:
    """Run one command line, without the program's name, and give its exit code.

    ``clock`` and ``launcher``, which starts runners instead of the desk's own, are for tests.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if _is_check(arguments):
        return _guarded(arguments, clock)
    return _told(arguments, clock, launcher)


def _is_check(arguments: Sequence[str]) -> bool:
    """Whether it is ``secrets check``, however it is mistyped around these two words."""
    words: list[str] = []
    is_value = False
    for argument in arguments:
        if not is_value and not argument.startswith("-"):
            words.append(argument)
        is_value = argument in _WITH_VALUE
    return "secrets" in words and "check" in words[words.index("secrets") :]


def _guarded(arguments: Sequence[str], clock: Clock | None) -> int:
    """A verdict, or 3: for a crash, usage, a failed import, SIGTERM, output that cannot be written."""
    try:
        with _ending_undetermined():
            code = _told(arguments, clock)
        from fedesk.exits import CheckExit

        if isinstance(code, CheckExit) or (code == _DONE and "--help" in arguments):
            return int(code)
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is no verdict
        _say(f"secrets check could not determine anything ({type(error).__name__}).")
    return _UNDETERMINED


@contextlib.contextmanager
def _ending_undetermined() -> Iterator[None]:
    """SIGTERM ends with 3 meanwhile. Outside the main thread whoever runs it handles signals itself."""
    import signal

    before = None
    with contextlib.suppress(ValueError):
        before = signal.signal(signal.SIGTERM, lambda *_: os._exit(_UNDETERMINED))
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _told(arguments: Sequence[str], clock: Clock | None, launcher: LauncherOf | None = None) -> int:
    """Run it; a fault of fedesk itself is one sentence and a crash file, never a traceback."""
    try:
        _forgive(sys.stdout)
        _forgive(sys.stderr)
        code = _dispatch(arguments, clock, launcher)
        unwritten = _unwritten()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _close_output()
        return _BROKEN_PIPE
    except BaseException as error:  # noqa: BLE001 - the last place where it can be told well
        if isinstance(error.__context__, BrokenPipeError):  # typer makes a SystemExit of it
            _close_output()
            return _BROKEN_PIPE
        unwritten = _unwritten(error)
        if not unwritten:
            _say(_fault(error))
            return _FAULT
    if unwritten:
        _close_output()
        _say(f"The output could not be written: {unwritten}.")
        return _FAILED
    return code


def _dispatch(arguments: Sequence[str], clock: Clock | None, launcher: LauncherOf | None) -> int:
    if arguments and arguments[0] in {"--version", "-V"}:
        return _version(verbose="--verbose" in arguments[1:])
    if arguments and arguments[0] == "__complete":
        from fedesk.cli.tab import answer

        return answer(arguments[1:])
    if list(arguments) == ["demo"]:
        return _demo()
    given, words = _shared_options(arguments)
    if words is not None and not words:
        return _desk(given.get("--config"), given.get("--env"))
    if words is not None and "--last-known" in words:
        shown = _last_known(given, words, clock)
        if shown is not None:
            return shown
    from fedesk.cli.app import run

    if clock is None:
        from fedesk.services.clock import SystemClock

        clock = SystemClock()
    return run(arguments, clock, launcher)


def _version(*, verbose: bool) -> int:
    from fedesk import __version__

    sys.stdout.write(f"fedesk {__version__}\n")
    if verbose:
        from fedesk.installed import versions

        for name, told in versions():
            sys.stdout.write(f"{name:<10}{told}\n")
    return _DONE


def _shared_options(arguments: Sequence[str]) -> tuple[dict[str, str], list[str] | None]:
    """Values of ``--env`` and ``--config``, and the words beside them; None where a value is missing."""
    given: dict[str, str] = {}
    words: list[str] = []
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in _WITH_VALUE:
            words.append(name + equals + value)
        elif equals or rest:
            given[name] = value if equals else rest.pop(0)
        else:
            return {}, None
    return given, words


def _last_known(given: Mapping[str, str], words: Sequence[str], clock: Clock | None) -> int | None:
    """``status --last-known`` without a parser; None where there is more to it, or nothing to show."""
    if sorted(set(words) - {"--json", "--json-lines"}) != ["--last-known", "status"]:
        return None
    from pathlib import Path

    from fedesk.cli.status_output import show_last_known
    from fedesk.services.clock import SystemClock

    return show_last_known(
        Path(given["--config"]) if "--config" in given else None,
        given.get("--env"),
        (clock or SystemClock()).now(),
        as_json="--json" in words,
        as_lines="--json-lines" in words,
    )


def _desk(config: str | None, environment: str | None) -> int:
    from pathlib import Path

    from fedesk.config_path import find_config

    path = find_config(Path(config) if config is not None else None)
    is_new = _is_missing(path)
    if not _has_terminal():
        _say(_NO_CONFIGURATION.format(path=path) if is_new else _NO_TERMINAL)
        return _USAGE
    if is_new:
        from fedesk.ui.setup.app import run_setup

        return run_setup(path, asking=False)
    from fedesk.ui.app import run_desk

    return run_desk(Path(config) if config is not None else None, environment)


def _is_missing(path: Path) -> bool:
    """Whether there certainly is no file; one that cannot be looked at is told by who reads it."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _demo() -> int:
    from fedesk.installed import lacks_sandbox

    if not lacks_sandbox() and not _has_terminal():
        _say("The demo needs a terminal. Without one, `fedesk sandbox serve` starts the same systems.")
        return _USAGE
    from fedesk.ui.demo import run_demo

    return run_demo()


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _fault(error: BaseException) -> str:
    """The sentence for a fault of fedesk; what happened goes to a file without the values of variables."""
    try:
        from datetime import UTC, datetime

        from fedesk.ui.faults import sentence, write_crash

        return sentence(error, write_crash(error, datetime.now(UTC)))
    except Exception:  # noqa: BLE001 - even that may be broken
        began = "What it began: `fedesk operations list`."
        return f"fedesk failed ({type(error).__name__}). {began} Please report it."


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{sentence}\n")


def _forgive(stream: TextIO) -> None:
    """Write what the terminal's encoding does not have as an escape instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _unwritten(error: BaseException | None = None) -> str:
    """Why standard output takes nothing, a full disk say; empty where it does. A broken pipe is raised.

    ``error`` is what writing may have failed with already: the stream forgets what it could not write.
    """
    import errno

    if isinstance(error, OSError) and error.filename is None and error.errno in {errno.ENOSPC, errno.EIO}:
        return error.strerror or type(error).__name__
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as failed:
        return failed.strerror or type(failed).__name__
    return ""


def _close_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter does not complain at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
