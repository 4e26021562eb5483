"""The life of an agreement: signed with the bank's code, used, revoked from either end.

An agreement is an aggregate of its own, with a table of its own. Money is taken under
the row that the cards' vault has of it (`cards_agreement`), which is made in the commit
that makes it active and ends in the commit that takes it away.
"""
