"""The checkout: what a payer sees and does on a page of ours to pay one order."""
