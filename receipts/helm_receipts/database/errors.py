"""Errors of the database."""

from helm_receipts.errors import ReceiptError


class StateUnavailable(ReceiptError):
    """The database that holds the state can't be reached, or doesn't do what was asked of it."""


class LeaseLost(ReceiptError):
    """Another process holds the lease that this one wrote under."""
