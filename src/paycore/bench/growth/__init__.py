"""What history costs: payments beside millions of finished ones, and beside none.

`pattern.py` and `history.py` say what the finished payments are, `fill.py` writes them,
`ground.py` has one set-up stand for each size, `run.py` measures them in turn.
"""
