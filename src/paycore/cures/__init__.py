"""The desk's cures, by normal operations: preview, execute, result."""
