"""Cards, agreements and the vault's columns."""
