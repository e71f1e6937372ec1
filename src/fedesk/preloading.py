"""What a runner that waits has loaded before the confirmation."""

import gc
from importlib import import_module

PRELOADED = (
    "sqlalchemy.dialects.sqlite",
    "fedesk.clients.airflow",
    "fedesk.clients.airflow_changes",
    "fedesk.clients.bulkhead",
    "fedesk.clients.jenkins",
    "fedesk.clients.jenkins_changes",
    "fedesk.services.changes",
    "fedesk.services.kinds",
    "fedesk.services.operation_runner",
    "fedesk.services.settling",
    "fedesk.store.operations",
)
"""What executing an operation needs."""


def preload() -> None:
    """Import what executing an operation needs, and have the store's statements compiled."""
    for name in PRELOADED:
        import_module(name)
    from fedesk.store.warming import warm

    warm()
    # What is loaded stays: no fork's collector need look at it, nor copy its pages by doing so.
    gc.collect()
    gc.freeze()
