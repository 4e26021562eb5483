"""`paycore bench recon`: a day of very many lines fetched, compared and told.

The bank is the sandbox, which writes the statement; our side is as payments leave it.
Neither is paid one by one: both records are filled with the same movements first.
"""
