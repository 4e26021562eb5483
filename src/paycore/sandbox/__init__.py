"""Banks, SMS carriers and a business line to try paycore with; a stranger to it.

Nothing here imports `paycore` outside this package and nothing of it is shared with
the channel adapters: what the sandbox says it charged is the oracle of every test
about money, and an oracle that shares code shares mistakes.
"""
