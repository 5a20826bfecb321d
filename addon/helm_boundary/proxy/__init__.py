"""The mitmproxy adapter: hooks in, verdicts out, and everything that keeps mitmproxy closed."""
