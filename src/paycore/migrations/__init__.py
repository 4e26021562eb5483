"""The schema, in numbered files, forward only."""
