"""Tools of policy authors: check, test, bench, scaffolds."""
