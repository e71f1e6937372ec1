"""Use cases: they know ports and domain, and neither clients nor screens."""
