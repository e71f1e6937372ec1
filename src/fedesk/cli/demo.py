"""``fedesk demo``: the desk over a sandbox of its own."""


def demo() -> int:
    """Open the desk over four simulated systems. Needs no configuration, and leaves nothing behind."""
    from fedesk.ui.demo import run_demo

    return run_demo()
