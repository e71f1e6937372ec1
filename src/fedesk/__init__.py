"""fedesk: the terminal desk for releases and nights on call."""

__version__ = "0.1.0"
