"""Several blocking questions at once, each on a daemon thread: none holds up the exit."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def side_by_side(questions: Sequence[Callable[[], T]], name: str) -> tuple[T, ...]:
    """The answers in the order of the questions, which raise nothing; as slow as the slowest."""
    answers: dict[int, T] = {}

    def ask(index: int) -> None:
        answers[index] = questions[index]()

    threads = [
        threading.Thread(target=ask, args=(index,), name=f"{name} {index}", daemon=True)
        for index in range(len(questions))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(answers[index] for index in range(len(questions)))
