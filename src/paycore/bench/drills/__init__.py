"""`paycore drill`: what must hold is tried on real parts, and measured.

A drill starts what it needs in a temporary folder, breaks something on purpose under
load, and looks at the end whether banks and books agree. Each has a file of its own
with `run`, which gives figures, `table` for people and `document` for programs. What
comes out is figures; what must not happen is exit code 1.
"""
