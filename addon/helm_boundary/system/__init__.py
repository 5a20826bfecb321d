"""Settings of a whole machine that lead its traffic to the boundary, and how to undo them."""
