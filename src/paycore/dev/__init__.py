"""`paycore dev`: all of it on one machine, on loopback, with nothing to set up.

The pieces are here for tests, the demo and the benchmark as well: a folder with its
keys (`folder`), the cluster and the sandbox and nodes as children (`processes`), and
the data that it begins with (`seeds`). None of it is for production.
"""
