"""Patterns over texts: what is sought, and what counts as found."""
