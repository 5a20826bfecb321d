"""The addon: mitmproxy's hooks, and everything that keeps mitmproxy from letting bytes past us."""
