"""Bytes to plain values: content codings, strict JSON, forms."""
