"""An index of receipts in SQLite, for whoever looks at many of them; their source stays the truth.

The index holds what lists and sums are made of, and where each receipt is. Nothing in it is
evidence: what is verified is read from the source. It can be deleted at any time.
"""
