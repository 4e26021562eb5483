"""`paycore demo`: eleven payments on real parts, shown, and compared with the bank.

    run         from the first line to the last
    outside     a business line, a bank's page and the sandbox's control, as programs
                that speak HTTP
    desk        people who reconcile a day and settle a case
    stage       database, sandbox and a node that can be killed
    play        what a scene acts with
    scenes      all stories in their order, and those of a payer who types a code
    agreed      those of a card signed and a mandate used
    afterwards  those of a refund, a late success and a statement
    provided    those over providers' own protocols (--channels)
    compare     what the banks charged against what we say and what we posted
    show        all of it for people, in 80 columns or more

Nothing here looks into a node: it knows our API, what the banks say, and what people
can do at the desk. It is no test; `tests/` keeps the promises that it shows.
"""
