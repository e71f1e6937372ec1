"""The collector of cycles in a process that is a desk's alone: when it looks, and what it leaves out."""

import gc
from typing import Literal

EVERYTHING = 600.0
"""Seconds after which it looks at everything again."""
_OLDEST = 2


def put_off() -> None:
    """Collect nothing while everything is imported and drawn for the first time: a twentieth of the start."""
    gc.disable()
    gc.callbacks.append(keep_survivors)


def begin() -> None:
    """What the start has made stays; the collector need not look at it again."""
    gc.freeze()
    gc.enable()


def look_at_everything() -> None:
    """Have the next full collection look at what was left out, too."""
    gc.unfreeze()


def keep_survivors(phase: Literal["start", "stop"], info: dict[str, int]) -> None:
    """What outlives a full collection is left out of the next ones.

    Of a large installation some hundred thousand values are known; to look at all of them takes longer than a
    key may wait. That they go is told by their counts of references: they are in no cycle.
    """
    if phase == "stop" and info["generation"] == _OLDEST:
        gc.freeze()
