"""What the auditor asks of the ledger, for the catalogue: pure.

In a file of its own, as the catalogue is a page of one line a thing already.
"""

from typing import Final

from paycore.audit.invariant import Check
from paycore.audit.questions import books, ledger

I13: Final = (
    Check(name="a posting that does not balance", sql=books.DOES_A_POSTING_NOT_BALANCE),
    Check(name="books that do not add up", sql=books.DO_THE_BOOKS_NOT_ADD_UP),
    Check(name="an entry against the rules", sql=ledger.IS_AN_ENTRY_AGAINST_THE_RULES),
    Check(name="a day that does not add up", sql=ledger.DOES_A_DAY_NOT_ADD_UP),
)
I14: Final = (
    Check(name="a posting without its fact", sql=ledger.IS_A_POSTING_WITHOUT_ITS_FACT),
    Check(
        name="a posting that the feed lacks",
        sql=ledger.DOES_THE_FEED_LACK_A_POSTING,
        whole=True,
    ),
)
I15: Final = (
    Check(
        name="a day that is not the sum of its entries",
        sql=ledger.IS_A_DAY_NOT_THE_SUM_OF_ITS_ENTRIES,
        whole=True,
    ),
)
