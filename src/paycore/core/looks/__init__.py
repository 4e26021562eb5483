"""What operators look at: payments found by any number, and one with all it has.

Read-only, off the payment's path: by the pool that people's reads go by.
"""
