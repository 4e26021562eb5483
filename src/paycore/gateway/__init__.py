"""The payment gateway: the only way out to channels."""
