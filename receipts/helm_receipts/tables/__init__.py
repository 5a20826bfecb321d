"""Receipts and the log in tables of a database, for many writers."""
