"""Business lines and their API keys."""
