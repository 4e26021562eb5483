"""A month of finished payments for a folder of `paycore dev`: something to look at.

`originals.py` takes some of each kind over HTTP, `fill.py` copies them over thirty days
by `bench/growth` and has the newest of those days reconciled with the sandbox's banks.
"""
