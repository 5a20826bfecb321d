"""What policy authors use: check, test, bench, scaffolds."""
