"""After a restore (F72): what channels know that our tables have forgotten."""
