"""The auditor: every invariant that rows can show, asked of a database at work."""
