"""Receipts for others: bundles, explanations, other formats."""
