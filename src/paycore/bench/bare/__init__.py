"""The bare path: what a payment costs with nothing of ours that decides.

The same two end points, the same signed calls to the same banks, the same encryption,
the same rows in the same number of grouped commits, the same notice; no routing, no
states, no guards, no leases, no keys, no recovery. It loses money as soon as something
fails, and is what the leading ratio of the benchmark is measured against.
"""
