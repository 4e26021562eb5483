"""The payment router: which channel, and why; advises, never calls."""
