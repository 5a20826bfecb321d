"""An index of receipts in SQLite, for whoever looks at many of them; the journal stays the truth.

The index holds what lists and sums are made of, and where each receipt is. Nothing in it is
evidence: what is verified is read from the journal. It can be deleted at any time.
"""
