"""What a shell's completion script asks for at a Tab: ``fedesk __complete``.

The first line of the answer is its kind (``completing.Answer.kind``); then follows one candidate a line, for
bash as it is to be put in, else with a tab and its meaning behind it.
"""

import sys
from collections.abc import Sequence

from fedesk.cli.completing import complete


def answer(arguments: Sequence[str]) -> int:
    """Answer ``bash LINE BREAKS``, or ``words -- WORD…`` with the words behind the program's name."""
    if arguments[0] == "bash":
        from fedesk.cli.bash_words import split

        line = split(arguments[1], arguments[2])
        found = complete(line.words[1:])
        lines = line.put_in(one.text for one in found.candidates)
    else:
        found = complete(arguments[2:])
        lines = [f"{one.text}\t{one.told}" for one in found.candidates]
    sys.stdout.write("".join(f"{one}\n" for one in (found.kind, *lines)))
    return 0
