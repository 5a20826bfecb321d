"""Recording: drafts become signed receipts, durable before they take effect."""
