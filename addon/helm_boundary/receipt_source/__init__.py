"""Where receipts are read from: a folder's journals, or a fleet's database.

What lists, counts, ships or shows receipts asks a `Source`, and doesn't know which it is.
"""
