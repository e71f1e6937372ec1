"""httpx without its command line.

Where click and rich are installed ``import httpx`` imports them too, for a program that fedesk never runs:
0.2 of its 0.3 s (measured). Import ``httpx`` from here.
"""

import sys

_FIRST = "httpx" not in sys.modules
if _FIRST:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # import's own way to say "not there"

import httpx  # noqa: E402 - only here does the line above help

if _FIRST:
    del sys.modules["httpx._main"]

__all__ = ["httpx"]
