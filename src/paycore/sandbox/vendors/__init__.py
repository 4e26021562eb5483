"""One file a provider: how it speaks, from its own documents.

A file here is used where the sandbox's configuration names it under `vendors`. It has
one class, made with what its base class says, and a `Config` of its own keys; what is
too long for it stands beside it under its name.
"""
