"""Which requests are calls, and of which operation: by host, by path, by the body's shape."""
