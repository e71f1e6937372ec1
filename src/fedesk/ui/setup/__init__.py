"""The first configuration: what is asked, what was answered, how a connection is tried while it is typed."""
