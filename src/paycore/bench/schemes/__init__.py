"""What a provider's way of signing costs: call by call, and in whole payments.

`tape.py` keeps what was really answered, `ground.py` has the providers and a node in
this process, `calls.py` makes each call once for real, and `run.py` makes them again
and again from the tape. `payments.py` is the second part: whole payments at providers,
in turn with the sandbox's own banks.
"""
