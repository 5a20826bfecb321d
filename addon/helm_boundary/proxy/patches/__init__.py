"""Every replacement of a function of mitmproxy's, read in 12.2.3.

Each module names what it replaces; a test fails when the replaced source has changed.
"""
