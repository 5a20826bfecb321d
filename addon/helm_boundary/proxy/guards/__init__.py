"""Guards that hold where none of our hooks is reached."""
