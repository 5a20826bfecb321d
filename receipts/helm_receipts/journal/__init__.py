"""The journal: segments of receipts, one folder for each writer."""
