"""Signed receipts: written durably, chained, logged, and verifiable by strangers.

Start with `recorder.Recorder` to write them and `verify` or `fsck` to check them. This package
needs nothing but the standard library and `cryptography`, and knows nothing of proxies.
"""
