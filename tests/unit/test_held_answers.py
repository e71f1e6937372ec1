"""Answers that are held open: found by whoever reads on, closed when nobody does."""

import threading

from fedesk.clients.held_answers import HeldAnswers


class Answer:
    """Says when it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        """Let go."""
        self.closed.set()


def test_an_answer_is_found_where_it_goes_on_and_once_only() -> None:
    """Two readers of one place do not share an answer: the second one asks anew."""
    held, answer = HeldAnswers[Answer](), Answer()
    held.keep("log 10", answer)
    assert held.take("log 9") is None
    assert held.take("log 10") is answer
    assert held.take("log 10") is None
    held.close()
    assert not answer.closed.is_set()


def test_few_are_held_at_a_time() -> None:
    """Logs that were opened and left cost a connection no more than two sockets."""
    held, answers = HeldAnswers[Answer](), [Answer() for _ in range(4)]
    for number, answer in enumerate(answers):
        held.keep(f"log {number}", answer)
    assert [answer.closed.is_set() for answer in answers] == [True, True, False, False]
    held.close()
    assert all(answer.closed.is_set() for answer in answers)


def test_nobody_reads_on() -> None:
    """An answer that was left is closed after a time: a server waits with a thread of its own."""
    held, answer, other = HeldAnswers[Answer](seconds=0.01), Answer(), Answer()
    held.keep("log 1", answer)
    assert answer.closed.wait(10)
    held.keep("log 2", other)
    assert other.closed.wait(10)
