"""Patterns over texts: what is looked for, and what counts as found."""
