"""The command line: one module per noun; parses, calls a service, prints."""
