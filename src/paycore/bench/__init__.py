"""`paycore bench`: whole payments a second, with everything on this machine.

A node as users run it, its own PostgreSQL, the sandbox and the load driver share the
machine; every payment is checked, and beside the figure stands what pgbench does with
the same rows. It measures, it never tunes: no durability is off, no check is skipped.
What it measures and what it leaves out is in docs/benchmarks.md.
"""
