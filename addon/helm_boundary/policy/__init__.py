"""Rego policies: read, checked and asked for decisions."""
