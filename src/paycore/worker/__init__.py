"""Everything that runs without a caller."""
