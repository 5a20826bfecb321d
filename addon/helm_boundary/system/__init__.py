"""What a machine is told so that everything on it is under the boundary, and how it is untold."""
