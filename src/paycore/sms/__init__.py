"""The SMS centre: codes, and the carriers that text them."""
