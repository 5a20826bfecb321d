"""Programs under the boundary: their environment, how they are run, a summary of their calls."""
