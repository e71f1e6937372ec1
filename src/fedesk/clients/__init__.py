"""One adapter per system, and the bulkhead each is reached through."""
