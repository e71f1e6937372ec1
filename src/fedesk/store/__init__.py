"""What the desk itself remembers."""
