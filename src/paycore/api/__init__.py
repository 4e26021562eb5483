"""The business line's JSON door."""
