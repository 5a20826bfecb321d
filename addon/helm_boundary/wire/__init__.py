"""Bytes read as plain values: content codings, strict JSON, forms."""
