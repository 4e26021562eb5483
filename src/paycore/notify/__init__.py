"""Result notices to business lines."""
