"""Frozen values and pure rules. No I/O, no clock, no asyncio, no third-party client."""
