"""Which lines of a log are printed."""

import pytest

from fedesk.domain import log_lines
from fedesk.services.log_pattern import LogPattern
from fedesk.services.log_selection import Piece, Wanted, select
from fedesk.services.log_text import MemoryPages


@pytest.mark.parametrize(("holding", "count"), [(None, 120), ("part 7", 12)])
def test_error_lines_have_no_end(monkeypatch: pytest.MonkeyPatch, holding: str | None, count: int) -> None:
    """More of them than a log remembers are printed all the same, with their numbers."""
    monkeypatch.setattr(log_lines, "ERRORS_KEPT", 10)
    read = [
        Piece("".join(f"fine\nERROR: checksum mismatch for part {part}\n" for part in range(10)), last == 11)
        for last in range(12)
    ]
    pattern = None if holding is None else LogPattern.text(holding)
    found = list(select(read, MemoryPages(), Wanted(errors=True, pattern=pattern)))
    assert len(found) == count
    assert all(line.number is not None and line.number % 2 == 1 for line in found)
    assert found[-1].text.startswith("ERROR: checksum mismatch")
    assert len({line.number for line in found}) == count
