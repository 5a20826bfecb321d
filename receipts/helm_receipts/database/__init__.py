"""PostgreSQL as the place of a state: addresses, connections, migrations and leases."""
