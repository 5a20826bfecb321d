"""Files that survive a crash and belong to their owner alone."""
