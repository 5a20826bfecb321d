"""Rego, read without an engine: syntax, lint, built-in functions, extensions."""
