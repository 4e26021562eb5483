"""Retention: what is kept for how long, and the taking away of what is older."""
