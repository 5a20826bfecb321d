"""One receipt: statement, predicate, canonical JSON, signature, keys."""
