"""The steps, one a file, named after the schema that they lead to."""
