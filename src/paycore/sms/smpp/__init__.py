"""SMPP 3.4, as far as a sender of codes needs it: octets, texts, receipts, binds."""
