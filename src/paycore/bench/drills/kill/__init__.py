"""The drill of the kills: processes, database and network die at random under load.

Two nodes, PostgreSQL, the sandbox and proxies between them; payers who do what payers
do; kill -9 by the hundred. In rounds: load and kills, then quiet, then everything that
anybody knows is compared. Every answer that was given must still be true.

    run.py       all rounds, the tally, the figures
    round.py     one round: load, quiet, compare
    parts.py     what is killed
    strikes.py   what may happen, drawn from a seed, and done
    payers.py    the load
    heard.py     every answer that was acknowledged
    queries.py   what the database says at the end
    compare.py   banks, orders, books, coupons and notices against one another: pure
    answers.py   what was acknowledged against what stands: pure
    refusals.py  what was refused, and what was never answered: pure
    auditing.py  the auditor's word on the same
    logs.py      the nodes' own word on their bugs
    story.py     a payment's story, where something differs
    record.py    the rounds on record: an interrupted run goes on
"""
