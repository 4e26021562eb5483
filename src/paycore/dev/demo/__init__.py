"""`paycore demo`: six payments on real parts, shown, and compared with the bank.

    run       from the first line to the last
    outside   a business line and the sandbox's control, as programs that speak HTTP
    stage     database, sandbox and a node that can be killed
    scenes    the six stories
    compare   what the banks charged against what we say and what we posted
    show      all of it for people, in 80 columns or more

Nothing here looks into a node: it knows our API and what the banks say. It is no
test; `tests/` keeps the promises that it shows.
"""
