"""The page: receipts as they come, what waits for a person, charts, and verification.

It is a web server of its own process, with tornado, which mitmproxy brings along. It reads a
state, a folder or a database, and writes one thing: what a person decides on an approval, with its
receipt.
"""
