"""What evaluates a policy: the embedded engine, its workers, an OPA server."""
