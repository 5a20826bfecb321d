"""Programs brought under the boundary: what they are told, how they are run, and how to look."""
