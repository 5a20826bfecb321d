"""mitmproxy's flows, converted to our values and back."""
