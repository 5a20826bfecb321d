"""The report: what happened in a period, in one file that needs no network to be read or verified.

The figures come from the receipts' index; the receipts themselves are enclosed, and whoever opens
the report has their own browser verify them and sum them up again.
"""
