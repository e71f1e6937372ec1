"""Where checkpoints go without a client of a system: OpenSSH's signatures, a file, syslog."""
