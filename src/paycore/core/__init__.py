"""The payment core: payments, chains, conversion."""
