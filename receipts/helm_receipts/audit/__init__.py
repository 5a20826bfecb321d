"""Verification: of receipts, of journals, and of a whole state folder."""
